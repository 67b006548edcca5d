// The file that a training run is continued from: written whole or not at all, and checked before it is believed.
//
//   "SCOUTCKP", format version (u32), content, CRC-32 of everything before it (u32), "COMPLETE"
//
// Numbers are in the byte order of the machine. The content is streamed in both directions: a replay of hundreds of
// megabytes is never copied in memory.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace scout {

/// Writes `path` + ".partial"; `finish` makes it `path`. Every error is a std::runtime_error naming the file and the cause.
class CheckpointWriter {
 public:
  explicit CheckpointWriter(const std::string& path);
  /// Removes an unfinished file.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  template <class Number>
  requires std::is_arithmetic_v<Number>
  void operator()(const Number& number) { write(&number, sizeof number); }
  template <class Number>
  void operator()(const std::vector<Number>& numbers) {
    (*this)(static_cast<std::uint64_t>(numbers.size()));
    write(numbers.data(), numbers.size() * sizeof(Number));
  }
  void operator()(const std::string& text) {
    (*this)(static_cast<std::uint64_t>(text.size()));
    write(text.data(), text.size());
  }

  /// Writes checksum and completion marker, waits until they are on the disk, and renames.
  void finish();

 private:
  void write(const void* bytes, std::size_t count);

  std::string path_;
  std::string partial_;
  std::FILE* file_;
  unsigned long checksum_;
};

/// Reads back, in the same order, what a CheckpointWriter wrote. The constructor reads the file once to check it, and throws
/// std::runtime_error that says whether the file is missing, no checkpoint, truncated, damaged, or of another format
/// version.
class CheckpointReader {
 public:
  explicit CheckpointReader(const std::string& path);

  template <class Number>
  requires std::is_arithmetic_v<Number>
  void operator()(Number& number) { read(&number, sizeof number); }
  template <class Number>
  void operator()(std::vector<Number>& numbers) {
    numbers.resize(count(sizeof(Number)));
    read(numbers.data(), numbers.size() * sizeof(Number));
  }
  void operator()(std::string& text) {
    text.resize(count(1));
    read(text.data(), text.size());
  }

  /// Throws std::runtime_error if there is content that was not read.
  void finish() const;

 private:
  void check();
  std::size_t count(std::size_t element_size);
  void read(void* bytes, std::size_t count);

  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::uint64_t left_ = 0;  // bytes of content
};

}  // namespace scout
