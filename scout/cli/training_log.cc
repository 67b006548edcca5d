#include "scout/cli/training_log.h"

#include <fmt/format.h>

#include <stdexcept>

#include "scout/base/json_lines.h"

namespace scout {

std::vector<nlohmann::json> read_training_log(const std::filesystem::path& path) {
  std::vector<nlohmann::json> lines = read_json_lines(path);
  for (std::size_t k = 0; k < lines.size(); ++k) {
    const bool right = lines[k].is_object() && (!lines[k].contains("round") || lines[k]["round"].is_number_integer());
    if (right) continue;
    throw std::invalid_argument(
        fmt::format("{}, line {}: not a line of a training: mend or remove that line", path.string(), k + 1));
  }
  return lines;
}

std::string gap_in_log(const std::vector<nlohmann::json>& lines, std::int64_t round) {
  std::int64_t next = 0;  // the header
  for (const nlohmann::json& line : lines) {
    const auto here = line.value("round", std::int64_t{0});
    if (here > round) continue;
    if (here != next) return fmt::format("round {} follows where {} was due", here, next);
    ++next;
  }
  if (next > round) return "";
  return next == 0 ? "it has no line" : fmt::format("it ends after round {} of {}", next - 1, round);
}

}  // namespace scout
