// Numbers, lists and texts as plain bytes, for what the ranks of a training send to each other.
//
// Every list is preceded by its length, and nothing is read that is not there. Numbers are in the byte order of the machine:
// the ranks of a job are of one kind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace scout {

using Bytes = std::vector<std::byte>;

/// Appends to a byte string.
class ByteWriter {
 public:
  template <class Number>
  requires(std::is_arithmetic_v<Number> || std::is_enum_v<Number>) void operator()(const Number& number) {
    write(&number, sizeof number);
  }
  template <class Number>
  requires std::is_arithmetic_v<Number>
  void operator()(const std::vector<Number>& numbers) {
    (*this)(static_cast<std::uint64_t>(numbers.size()));
    write(numbers.data(), numbers.size() * sizeof(Number));
  }
  void operator()(const std::string& text) {
    (*this)(static_cast<std::uint64_t>(text.size()));
    write(text.data(), text.size());
  }

  Bytes take() { return std::move(bytes_); }

 private:
  void write(const void* data, std::size_t count) {
    const std::size_t begin = bytes_.size();
    bytes_.resize(begin + count);
    if (count > 0) std::memcpy(bytes_.data() + begin, data, count);
  }

  Bytes bytes_;
};

/// Reads back, in the same order, what a ByteWriter wrote. Throws std::runtime_error where the bytes end early or, at
/// `finish`, late. The bytes must outlive the reader.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <class Number>
  requires(std::is_arithmetic_v<Number> || std::is_enum_v<Number>) void operator()(Number& number) {
    read(&number, sizeof number);
  }
  template <class Number>
  requires std::is_arithmetic_v<Number>
  void operator()(std::vector<Number>& numbers) {
    numbers.resize(count(sizeof(Number)));
    read(numbers.data(), numbers.size() * sizeof(Number));
  }
  void operator()(std::string& text) {
    text.resize(count(1));
    read(text.data(), text.size());
  }

  /// The length of a list whose elements take at least `element_size` bytes each.
  std::size_t count(std::size_t element_size) {
    std::uint64_t elements = 0;
    (*this)(elements);
    if (elements > bytes_.size() / element_size)
      throw std::runtime_error("damaged message: a list is longer than the message");
    return static_cast<std::size_t>(elements);
  }
  /// What has not been read.
  std::span<const std::byte> rest() const { return bytes_; }
  void finish() const {
    if (!bytes_.empty()) {
      throw std::runtime_error("damaged message: " + std::to_string(bytes_.size()) + " bytes are left over");
    }
  }

 private:
  void read(void* data, std::size_t count) {
    if (count > bytes_.size()) throw std::runtime_error("damaged message: it ends early");
    if (count > 0) std::memcpy(data, bytes_.data(), count);
    bytes_ = bytes_.subspan(count);
  }

  std::span<const std::byte> bytes_;
};

}  // namespace scout
