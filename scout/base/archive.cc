#include "scout/base/archive.h"

#include <bit>
#include <cstring>
#include <stdexcept>

namespace scout {

static_assert(std::endian::native == std::endian::little, "files and messages are little-endian");

void ArchiveWriter::raw(const void* data, std::size_t count) {
  if (count == 0) return;
  if (sink_) return sink_(data, count);
  const std::size_t begin = bytes_.size();
  bytes_.resize(begin + count);
  std::memcpy(bytes_.data() + begin, data, count);
}

ArchiveReader::ArchiveReader(std::span<const std::byte> bytes, std::string name)
    : source_([bytes](void* data, std::size_t count) mutable {
        std::memcpy(data, bytes.data(), count);
        bytes = bytes.subspan(count);
      }),
      left_(bytes.size()),
      name_(std::move(name)) {}

void ArchiveReader::raw(void* data, std::size_t count) {
  if (count > left_) fail("it ends early");
  if (count > 0) source_(data, count);
  left_ -= count;
}

std::size_t ArchiveReader::count(std::size_t element_size) {
  std::uint64_t elements = 0;
  (*this)(elements);
  if (elements > left_ / element_size) fail("a list is longer than the whole");
  return static_cast<std::size_t>(elements);
}

void ArchiveReader::finish() const {
  if (left_ > 0) fail(std::to_string(left_) + " bytes are left over");
}

void ArchiveReader::fail(const std::string& what) const { throw std::runtime_error("damaged " + name_ + ": " + what); }

}  // namespace scout
