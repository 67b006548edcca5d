// Numbers, lists and texts as bytes: the one format of checkpoints, policy files, saved states and messages between ranks.
//
// Numbers are little-endian. Every list is preceded by its length (u64), and nothing is read that is not there. A type with
// a member `template <class Archive> void visit(Archive&)` is written and read field by field.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace scout {

using Bytes = std::vector<std::byte>;

template <class T>
concept Plain = std::is_arithmetic_v<T> || std::is_enum_v<T>;

class ArchiveWriter {
 public:
  using Sink = std::function<void(const void* data, std::size_t count)>;

  /// To memory; see `take`.
  ArchiveWriter() = default;
  /// Hands the bytes on as they come.
  explicit ArchiveWriter(Sink sink) : sink_(std::move(sink)) {}

  void operator()(const Plain auto& number) { raw(&number, sizeof number); }
  void operator()(const std::string& text) { list(text.data(), text.size(), 1); }
  template <class Element>
  void operator()(const std::vector<Element>& elements) {
    if constexpr (Plain<Element> && !std::is_same_v<Element, bool>) {
      list(elements.data(), elements.size(), sizeof(Element));
    } else {
      (*this)(static_cast<std::uint64_t>(elements.size()));
      for (const Element& element : elements) (*this)(element);
    }
  }
  template <class Structure>
  requires requires(Structure& s, ArchiveWriter& archive) { s.visit(archive); }
  void operator()(const Structure& structure) { const_cast<Structure&>(structure).visit(*this); }
  /// One after the other.
  template <class... Several>
  requires(sizeof...(Several) > 1) void operator()(const Several&... several) { ((*this)(several), ...); }

  /// See ArchiveReader.
  template <class... Lists>
  void fixed(const Lists&... lists) {
    ((*this)(lists), ...);
  }

  void raw(const void* data, std::size_t count);
  Bytes take() { return std::move(bytes_); }

 private:
  void list(const void* data, std::size_t count, std::size_t size) {
    (*this)(static_cast<std::uint64_t>(count));
    raw(data, count * size);
  }

  Bytes bytes_;
  Sink sink_;
};

/// Reads back, in the same order, what an ArchiveWriter wrote. Throws std::runtime_error, which begins with the archive's
/// name, where the bytes end early or, at `finish`, late.
class ArchiveReader {
 public:
  using Source = std::function<void(void* data, std::size_t count)>;

  /// The bytes must outlive the reader.
  explicit ArchiveReader(std::span<const std::byte> bytes, std::string name = "message");
  /// From a source that has `size` bytes.
  ArchiveReader(Source source, std::uint64_t size, std::string name)
      : source_(std::move(source)), left_(size), name_(std::move(name)) {}

  void operator()(Plain auto& number) { raw(&number, sizeof number); }
  void operator()(bool& truth) {
    unsigned char byte = 0;
    raw(&byte, 1);
    if (byte > 1) fail("a truth value is " + std::to_string(byte));
    truth = byte == 1;
  }
  void operator()(std::string& text) {
    text.resize(count(1));
    raw(text.data(), text.size());
  }
  template <class Element>
  void operator()(std::vector<Element>& elements) {
    if constexpr (Plain<Element> && !std::is_same_v<Element, bool>) {
      elements.resize(count(sizeof(Element)));
      raw(elements.data(), elements.size() * sizeof(Element));
    } else {
      elements.clear();
      // One by one: an element takes less in the archive than here.
      for (std::size_t left = count(1); left > 0; --left) (*this)(elements.emplace_back());
    }
  }
  template <class Structure>
  requires requires(Structure& s, ArchiveReader& archive) { s.visit(archive); }
  void operator()(Structure& structure) { structure.visit(*this); }
  template <class... Several>
  requires(sizeof...(Several) > 1) void operator()(Several&... several) { ((*this)(several), ...); }

  /// Lists whose lengths are known: another one fails.
  template <class... Lists>
  void fixed(Lists&... lists) {
    const auto read = [this](auto& list) {
      const std::size_t expected = list.size();
      (*this)(list);
      if (list.size() != expected) {
        fail("a list has " + std::to_string(list.size()) + " elements: it must have " + std::to_string(expected));
      }
    };
    (read(lists), ...);
  }

  void raw(void* data, std::size_t count);
  /// The length of a list whose elements take at least `element_size` bytes each.
  std::size_t count(std::size_t element_size);
  /// Bytes that have not been read.
  std::uint64_t left() const { return left_; }
  /// Throws if there are any.
  void finish() const;
  [[noreturn]] void fail(const std::string& what) const;

 private:
  Source source_;
  std::uint64_t left_ = 0;
  std::string name_;
};

}  // namespace scout
