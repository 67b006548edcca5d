#include "scout/base/json_lines.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <stdexcept>

#include "scout/base/files.h"

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
  LineFile file(path);
  file.append(lines);
  file.sync();
}

void write_atomically(const std::filesystem::path& path, const std::string& content) {
  auto partial = path;
  partial += ".partial";
  int descriptor = -1;
  while (true) {
    descriptor = open(partial.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0) cannot_write(path, errno);
    // Processes that do so at once take turns: who was before has renamed it meanwhile.
    if (flock(descriptor, LOCK_EX) != 0 || is_named(descriptor, partial)) break;
    close(descriptor);
  }
  try {
    if (ftruncate(descriptor, 0) != 0) cannot_write(path, errno);
    write_all(descriptor, content, path);
    sync_file(descriptor, path);
    if (std::rename(partial.c_str(), path.c_str()) != 0) cannot_write(path, errno);
  } catch (...) {
    unlink(partial.c_str());
    close(descriptor);
    throw;
  }
  close(descriptor);
  sync_name(path);
}

}  // namespace scout
