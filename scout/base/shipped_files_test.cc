#include "scout/base/shipped_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

namespace scout {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// In an empty folder, away from the tree.
class ShippedFiles : public testing::Test {
 protected:
  ShippedFiles() {
    fs::create_directories(folder_);
    fs::current_path(folder_);
  }
  ~ShippedFiles() override {
    fs::current_path(before_);
    fs::remove_all(folder_);
  }
  const fs::path before_ = fs::current_path();
  const fs::path folder_ = fs::path(testing::TempDir()) / ("shipped_files." + std::to_string(getpid()));
};

TEST_F(ShippedFiles, AreFoundByNameAndByTheirPathInTheTree) {
  EXPECT_THAT(shipped_names("configs"), Contains("demo"));
  EXPECT_THAT(shipped_names("benchmarks"), Contains("demo"));
  const fs::path config = shipped_folder("configs") / "demo.toml";
  EXPECT_TRUE(fs::is_regular_file(config));
  EXPECT_EQ(find_file("demo", "configs", "config"), config);
  EXPECT_EQ(find_file("configs/demo.toml", "configs", "config"), config);
  EXPECT_EQ(find_file("./configs/demo.toml", "configs", "config"), config);
}

TEST_F(ShippedFiles, AFileOfOnesOwnComesFirstAFolderDoesNot) {
  fs::create_directories("demo");
  EXPECT_EQ(find_file("demo", "configs", "config").filename(), "demo.toml");
  fs::create_directories("configs");
  std::ofstream("configs/demo.toml") << "rounds = 1\n";
  EXPECT_EQ(find_file("configs/demo.toml", "configs", "config"), "configs/demo.toml");
}

TEST_F(ShippedFiles, ErrorsListTheNames) {
  const auto says = ThrowsMessage<std::invalid_argument>(AllOf(
      HasSubstr("did you mean 'demo'? Give a TOML file or one of the shipped configs ("), HasSubstr("demo, evolution, ")));
  EXPECT_THAT([] { find_file("dmo", "configs", "config"); }, says);
  EXPECT_THAT([] { find_file("configs/dmo.toml", "configs", "config"); }, says);
  EXPECT_THAT([] { find_file("/nonexistent/configs/demo.toml", "configs", "config"); }, says)
      << "of that folder, it is none";
  EXPECT_THAT([] { find_file("", "configs", "config"); }, ThrowsMessage<std::invalid_argument>(HasSubstr("no config ''")));
}

}  // namespace
}  // namespace scout
