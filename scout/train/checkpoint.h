// The file that a training run is continued from: written whole or not at all, and checked before it is believed.
//
//   "SCOUTCKP", format version (u32), content (an archive), CRC-32 of everything before it (u32), "COMPLETE"
//
// The content is streamed in both directions: a replay of hundreds of megabytes is never copied in memory.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "scout/base/archive.h"

namespace scout {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

/// Writes `path` + ".partial"; `finish` makes it `path`. Every error is a std::runtime_error naming the file and the cause.
class CheckpointWriter {
 public:
  explicit CheckpointWriter(const std::string& path);
  /// Removes an unfinished file.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  ArchiveWriter& content() { return content_; }
  /// Writes checksum and completion marker, waits until they are on the disk, and renames.
  void finish();

 private:
  void write(const void* bytes, std::size_t count);

  std::string path_;
  std::string partial_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  unsigned long checksum_;
  ArchiveWriter content_{[this](const void* bytes, std::size_t count) { write(bytes, count); }};
};

/// Reads back, in the same order, what a CheckpointWriter wrote. The constructor reads the file once to check it, and throws
/// std::runtime_error that says whether the file is missing, no checkpoint, truncated, damaged, or of another format
/// version.
class CheckpointReader {
 public:
  explicit CheckpointReader(const std::string& path);

  ArchiveReader& content() { return content_; }

 private:
  void read(void* bytes, std::size_t count);
  /// Returns the number of bytes of content, which begins at the file's position then.
  std::uint64_t check();

  std::string path_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  ArchiveReader content_;
};

}  // namespace scout
