#include "scout/train/checkpoint.h"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string_view>

#include "scout/base/files.h"

namespace scout {
namespace {

constexpr std::string_view kMagic = "SCOUTCKP";
constexpr std::string_view kComplete = "COMPLETE";
constexpr std::uint32_t kVersion = 4;
constexpr std::size_t kHeadSize = kMagic.size() + sizeof kVersion;
constexpr std::size_t kTailSize = sizeof(std::uint32_t) + kComplete.size();

const std::string kRemedy = ": put a whole copy in its place, or begin anew in another folder";

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw std::runtime_error("checkpoint '" + path + "' " + what);
}

std::string reason() { return std::strerror(errno); }

}  // namespace

CheckpointWriter::CheckpointWriter(const std::string& path)
    : path_(path), partial_(path + ".partial"), file_(std::fopen(partial_.c_str(), "wbe")), checksum_(crc32(0, nullptr, 0)) {
  if (file_ == nullptr) fail(path_, "cannot be written: " + reason());
  content_.raw(kMagic.data(), kMagic.size());
  content_(kVersion);
}

CheckpointWriter::~CheckpointWriter() {
  if (file_ != nullptr) std::remove(partial_.c_str());
}

void CheckpointWriter::write(const void* bytes, std::size_t count) {
  if (count == 0) return;  // zlib takes a null pointer for a new start
  checksum_ = crc32_z(checksum_, static_cast<const Bytef*>(bytes), count);
  if (std::fwrite(bytes, 1, count, file_.get()) != count) fail(path_, "cannot be written: " + reason());
}

void CheckpointWriter::finish() {
  content_(static_cast<std::uint32_t>(checksum_));
  content_.raw(kComplete.data(), kComplete.size());
  if (std::fflush(file_.get()) != 0 || fsync(fileno(file_.get())) != 0) fail(path_, "cannot be written: " + reason());
  if (std::fclose(file_.release()) != 0 || std::rename(partial_.c_str(), path_.c_str()) != 0) {
    const std::string why = reason();
    std::remove(partial_.c_str());
    fail(path_, "cannot be written: " + why);
  }
  sync_name(path_);
}

CheckpointReader::CheckpointReader(const std::string& path)
    : path_(path),
      file_(std::fopen(path.c_str(), "rb")),
      content_([this](void* bytes, std::size_t count) { read(bytes, count); }, check(), "checkpoint '" + path + "'") {}

void CheckpointReader::read(void* bytes, std::size_t count) {
  if (std::fread(bytes, 1, count, file_.get()) != count) fail(path_, "cannot be read: " + reason());
}

std::uint64_t CheckpointReader::check() {
  if (file_ == nullptr) fail(path_, "cannot be read: " + reason());
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path_, error);
  if (error) fail(path_, "cannot be read: " + error.message());
  std::array<char, kHeadSize> head{};
  const std::size_t found = std::fread(head.data(), 1, head.size(), file_.get());
  if (std::string_view(head.data(), std::min(found, kMagic.size())) != kMagic.substr(0, found)) {
    fail(path_, "is not a checkpoint of scout" + kRemedy);
  }
  if (size < kHeadSize + kTailSize) fail(path_, "is truncated: it has " + std::to_string(size) + " bytes" + kRemedy);
  std::uint32_t version = 0;
  std::memcpy(&version, head.data() + kMagic.size(), sizeof version);
  if (version != kVersion) {
    fail(path_, "has format version " + std::to_string(version) + ", this program reads " + std::to_string(kVersion) +
                    ": continue with the program that wrote it");
  }
  std::rewind(file_.get());
  unsigned long checksum = crc32(0, nullptr, 0);
  std::vector<unsigned char> buffer(std::min<std::uint64_t>(size, 1 << 20));
  for (std::uint64_t rest = size - kTailSize; rest > 0;) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(rest, buffer.size()));
    read(buffer.data(), part);
    checksum = crc32_z(checksum, buffer.data(), part);
    rest -= part;
  }
  std::array<char, kTailSize> tail{};
  read(tail.data(), tail.size());
  if (std::string_view(tail.data() + sizeof(std::uint32_t), kComplete.size()) != kComplete) {
    fail(path_, "is truncated: its completion marker is missing" + kRemedy);
  }
  std::uint32_t expected = 0;
  std::memcpy(&expected, tail.data(), sizeof expected);
  if (expected != static_cast<std::uint32_t>(checksum))
    fail(path_, "is damaged: its checksum does not match its content" + kRemedy);
  std::fseek(file_.get(), static_cast<long>(kHeadSize), SEEK_SET);
  return size - kHeadSize - kTailSize;
}

}  // namespace scout
