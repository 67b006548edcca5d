#include "scout/problem/classifier/axes.h"

#include <charconv>
#include <stdexcept>

#include "scout/base/json_lines.h"

namespace scout {
namespace {

std::vector<std::string> divide_at(std::string_view text, char separator) {
  std::vector<std::string> out;
  while (true) {
    const auto end = text.find(separator);
    out.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

/// "32x64" as numbers; "" as none.
std::vector<int> widths(const std::string& text) {
  std::vector<int> out;
  if (text.empty()) return out;
  for (const std::string& part : divide_at(text, 'x')) {
    int width = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), width);
    if (error != std::errc() || end != part.data() + part.size() || width < 1) {
      throw_bad_option("hidden", json_text(text), "whole numbers >= 1 with an x between them, e.g. 32x32");
    }
    out.push_back(width);
  }
  return out;
}

}  // namespace

void set_axes(ClassifierAxes& axes, std::string_view assignments) {
  auto values = nlohmann::json::object();
  for (const std::string& assignment : divide_at(assignments, ',')) {
    const auto equals = assignment.find('=');
    if (equals == std::string::npos) {
      throw std::invalid_argument("expected AXIS=VALUE or AXIS=VALUE|VALUE, e.g. batch=32, found '" + assignment + "'");
    }
    const std::string key = assignment.substr(0, equals);
    const bool word = key == "hidden";  // "20" is a list of one width there, not a number
    auto list = nlohmann::json::array();
    for (const std::string& value : divide_at(std::string_view(assignment).substr(equals + 1), '|')) {
      list.push_back(word ? nlohmann::json(value) : parse_assignment(key + "=" + value)[key]);
    }
    values[key] = list.size() == 1 ? list[0] : list;
  }
  set_options(axes, values);
  for (const std::string& text : axes.hidden) widths(text);
}

ClassifierChoice choose(const ClassifierAxes& axes, Seed seed) {
  const auto one_of = [&](const char* axis, const auto& values) {
    return values[Random(seed.derive("axis").derive(axis)).index(values.size())];
  };
  return {.hidden = widths(one_of("hidden", axes.hidden)),
          .activation = one_of("activation", axes.activation),
          .init = one_of("init", axes.init),
          .batch = one_of("batch", axes.batch),
          .side = one_of("side", axes.side),
          .augment = axes.augment,
          .rescale = one_of("rescale", axes.rescale),
          .label_noise = one_of("label_noise", axes.label_noise)};
}

}  // namespace scout
