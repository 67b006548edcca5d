#include "scout/base/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>

#include "scout/base/files.h"

namespace scout {
namespace {

std::string machine() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

}  // namespace

FolderLock::FolderLock(const std::filesystem::path& folder) : path_(folder / ".lock") {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) {
    throw std::runtime_error("cannot make the folder " + folder.string() + ": " + failed.message() + ": give another");
  }
  while (true) {
    descriptor_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor_ < 0) {
      throw std::runtime_error("cannot write " + path_.string() + ": " + std::strerror(errno) +
                               ": give a folder that is writable");
    }
    const bool locked = flock(descriptor_, LOCK_EX | LOCK_NB) == 0;
    if (!locked && errno == EWOULDBLOCK) {
      close(descriptor_);
      std::string owner;
      std::getline(std::ifstream(path_) >> std::ws, owner);
      throw std::runtime_error(folder.string() + " is in use: " + (owner.empty() ? "another process" : owner) +
                               " writes into it. Wait until that has ended, or give another folder");
    }
    if (!locked || is_named(descriptor_, path_)) break;
    close(descriptor_);
  }
  const std::string owner = "process " + std::to_string(getpid()) + " on " + machine() + "\n";
  // For the message to others only: that it cannot be written, on a full disk, changes nothing.
  if (ftruncate(descriptor_, 0) == 0) [[maybe_unused]]
    const auto written = write(descriptor_, owner.data(), owner.size());
}

FolderLock::~FolderLock() {
  unlink(path_.c_str());
  close(descriptor_);
}

}  // namespace scout
