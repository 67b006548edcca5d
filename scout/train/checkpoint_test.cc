#include "scout/train/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace scout {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class CheckpointFile : public testing::Test {
 protected:
  CheckpointFile() { fs::remove(path_); }
  ~CheckpointFile() override { fs::remove(path_); }

  void write() const {
    CheckpointWriter file(path_);
    file.content()(42);
    file.content()(std::vector<float>{1, 2, 3});
    file.content()(std::vector<float>());
    file.content()(std::string("text"));
    file.content()(true);
    file.finish();
  }
  std::string content() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void replace(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }
  std::string error() const {
    try {
      CheckpointReader file(path_);
      return "";
    } catch (const std::runtime_error& caught) {
      return caught.what();
    }
  }

  const std::string path_ = testing::TempDir() + "scout_checkpoint_test." + std::to_string(getpid());
};

TEST_F(CheckpointFile, GivesBackWhatWasWritten) {
  write();
  CheckpointReader file(path_);
  int number = 0;
  std::vector<float> numbers, empty{1};
  std::string text;
  bool flag = false;
  file.content()(number);
  file.content()(numbers);
  file.content()(empty);
  file.content()(text);
  EXPECT_THROW(file.content().finish(), std::runtime_error);
  file.content()(flag);
  file.content().finish();
  EXPECT_EQ(number, 42);
  EXPECT_EQ(numbers, (std::vector<float>{1, 2, 3}));
  EXPECT_TRUE(empty.empty());
  EXPECT_EQ(text, "text");
  EXPECT_TRUE(flag);
  EXPECT_THROW(file.content()(number), std::runtime_error);
}

TEST_F(CheckpointFile, FindsEveryTruncation) {
  write();
  const std::string whole = content();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    replace(whole.substr(0, length));
    EXPECT_THAT(error(), HasSubstr("is truncated")) << length;
  }
}

TEST_F(CheckpointFile, FindsEveryDamagedByte) {
  write();
  const std::string whole = content();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x20);
    replace(damaged);
    const char* expected = "is damaged";
    if (i < 8)
      expected = "is not a checkpoint of scout";
    else if (i < 12)
      expected = "has format version";
    else if (i >= whole.size() - 8)
      expected = "is truncated";
    EXPECT_THAT(error(), HasSubstr(expected)) << i;
  }
}

TEST_F(CheckpointFile, NamesAFileThatIsNotThere) {
  EXPECT_THAT(error(), testing::AllOf(HasSubstr(path_), HasSubstr("cannot be read: No such file")));
  EXPECT_THROW(CheckpointWriter("/nowhere/checkpoint.bin"), std::runtime_error);
}

TEST_F(CheckpointFile, WhatCannotTakeItsPlaceIsRemoved) {
  fs::create_directories(path_ + "/folder");
  EXPECT_THROW(write(), std::runtime_error);
  EXPECT_FALSE(fs::exists(path_ + ".partial"));
  fs::remove_all(path_);
}

TEST_F(CheckpointFile, AnAbandonedWriteLeavesTheOldFile) {
  write();
  const std::string whole = content();
  {
    CheckpointWriter file(path_);
    file.content()(7);
  }
  EXPECT_EQ(content(), whole);
  EXPECT_FALSE(fs::exists(path_ + ".partial"));
}

}  // namespace
}  // namespace scout
