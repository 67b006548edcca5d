// Downloads a file whose checksum is known.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace scout {

/// Bytes so far, and in all (0 while unknown).
using DownloadProgress = std::function<void(std::int64_t done, std::int64_t total)>;

/// Downloads the file at the first of `addresses` (http, https, file) that serves it to `path`. Nothing happens if `path` is
/// there with this `checksum` (see checksum.h). The bytes go to PATH.part, which a later call continues where this one
/// stopped, and which becomes `path` once the checksum is right: `path` is never incomplete. Throws std::runtime_error
/// naming each address with what went wrong there.
void download(const std::vector<std::string>& addresses, const std::filesystem::path& path, const std::string& checksum,
              const DownloadProgress& progress = {});

}  // namespace scout
