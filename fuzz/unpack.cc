// Archives of data sets: whatever a .tar.gz holds, nothing is written but regular files in the folder that it is for.
#include <archive.h>
#include <archive_entry.h>

#include <map>

#include "fuzz/target.h"
#include "scout/download/fetch.h"

namespace scout::fuzz {
namespace {

namespace fs = std::filesystem;
constexpr const char* kFolder = "set";
/// Of what is unpacked from an input of some kilobytes.
constexpr std::uintmax_t kMostBytes = 64 << 20;

using Files = std::map<std::string, std::string>;

std::string tar_of(const Files& files, bool compressed, int type = AE_IFREG, const char* link = nullptr) {
  std::string out(64 * 1024 + files.size() * 2048, '\0');
  for (const auto& [name, content] : files) out.resize(out.size() + content.size() + 2048);
  std::size_t used = 0;
  archive* tar = archive_write_new();
  archive_write_set_format_pax_restricted(tar);
  if (compressed) archive_write_add_filter_gzip(tar);
  archive_write_open_memory(tar, out.data(), out.size(), &used);
  for (const auto& [name, content] : files) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
    archive_entry_set_filetype(entry, static_cast<unsigned>(type));
    archive_entry_set_perm(entry, 0644);
    if (link != nullptr) archive_entry_set_symlink(entry, link);
    archive_write_header(tar, entry);
    archive_write_data(tar, content.data(), content.size());
    archive_entry_free(entry);
  }
  archive_write_close(tar);
  archive_write_free(tar);
  out.resize(used);
  return out;
}

/// Every path below `place` but the archive's, with its content.
Files tree_of(const fs::path& place) {
  Files out;
  for (const auto& entry : fs::recursive_directory_iterator(place)) {
    const std::string name = entry.path().lexically_relative(place);
    if (entry.is_symlink()) wrong("it made a link: " + name);
    if (entry.is_regular_file() && entry.file_size() > kMostBytes) wrong("a few bytes became a huge file");
    if (name == "archive") continue;
    out[name] = entry.is_regular_file() ? read_file(entry.path()) : "";
  }
  return out;
}

}  // namespace

std::vector<std::string> seeds() {
  const Files good{{"set/a.bin", "abc"}, {"set/b.bin", std::string(1000, 'x')}, {"other/c", "c"}};
  std::vector<std::string> out{tar_of(good, true), tar_of(good, false)};
  for (const char* name : {"../set/x", "/set/x", "set/../x", "set/", "set", "./set/x", "set/a/b", "set/..", "set/\xff"}) {
    out.push_back(tar_of({{name, "abc"}}, false));
  }
  out.push_back(tar_of({{"set/link", ""}}, false, AE_IFLNK, "../kept"));
  out.push_back(tar_of({{"set/" + std::string(300, 'n'), "abc"}}, false));
  // A sparse file of old GNU tar, which claims a terabyte.
  std::string sparse = tar_of({{"set/a.bin", "abc"}}, false);
  if (sparse.size() >= 1024) {
    sparse[156] = 'S';
    sparse.replace(257, 8, std::string("ustar  \0", 8));
    sparse.replace(386, 24,
                   "00000000000\0"
                   "00000000003\0",
                   24);
    sparse.replace(483, 12, "20000000000\0", 12);
    unsigned sum = 8 * ' ';
    for (std::size_t i = 0; i < 512; ++i) sum += i >= 148 && i < 156 ? 0 : static_cast<unsigned char>(sparse[i]);
    char digits[8];
    std::snprintf(digits, sizeof digits, "%06o", sum);
    sparse.replace(148, 8, std::string(digits, 7) + ' ');
    out.push_back(sparse);
  }
  return out;
}

void run(Input input) {
  const fs::path place = folder() / "data";
  fs::remove_all(place);
  fs::create_directories(place / kFolder);
  write_file(place / kFolder / "old", "old");
  write_file(place / "kept", "kept");
  const Files before = tree_of(place);
  write_file(place / "archive", text(input));
  const bool taken = takes<std::runtime_error>([&] { unpack_folder(place / "archive", kFolder, place); });
  Files after = tree_of(place);
  if (!taken) {
    expect(after == before, "it refused the archive and changed the folder");
    return;
  }
  expect(after.contains("kept") && after["kept"] == "kept", "it changed what is beside the folder");
  Files unpacked;
  for (const auto& [name, content] : after) {
    if (name == "kept" || name == kFolder) continue;
    expect(fs::path(name).parent_path() == kFolder, "it wrote outside the folder: " + name);
    unpacked[name] = content;
  }
  expect(!unpacked.empty() && !after.contains(std::string(kFolder) + "/old"), "the folder was not replaced");
  write_file(place / "archive", tar_of(unpacked, true));
  unpack_folder(place / "archive", kFolder, place);
  expect(tree_of(place) == after, "packed and unpacked they are other files");
}

}  // namespace scout::fuzz
