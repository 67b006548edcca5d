#include "scout/base/files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <string>

#include "scout/base/test_file.h"

namespace scout {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

using Files = FileTest;

/// No file of this process may be longer, as long as it lives: the disk is full, as far as a write can tell.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST_F(Files, LinesAreAppendedWholeOrNotAtAll) {
  LineFile file(path_);
  file.append("{\"a\":1}\n");
  {
    const FileLimit limit(12);
    EXPECT_THAT([&] { file.append("{\"a\":2}\n"); },
                ThrowsMessage<std::runtime_error>(
                    AllOf(HasSubstr("cannot write " + path_.string()), HasSubstr("too large"), HasSubstr("ulimit -f"))));
    EXPECT_EQ(content(), "{\"a\":1}\n") << "the 4 bytes that had room are gone again";
  }
  file.append("{\"a\":3}\n");
  file.sync();
  EXPECT_EQ(content(), "{\"a\":1}\n{\"a\":3}\n");
}

TEST_F(Files, ATornLineIsCutOffBeforeAnythingIsAppended) {
  for (const char* torn : {"{\"b", "\0\0\0", "{\"a\":1"}) {
    write("{\"a\":1}\n" + std::string(torn, 3));
    LineFile(path_).append("{\"a\":2}\n");
    EXPECT_EQ(content(), "{\"a\":1}\n{\"a\":2}\n");
  }
  write("{\"b");
  LineFile(path_).append("{\"a\":2}\n");
  EXPECT_EQ(content(), "{\"a\":2}\n") << "the only line";
  write("{\"a\":1}");
  LineFile(path_).append("{\"a\":2}\n");
  EXPECT_EQ(content(), "{\"a\":1}\n{\"a\":2}\n") << "whole but for its newline";
}

TEST_F(Files, WhatCannotBeOpenedIsNamed) {
  EXPECT_THAT([] { LineFile("/nonexistent/file"); },
              ThrowsMessage<std::runtime_error>(HasSubstr("cannot write /nonexistent/file: No such file")));
}

TEST_F(Files, AnotherFileOfTheSameNameIsAnother) {
  write("");
  const int descriptor = open(path_.c_str(), O_RDONLY);
  EXPECT_TRUE(is_named(descriptor, path_));
  fs::rename(path_, path_.string() + ".renamed");
  EXPECT_FALSE(is_named(descriptor, path_));
  write("");
  EXPECT_FALSE(is_named(descriptor, path_));
  EXPECT_TRUE(is_named(descriptor, path_.string() + ".renamed"));
  close(descriptor);
  fs::remove(path_.string() + ".renamed");
}

}  // namespace
}  // namespace scout
