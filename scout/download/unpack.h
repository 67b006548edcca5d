// Unpacks a folder of an archive.
#pragma once

#include <filesystem>
#include <string>

namespace scout {

/// Unpacks the regular files FOLDER/NAME of a .tar.gz into `into`/FOLDER, which is replaced; whatever else the archive holds
/// stays there. The files appear all at once or not at all. Throws std::runtime_error naming the archive and what is wrong.
void unpack_folder(const std::filesystem::path& archive, const std::string& folder, const std::filesystem::path& into);

}  // namespace scout
