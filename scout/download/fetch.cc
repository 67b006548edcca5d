#include "scout/download/fetch.h"

#include <stdexcept>

#include "scout/data/images.h"
#include "scout/download/unpack.h"

namespace scout {
namespace fs = std::filesystem;
namespace {

/// Whether the data set is there as it should be.
bool is_intact(const ImageDataSet& set, const fs::path& folder) {
  if (!is_present(set, folder)) return false;
  try {
    load_images(set, folder);
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

}  // namespace

bool fetch_data(const ImageDataSet& set, const fs::path& folder, const FetchProgress& progress) {
  if (is_intact(set, folder)) return false;
  const bool archived = set.format == ImageFormat::cifar;
  for (const DataFile& file : set.downloads) {
    std::vector<std::string> addresses;
    for (const std::string& address : set.addresses) addresses.push_back(address + file.name);
    const fs::path path = archived ? folder / file.name : folder / set.folder / file.name;
    download(addresses, path, file.checksum, [&](std::int64_t done, std::int64_t total) {
      if (progress) progress(file.name, done, total);
    });
    if (!archived) continue;
    unpack_folder(path, set.folder, folder);
    fs::remove(path);
  }
  load_images(set, folder);
  return true;
}

}  // namespace scout
