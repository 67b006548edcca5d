#include "scout/base/json_lines.h"

#include <fstream>
#include <stdexcept>

namespace scout {

std::vector<nlohmann::json> read_json_lines(const std::filesystem::path& path) {
  std::vector<nlohmann::json> out;
  std::ifstream file(path, std::ios::binary);
  std::string line;
  for (int number_of_line = 1; std::getline(file, line); ++number_of_line) {
    if (line.empty() || file.eof()) continue;
    try {
      out.push_back(nlohmann::json::parse(line));
    } catch (const nlohmann::json::exception& error) {
      throw std::invalid_argument(path.string() + ":" + std::to_string(number_of_line) + ": not JSON: " + error.what());
    }
  }
  return out;
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
