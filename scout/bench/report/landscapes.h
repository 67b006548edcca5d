// The 2-D part of a report: paths of optimizers and of explorers over contours.
#pragma once

#include <filesystem>
#include <string>

namespace scout::bench {

/// HTML sections from DIR/trajectories.jsonl and DIR/explorers.jsonl (described in trajectory.h); empty if neither is there.
/// Throws std::invalid_argument naming the file if a line lacks a field.
std::string landscapes(const std::filesystem::path& directory);

}  // namespace scout::bench
