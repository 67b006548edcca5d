// Gets a data set from its official address: downloads files, compares checksums, unpacks.
#pragma once

#include <functional>

#include "scout/data/catalog.h"

namespace scout {

/// The checksum of a file as "ALGORITHM:HEX", by the algorithm of `like`, e.g. "sha256:..." or "md5:...". MD5 protects
/// against damage only; it serves where the authors of a data set publish nothing else. Throws std::runtime_error if the
/// file cannot be read, std::invalid_argument for an unknown algorithm.
std::string checksum(const std::filesystem::path& path, const std::string& like);

/// Bytes so far, and in all (0 while unknown).
using DownloadProgress = std::function<void(std::int64_t done, std::int64_t total)>;

/// Downloads the file at the first of `addresses` (http, https, file) that serves it to `path`. Nothing happens if `path` is
/// there with this `checksum`. The bytes go to PATH.part, which a later call continues where this one stopped, and which
/// becomes `path` once the checksum is right: `path` is never incomplete. Throws std::runtime_error naming each address with
/// what went wrong there.
void download(const std::vector<std::string>& addresses, const std::filesystem::path& path, const std::string& checksum,
              const DownloadProgress& progress = {});

/// Unpacks the regular files FOLDER/NAME of a .tar.gz into `into`/FOLDER, which is replaced; whatever else the archive holds
/// stays there. The files appear all at once or not at all. Throws std::runtime_error naming the archive and what is wrong.
void unpack_folder(const std::filesystem::path& archive, const std::string& folder, const std::filesystem::path& into);

/// A file that is being downloaded, and how far.
using FetchProgress = std::function<void(const std::string& file, std::int64_t done, std::int64_t total)>;

/// Brings `set` into `folder`, from where it is read once as a check. What is there and right stays. Returns false if that
/// is everything. One process at a time fetches into a folder (FolderLock). A file that the user put beside it by hand (the
/// archive of CIFAR in `folder`) is used too. Throws std::runtime_error that says what went wrong and what to do; see
/// `download`.
bool fetch_data(const ImageDataSet& set, const std::filesystem::path& folder, const FetchProgress& progress = {});

}  // namespace scout
