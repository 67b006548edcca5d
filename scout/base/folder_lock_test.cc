#include "scout/base/folder_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <stdexcept>
#include <string>

namespace scout {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

class FolderLockTest : public testing::Test {
 protected:
  FolderLockTest() { fs::create_directories(folder_); }
  ~FolderLockTest() override { fs::remove_all(folder_); }

  auto held_by(pid_t process) const {
    return ThrowsMessage<std::runtime_error>(
        AllOf(HasSubstr(folder_.string() + " is in use: process " + std::to_string(process) + " on "),
              HasSubstr("another folder")));
  }
  const fs::path folder_ = fs::path(testing::TempDir()) / ("folder_lock." + std::to_string(getpid()));
};

TEST_F(FolderLockTest, TheSecondIsRefusedWhileTheFirstLives) {
  {
    const FolderLock first(folder_);
    EXPECT_THAT([&] { FolderLock second(folder_); }, held_by(getpid()));
    EXPECT_THAT([&] { FolderLock third(folder_); }, held_by(getpid())) << "the refused one leaves it as it was";
  }
  EXPECT_TRUE(fs::is_empty(folder_)) << "nothing is left";
  const FolderLock next(folder_);
}

TEST_F(FolderLockTest, AKilledProcessLetsGo) {
  std::array<int, 2> ready{};
  ASSERT_EQ(pipe(ready.data()), 0);
  const pid_t child = fork();
  if (child == 0) {
    const FolderLock lock(folder_);
    if (write(ready[1], "x", 1) == 1) pause();
    _exit(0);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_THAT([&] { FolderLock second(folder_); }, held_by(child));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  const FolderLock lock(folder_);
  EXPECT_THAT([&] { FolderLock second(folder_); }, held_by(getpid())) << "not of who was killed";
}

TEST_F(FolderLockTest, AFolderThatCannotBeWrittenIsNamed) {
  EXPECT_THAT([] { FolderLock lock("/dev/null/folder"); },
              ThrowsMessage<std::runtime_error>(HasSubstr("cannot make the folder /dev/null/folder: Not a directory")));
}

TEST_F(FolderLockTest, AFolderThatIsNotThereIsMade) {
  const FolderLock lock(folder_ / "new" / "one");
  EXPECT_TRUE(fs::is_directory(folder_ / "new" / "one"));
}

}  // namespace
}  // namespace scout
