#include "scout/base/json_lines.h"

#include <fstream>
#include <stdexcept>

namespace scout {

std::string json_text(const nlohmann::json& value, int indent) {
  return value.dump(indent, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace);
}

std::string valid_utf8(const std::string& text) { return nlohmann::json::parse(json_text(text)).get<std::string>(); }

std::vector<nlohmann::json> read_json_lines(const std::filesystem::path& path) {
  std::vector<nlohmann::json> out;
  std::ifstream file(path, std::ios::binary);
  std::string line;
  for (int number_of_line = 1; std::getline(file, line); ++number_of_line) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    try {
      out.push_back(nlohmann::json::parse(line));
    } catch (const nlohmann::json::exception& error) {
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
