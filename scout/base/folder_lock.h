// One process at a time writes into a folder.
#pragma once

#include <filesystem>

namespace scout {

/// Holds a folder against every other FolderLock, of this process or another, as long as it lives. The operating system lets
/// it go with the process, however that ends. It is a lock (flock) on FOLDER/.lock, which is gone afterwards unless the
/// process was killed. On a file system without locks it protects from nothing.
class FolderLock {
 public:
  /// Makes the folder, if it is not there. Throws std::runtime_error naming the folder and who holds it, or why it cannot be
  /// written to.
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace scout
