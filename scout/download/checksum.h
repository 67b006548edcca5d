// Checksums of files.
#pragma once

#include <filesystem>
#include <string>

namespace scout {

/// The checksum of a file as "ALGORITHM:HEX", by the algorithm of `like`, e.g. "sha256:..." or "md5:...". MD5 protects
/// against damage only; it serves where the authors of a data set publish nothing else. Throws std::runtime_error if the
/// file cannot be read, std::invalid_argument for an unknown algorithm.
std::string checksum(const std::filesystem::path& path, const std::string& like);

}  // namespace scout
