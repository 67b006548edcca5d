#include "scout/download/fetch.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <stdexcept>

#include "scout/base/folder_lock.h"
#include "scout/data/images.h"

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

/// What is unpacked may be so many times as large as the archive, and a little more. Sparse files and archives made for it
/// claim to hold terabytes.
constexpr std::uintmax_t kMostGrowth = 64, kSlack = 16 << 20;

/// Empty if the locale has no such name.
fs::path name_of(archive_entry* entry) {
  const char* name = archive_entry_pathname(entry);
  if (name == nullptr) name = archive_entry_pathname_utf8(entry);
  return name != nullptr ? fs::path(name).lexically_normal() : fs::path();
}

/// Removes a folder unless it was moved away.
struct Scratch {
  fs::path path;
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

}  // namespace

void unpack_folder(const fs::path& path, const std::string& folder, const fs::path& into) {
  const auto fail = [&](const std::string& why) { throw std::runtime_error("cannot unpack " + path.string() + ": " + why); };
  const std::unique_ptr<archive, int (*)(archive*)> tar(archive_read_new(), archive_read_free);
  archive_read_support_filter_gzip(tar.get());
  archive_read_support_format_tar(tar.get());
  const auto fail_as_read = [&] {
    const char* why = archive_error_string(tar.get());  // may be null
    fail(why != nullptr ? why : "it cannot be read");
  };
  constexpr std::size_t block = 1 << 16;
  if (archive_read_open_filename(tar.get(), path.c_str(), block) != ARCHIVE_OK) fail_as_read();

  const Scratch scratch{into / ("." + folder + "." + std::to_string(getpid()))};
  fs::create_directories(scratch.path);
  std::vector<char> buffer(block);
  int files = 0;
  std::uintmax_t room = kSlack + kMostGrowth * fs::file_size(path);
  while (true) {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(tar.get(), &entry);
    if (status == ARCHIVE_EOF) break;
    if (status != ARCHIVE_OK) fail_as_read();
    const fs::path name = name_of(entry);
    if (name.empty()) fail("a name in it is none under this locale");
    if (archive_entry_filetype(entry) != AE_IFREG || name.parent_path() != fs::path(folder)) continue;
    const fs::path target = scratch.path / name.filename();
    std::ofstream file(target, std::ios::binary);
    la_ssize_t got = 0;
    while ((got = archive_read_data(tar.get(), buffer.data(), buffer.size())) > 0) {
      if (static_cast<std::uintmax_t>(got) > room) fail("it holds far more than its size allows for");
      room -= static_cast<std::uintmax_t>(got);
      file.write(buffer.data(), got);
    }
    if (got < 0) fail_as_read();
    file.close();
    if (!file) fail("cannot write " + target.string() + ": is the folder writable, the disk full?");
    ++files;
  }
  if (files == 0) fail("expected files in " + folder + "/, found none");
  fs::remove_all(into / folder);
  fs::rename(scratch.path, into / folder);
}

bool fetch_data(const ImageDataSet& set, const fs::path& folder, const FetchProgress& progress) {
  if (is_intact(set, folder)) return false;
  fs::create_directories(folder);
  const FolderLock lock(folder);
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
