#include "scout/base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace scout {
namespace {

/// How many of the `size` bytes of `path` are whole lines, and whether the last of these lacks its newline.
std::pair<std::int64_t, bool> whole_lines(const std::filesystem::path& path, std::int64_t size) {
  std::ifstream file(path, std::ios::binary);
  if (size == 0 || file.seekg(size - 1).get() == '\n') return {size, false};
  std::string all(static_cast<std::size_t>(size), '\0');
  file.seekg(0).read(all.data(), size);
  const auto newline = all.rfind('\n');
  const std::size_t begin = newline == std::string::npos ? 0 : newline + 1;
  if (nlohmann::json::accept(all.substr(begin))) return {size, true};
  return {static_cast<std::int64_t>(begin), false};
}

}  // namespace

void write_all(int descriptor, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t count = write(descriptor, bytes.data(), bytes.size());
    if (count >= 0) bytes.remove_prefix(static_cast<std::size_t>(count));
    if (count < 0 && errno != EINTR) cannot_write(path, errno);
  }
}

void sync_file(int descriptor, const std::filesystem::path& path) {
  while (fsync(descriptor) != 0) {
    if (errno == EINVAL || errno == EROFS || errno == ENOTSUP) return;
    if (errno != EINTR) cannot_write(path, errno);
  }
}

void sync_name(const std::filesystem::path& path) {
  const auto folder = std::filesystem::absolute(path).parent_path();
  if (const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); descriptor >= 0) {
    fsync(descriptor);
    close(descriptor);
  }
}

void cannot_write(const std::filesystem::path& path, int reason) {
  std::string advice;
  if (reason == ENOSPC || reason == EDQUOT) advice = ". Make room there";
  if (reason == EFBIG) advice = ". Raise the limit on the size of files (ulimit -f)";
  throw std::runtime_error("cannot write " + path.string() + ": " + std::strerror(reason) + advice);
}

bool is_named(int descriptor, const std::filesystem::path& path) {
  struct stat opened {
  }, there{};
  return fstat(descriptor, &opened) == 0 && stat(path.c_str(), &there) == 0 && opened.st_ino == there.st_ino &&
         opened.st_dev == there.st_dev;
}

LineFile::LineFile(std::filesystem::path path) : path_(std::move(path)) {
  descriptor_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor_ < 0) cannot_write(path_, errno);
  try {
    const std::int64_t size = lseek(descriptor_, 0, SEEK_END);
    const auto [whole, unended] = whole_lines(path_, size);
    if (whole != size && ftruncate(descriptor_, whole) != 0) cannot_write(path_, errno);
    if (unended) append("\n");
  } catch (...) {
    close(descriptor_);
    throw;
  }
}

LineFile::~LineFile() { close(descriptor_); }

void LineFile::append(std::string_view lines) {
  const off_t before = lseek(descriptor_, 0, SEEK_END);
  try {
    write_all(descriptor_, lines, path_);
  } catch (...) {
    [[maybe_unused]] const int cut = ftruncate(descriptor_, before);
    throw;
  }
}

}  // namespace scout
