#include "scout/cli/named_policies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace scout {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

class NamedPolicies : public testing::Test {
 protected:
  NamedPolicies() {
    fs::create_directories(folder_);
    fs::current_path(folder_);
    for (const char* file :
         {"a/policy.scout", "b/policy.scout", "b/a/policy.scout", "network.scout", "lr=0.1/policy.scout"}) {
      if (fs::path(file).has_parent_path()) fs::create_directories(fs::path(file).parent_path());
      std::ofstream(file) << "x";
    }
  }
  ~NamedPolicies() override {
    fs::current_path(before_);
    fs::remove_all(folder_);
  }

  static std::vector<std::string> labels(const std::vector<std::string>& words, const std::vector<std::string>& taken = {}) {
    std::vector<std::string> out;
    for (const auto& named : name_policies(words, taken)) out.push_back(named.label);
    return out;
  }

  const fs::path before_ = fs::current_path();
  const fs::path folder_ = fs::path(testing::TempDir()) / ("policies." + std::to_string(getpid()));
};

TEST_F(NamedPolicies, OneAloneIsScout) {
  EXPECT_THAT(labels({"a/policy.scout"}), ElementsAre("scout"));
  EXPECT_THAT(labels({"network"}), ElementsAre("scout"));
  EXPECT_THAT(labels({"a/policy.scout"}, {"scout"}), ElementsAre("a/policy"));
}

TEST_F(NamedPolicies, SeveralHaveTheirFilesNamesAndFoldersWhereNeeded) {
  EXPECT_THAT(labels({"a/policy.scout", "network.scout"}), ElementsAre("policy", "network"));
  EXPECT_THAT(labels({"a/policy.scout", "b/policy.scout"}), ElementsAre("a/policy", "b/policy"));
  EXPECT_THAT(labels({"./a/policy.scout", "b/a/policy.scout", "network.scout"}),
              ElementsAre(folder_.filename().string() + "/a/policy", "b/a/policy", "network"));
  EXPECT_THAT(labels({"network", "network.scout"}), ElementsAre("network", folder_.filename().string() + "/network"));
  EXPECT_THAT(labels({"a/policy.scout", "network.scout"}, {"policy"}), ElementsAre("a/policy", "network"));
}

TEST_F(NamedPolicies, NamesThatAreAlikeInRecordsAreToldApart) {
  // Records are UTF-8: what is not is replaced in them.
  for (const char* name : {"x/caf\xe8.scout", "y/caf\xe9.scout"}) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << "a policy";
  }
  EXPECT_THAT(labels({"x/caf\xe8.scout", "y/caf\xe9.scout"}), ElementsAre("x/caf\xe8", "y/caf\xe9"));
  EXPECT_THAT(
      [&] {
        name_policies({"l\xe8=network", "l\xe9=network"}, {});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("LABEL=network")));
}

TEST_F(NamedPolicies, ALabelOfOnesOwnStands) {
  const auto named = name_policies({"mine=a/policy.scout", "b/policy.scout", "lr=0.1/policy.scout"}, {});
  EXPECT_EQ(named[0].label, "mine");
  EXPECT_EQ(named[0].policy, "a/policy.scout");
  EXPECT_EQ(named[1].label, "b/policy");
  EXPECT_EQ(named[2].label, "lr_0.1/policy");
  EXPECT_EQ(named[2].policy, "lr=0.1/policy.scout") << "a file whose path has a =";
  EXPECT_THAT(labelled_policy_exists("mine=a/policy.scout"), IsEmpty());
  EXPECT_THAT(labelled_policy_exists("mine=network"), IsEmpty());
  EXPECT_THAT(labelled_policy_exists("=network"), HasSubstr("LABEL=POLICY"));
  EXPECT_THAT(labelled_policy_exists("a:b=network"), HasSubstr("without a colon"));
  EXPECT_THAT(labelled_policy_exists("mine=netwrok"), HasSubstr("'netwrok'"));
}

TEST_F(NamedPolicies, WhatCannotBeToldApartIsRefused) {
  const auto says = [](const char* text) { return ThrowsMessage<std::invalid_argument>(HasSubstr(text)); };
  EXPECT_THAT([] { labels({"a/policy.scout", "a/policy.scout"}); }, says("give it a name of its own, LABEL=a/policy.scout"));
  EXPECT_THAT([] { labels({"x=a/policy.scout", "x=b/policy.scout"}); }, says("another optimizer is called 'x' too"));
  EXPECT_THAT([] { labels({"adam=a/policy.scout"}, {"adam"}); }, says("'adam'"));
}

}  // namespace
}  // namespace scout
