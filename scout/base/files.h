// Writing to files such that a kill, a full disk or a power cut leaves them whole. Every error is a std::runtime_error
// naming path and reason.
#pragma once

#include <filesystem>
#include <string_view>

namespace scout {

/// Writes all of `bytes`, if it must in several parts.
void write_all(int descriptor, std::string_view bytes, const std::filesystem::path& path);
/// Waits until what was written is on the disk, as far as its file system can say.
void sync_file(int descriptor, const std::filesystem::path& path);
/// The same of the name of a new file.
void sync_name(const std::filesystem::path& path);
/// Throws the error that `reason`, a value of errno, stands for.
[[noreturn]] void cannot_write(const std::filesystem::path& path, int reason);
/// Whether `path` still is the file that was opened as `descriptor`: another process may have renamed or removed it.
bool is_named(int descriptor, const std::filesystem::path& path);

/// A file of JSON lines that grows.
class LineFile {
 public:
  /// Opens it, or makes it. What a kill has left of a last line, without its newline and no JSON, is cut off.
  explicit LineFile(std::filesystem::path path);
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  /// Appends `lines`, which end in a newline each. If that fails, none of them is there.
  void append(std::string_view lines);
  void sync() { sync_file(descriptor_, path_); }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace scout
