#include "scout/problem/axis_values.h"

#include <stdexcept>

#include "scout/base/options.h"

namespace scout {

std::vector<std::string> divide_at(std::string_view text, char separator) {
  std::vector<std::string> out;
  while (true) {
    const auto end = text.find(separator);
    out.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

nlohmann::json axis_values(std::string_view assignments, std::string_view word) {
  auto values = nlohmann::json::object();
  for (const std::string& assignment : divide_at(assignments, ',')) {
    const auto equals = assignment.find('=');
    if (equals == std::string::npos) {
      throw std::invalid_argument("expected AXIS=VALUE or AXIS=VALUE|VALUE, e.g. batch=32, found '" + assignment + "'");
    }
    const std::string key = assignment.substr(0, equals);
    auto list = nlohmann::json::array();
    for (const std::string& value : divide_at(std::string_view(assignment).substr(equals + 1), '|')) {
      list.push_back(key == word ? nlohmann::json(value) : parse_assignment(key + "=" + value)[key]);
    }
    values[key] = list.size() == 1 ? list[0] : list;
  }
  return values;
}

}  // namespace scout
