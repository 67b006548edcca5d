// Files of JSON lines, and files that are replaced whole.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace scout {

/// Reads a file of JSON lines. An unfinished last line, as a killed run leaves it, is dropped. A missing file has no lines.
/// Throws std::invalid_argument naming file and line.
std::vector<nlohmann::json> read_json_lines(const std::filesystem::path& path);

/// Replaces `path` by `content`, whole or not at all. Throws std::runtime_error naming the path.
void write_atomically(const std::filesystem::path& path, const std::string& content);

}  // namespace scout
