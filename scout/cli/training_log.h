// The log that a training leaves, read again: to go on, and to compare.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace scout {

/// The lines of a log.jsonl, or of an explorers.jsonl: objects, whose "round" is a whole number where there is one; no lines
/// if there is no file. Throws std::invalid_argument naming file and line where it is not so.
std::vector<nlohmann::json> read_training_log(const std::filesystem::path& path);

/// What is wrong with the lines of a log that should have a header and a line for each round up to `round`, once and in
/// order; empty if nothing is.
std::string gap_in_log(const std::vector<nlohmann::json>& lines, std::int64_t round);

}  // namespace scout
