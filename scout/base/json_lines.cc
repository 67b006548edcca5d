#include "scout/base/json_lines.h"

#include <fstream>
#include <stdexcept>

namespace scout {

std::string json_text(const nlohmann::json& value, int indent) {
  return value.dump(indent, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace);
}

nlohmann::json parse_json(const std::string& text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {  // which is all that there is to it in what is JSON
    const char c = text[i];
    if (quoted && c == '\\') {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == '[' || c == '{') && ++depth > kDeepestNesting) {
      throw std::invalid_argument("at byte " + std::to_string(i + 1) + " it is nested more than " +
                                  std::to_string(kDeepestNesting) + " deep");
    } else if (!quoted && (c == ']' || c == '}')) {
      --depth;
    }
  }
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    throw std::invalid_argument(error.what());
  }
}

std::string valid_utf8(const std::string& text) { return parse_json(json_text(text)).get<std::string>(); }

std::vector<nlohmann::json> read_json_lines(const std::filesystem::path& path) {
  std::vector<nlohmann::json> out;
  std::ifstream file(path, std::ios::binary);
  std::string line;
  for (int number_of_line = 1; std::getline(file, line); ++number_of_line) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    try {
      out.push_back(parse_json(line));
    } catch (const std::invalid_argument& error) {
      if (file.eof()) break;
      throw std::invalid_argument(path.string() + ":" + std::to_string(number_of_line) + ": not JSON: " + error.what());
    }
  }
  return out;
}

void append_lines(const std::filesystem::path& path, const std::string& lines) {
  if (lines.empty()) return;
  std::ifstream before(path, std::ios::binary | std::ios::ate);
  const bool glued = before && before.tellg() > 0 && before.seekg(-1, std::ios::end).get() != '\n';
  std::ofstream file(path, std::ios::app | std::ios::binary);
  file << (glued ? "\n" : "") << lines;
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path.string() + ": is the folder writable, the disk full?");
}

void write_atomically(const std::filesystem::path& path, const std::string& content) {
  auto temporary = path;
  temporary += ".partial";
  std::ofstream file(temporary, std::ios::binary);
  file << content;
  file.close();
  if (!file) throw std::runtime_error("cannot write " + temporary.string() + ": is the folder writable, the disk full?");
  std::filesystem::rename(temporary, path);
}

}  // namespace scout
