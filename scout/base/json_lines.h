// JSON as text, files of JSON lines, and files that are replaced whole.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace scout {

/// `value` as text, on one line unless there is an `indent`. What is not UTF-8 in it, such as a path in Latin-1, becomes
/// U+FFFD; `dump` would throw.
std::string json_text(const nlohmann::json& value, int indent = -1);
/// Lists and objects in one another, at most: whoever copies or writes JSON takes stack for each.
inline constexpr int kDeepestNesting = 128;
/// Throws std::invalid_argument that says where, if `text` is not JSON or nested more deeply.
nlohmann::json parse_json(const std::string& text);
/// `text` as it comes back from JSON.
std::string valid_utf8(const std::string& text);

/// Reads a file of JSON lines. An unfinished last line, as a killed run leaves it, is dropped: one without a newline that is
/// not JSON. A missing file has no lines. Throws std::invalid_argument naming file and line.
std::vector<nlohmann::json> read_json_lines(const std::filesystem::path& path);
/// Appends `lines`, which end in a newline each, to the file, behind a newline where its last line has none. Throws
/// std::runtime_error naming the path.
void append_lines(const std::filesystem::path& path, const std::string& lines);

/// Replaces `path` by `content`, whole or not at all. Throws std::runtime_error naming the path.
void write_atomically(const std::filesystem::path& path, const std::string& content);

}  // namespace scout
