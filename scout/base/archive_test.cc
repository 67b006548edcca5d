#include "scout/base/archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>

namespace scout {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

enum class Colour : std::uint8_t { red = 1, blue = 7 };

struct Part {
  std::string name;
  std::vector<float> weights;
  template <class Archive>
  void visit(Archive& archive) {
    archive(name);
    archive(weights);
  }
  bool operator==(const Part&) const = default;
};

struct Whole {
  std::int64_t count = 0;
  bool on = false;
  Colour colour = Colour::red;
  std::vector<Part> parts;
  std::vector<std::vector<std::string>> words;
  template <class Archive>
  void visit(Archive& archive) {
    archive(count);
    archive(on);
    archive(colour);
    archive(parts);
    archive(words);
  }
  bool operator==(const Whole&) const = default;
};

Whole example() {
  Whole whole;
  whole.count = -3;
  whole.on = true;
  whole.colour = Colour::blue;
  whole.parts = {{"a", {1.5f, -0.0f}}, {"", {}}};
  whole.words = {{"x", "yz"}, {}, {""}};
  return whole;
}

template <class T>
Bytes written(const T& value) {
  ArchiveWriter writer;
  writer(value);
  return writer.take();
}

template <class T>
T read(const Bytes& bytes) {
  T value{};
  ArchiveReader reader(bytes, "state");
  reader(value);
  reader.finish();
  return value;
}

template <class T>
std::string error_of(const Bytes& bytes) {
  try {
    read<T>(bytes);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Archive, GivesBackWhatWasWritten) {
  EXPECT_EQ(read<double>(written(0.1)), 0.1);
  EXPECT_EQ(read<std::uint64_t>(written(std::numeric_limits<std::uint64_t>::max())),
            std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(read<bool>(written(true)), true);
  EXPECT_EQ(read<Colour>(written(Colour::blue)), Colour::blue);
  EXPECT_EQ(read<std::string>(written(std::string("a\0b", 3))), std::string("a\0b", 3));
  EXPECT_THAT(read<std::vector<double>>(written(std::vector{1.0, -2.5})), ElementsAre(1.0, -2.5));
  EXPECT_EQ(read<std::vector<int>>(written(std::vector<int>())), std::vector<int>());
  EXPECT_EQ(read<Whole>(written(example())), example());
}

TEST(Archive, IsLittleEndianWithLengthsBeforeLists) {
  const auto byte = [](int x) { return static_cast<std::byte>(x); };
  EXPECT_THAT(written(std::uint32_t{0x01020304}), ElementsAre(byte(4), byte(3), byte(2), byte(1)));
  EXPECT_THAT(written(std::string("hi")),
              ElementsAre(byte(2), byte(0), byte(0), byte(0), byte(0), byte(0), byte(0), byte(0), byte('h'), byte('i')));
  EXPECT_EQ(written(std::vector<Colour>{Colour::red}).size(), 9u);
}

TEST(Archive, StreamsThroughASinkAndASource) {
  Bytes stream;
  ArchiveWriter writer([&](const void* data, std::size_t count) {
    const auto* bytes = static_cast<const std::byte*>(data);
    stream.insert(stream.end(), bytes, bytes + count);
  });
  writer(example());
  EXPECT_EQ(stream, written(example()));
  EXPECT_TRUE(writer.take().empty()) << "nothing is kept";
  std::size_t at = 0;
  ArchiveReader reader(
      [&](void* data, std::size_t count) {
        std::copy_n(stream.begin() + static_cast<std::ptrdiff_t>(at), count, static_cast<std::byte*>(data));
        at += count;
      },
      stream.size(), "stream");
  Whole whole;
  reader(whole);
  EXPECT_EQ(whole, example());
  EXPECT_EQ(reader.left(), 0u);
  reader.finish();
}

TEST(Archive, EveryShorterTextIsAnError) {
  const Bytes bytes = written(example());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(error_of<Whole>(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size))),
                StartsWith("damaged state: "))
        << size;
  }
}

TEST(Archive, WhatIsLeftOverIsAnError) {
  Bytes bytes = written(example());
  bytes.resize(bytes.size() + 3);
  EXPECT_EQ(error_of<Whole>(bytes), "damaged state: 3 bytes are left over");
}

TEST(Archive, ATruthValueIsZeroOrOne) {
  EXPECT_TRUE(read<bool>({std::byte{1}}));
  EXPECT_FALSE(read<bool>({std::byte{0}}));
  EXPECT_EQ(error_of<bool>({std::byte{2}}), "damaged state: a truth value is 2");
}

TEST(Archive, AListOfFixedLengthHasNoOther) {
  const auto read_into = [](std::vector<int> list, const Bytes& bytes) {
    ArchiveReader reader(bytes, "state");
    reader.fixed(list);
    return list;
  };
  EXPECT_THAT(read_into({0, 0}, written(std::vector{1, 2})), ElementsAre(1, 2));
  EXPECT_THAT(
      [&] {
        read_into({0}, written(std::vector{1, 2}));
      },
      testing::ThrowsMessage<std::runtime_error>("damaged state: a list has 2 elements: it must have 1"));
}

TEST(Archive, LengthsThatCannotBeAreRefusedBeforeAnythingIsAllocated) {
  for (const std::uint64_t length : {std::uint64_t{3}, std::uint64_t{1} << 61, std::numeric_limits<std::uint64_t>::max()}) {
    Bytes bytes = written(length);
    bytes.resize(bytes.size() + 2);
    const auto says = AllOf(StartsWith("damaged state: "), HasSubstr("a list is longer"));
    EXPECT_THAT(error_of<std::string>(bytes), says) << length;
    EXPECT_THAT(error_of<std::vector<double>>(bytes), says) << length;
    EXPECT_THAT(error_of<std::vector<std::string>>(bytes), says) << length;
    EXPECT_THAT(error_of<std::vector<Part>>(bytes), says) << length;
  }
  EXPECT_THAT(error_of<std::vector<double>>(written(std::uint64_t{1})), HasSubstr("a list is longer"))
      << "fits as bytes, not as numbers";
}

}  // namespace
}  // namespace scout
