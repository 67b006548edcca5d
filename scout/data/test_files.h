// For tests only: small data sets in the official formats, in a temporary folder.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "scout/data/catalog.h"

namespace scout {

using Bytes = std::vector<std::uint8_t>;

/// A folder that lives as long as the test.
class TemporaryFolder {
 public:
  TemporaryFolder()
      : path_(std::filesystem::path(testing::TempDir()) /
              ("scout_" + std::to_string(getpid()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->test_suite_name() + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline void write_file(const std::filesystem::path& path, const Bytes& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
}

inline Bytes read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_gzip(const std::filesystem::path& path, const Bytes& bytes) {
  std::filesystem::create_directories(path.parent_path());
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
}

/// An IDX file of unsigned bytes.
inline Bytes idx(const std::vector<std::uint32_t>& shape, const Bytes& data) {
  Bytes out{0, 0, 8, static_cast<std::uint8_t>(shape.size())};
  for (const std::uint32_t n : shape) {
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(n >> shift));
  }
  out.insert(out.end(), data.begin(), data.end());
  return out;
}

/// Bytes that differ from place to place.
inline Bytes pattern(std::size_t count, unsigned step) {
  Bytes out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::uint8_t>(i * step % 251);
  return out;
}

/// 20 and 10 images of 4x4 in grey, 3 classes.
inline ImageDataSet small_idx() {
  ImageDataSet set = image_data_set("mnist");
  set.name = "small-idx";
  set.side = 4;
  set.classes = 3;
  set.train_count = 20;
  set.test_count = 10;
  set.folder = "small-idx";
  return set;
}
inline Bytes labels_below(std::size_t count, unsigned classes) {
  Bytes out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::uint8_t>(i % classes);
  return out;
}
inline void write_small_idx(const ImageDataSet& set, const std::filesystem::path& folder) {
  const auto home = folder / set.folder;
  write_gzip(home / set.train_files[0], idx({20, 4, 4}, pattern(320, 7)));
  write_gzip(home / set.train_files[1], idx({20}, labels_below(20, 3)));
  write_gzip(home / set.test_files[0], idx({10, 4, 4}, pattern(160, 11)));
  write_gzip(home / set.test_files[1], idx({10}, labels_below(10, 3)));
}

/// 20 (in two files) and 5 images of 4x4 in colour, 5 classes, after a coarse label.
inline ImageDataSet small_cifar() {
  ImageDataSet set = image_data_set("cifar-100");
  set.name = "small-cifar";
  set.side = 4;
  set.classes = 5;
  set.train_count = 20;
  set.test_count = 5;
  set.folder = "small-cifar-binary";
  set.train_files = {"one.bin", "two.bin"};
  return set;
}
inline Bytes cifar_records(std::size_t count, unsigned classes, unsigned step) {
  const Bytes pixels = pattern(count * 48, step);
  Bytes out;
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back(200);  // the coarse label, which is not used
    out.push_back(static_cast<std::uint8_t>(i % classes));
    out.insert(out.end(), pixels.begin() + static_cast<std::ptrdiff_t>(i * 48),
               pixels.begin() + static_cast<std::ptrdiff_t>((i + 1) * 48));
  }
  return out;
}
inline void write_small_cifar(const ImageDataSet& set, const std::filesystem::path& folder) {
  write_file(folder / set.folder / "one.bin", cifar_records(10, 5, 3));
  write_file(folder / set.folder / "two.bin", cifar_records(10, 4, 5));
  write_file(folder / set.folder / "test.bin", cifar_records(5, 5, 13));
}

}  // namespace scout
