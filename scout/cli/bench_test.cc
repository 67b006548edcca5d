// scout bench as a whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scout/base/folder_lock.h"
#include "scout/bench/tables/record.h"
#include "scout/cli/test_program.h"

namespace scout {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

TEST_F(Program, BenchJudgesAPolicyBesideBaselines) {
  ASSERT_EQ(train("run"), kDone);
  const std::string policy = path("run/policy.scout");
  ASSERT_EQ(run({"bench", path("suite.toml"), "--out", path("bench"), "--policy", policy}), kDone) << error_;
  EXPECT_THAT(out_, AllOf(HasSubstr("scout"), HasSubstr("lbfgs"), HasSubstr("12 runs, 0 reused")));
  const auto explorers = read_json_lines(path("bench/explorers.jsonl"));
  ASSERT_FALSE(explorers.empty());
  EXPECT_EQ(explorers[0]["instance"], "rastrigin/test/0");
  ASSERT_EQ(run({"bench", path("suite.toml"), "--out", path("bench"), "--policy", policy}), kDone) << error_;
  EXPECT_THAT(out_, HasSubstr("0 runs, 12 reused"));
  fs::copy_file(policy, path("run/other.scout"));
  ASSERT_EQ(run({"bench", path("suite.toml"), "--out", path("two"), "--set", R"(optimizers=["random-search"])", "--policy",
                 policy, path("run/other.scout")}),
            kDone)
      << error_;
  EXPECT_THAT(out_, AllOf(HasSubstr("policy"), HasSubstr("other")));
  EXPECT_EQ(run({"report", path("two")}), kDone) << error_;
  EXPECT_TRUE(fs::exists(path("two/report.html")));
  EXPECT_EQ(run({"report", path("run")}), kBadUsage) << "no records there";
}

TEST_F(Program, PoliciesThatTheirFilesCallAlikeAreToldApart) {
  ASSERT_EQ(train("a", {"--set", "rounds=1"}), kDone) << error_;
  fs::copy(path("a"), path("b"));
  const std::string latin = path("caf\xe9.scout");
  fs::copy_file(path("a/policy.scout"), latin);
  const auto bench = [&](std::vector<std::string> policies) {
    policies.insert(policies.begin(), {"bench", path("suite.toml"), "--out", path("bench"), "--set",
                                       R"(optimizers=["random-search"])", "instances=1", "seeds=1", "--policy"});
    return run(policies);
  };
  const auto labels = [&] {
    std::vector<std::string> out;
    for (const auto& record : bench::read_records(path("bench"))) out.push_back(record.optimizer);
    return out;
  };
  ASSERT_EQ(bench({path("a/policy.scout"), path("b/policy.scout"), "mine=" + path("a/policy.scout"), latin}), kDone)
      << error_;
  EXPECT_EQ(labels(), (std::vector<std::string>{"random-search", "a/policy", "b/policy", "mine", "caf\uFFFD"}));
  ASSERT_EQ(bench({path("a/policy.scout"), path("b/policy.scout"), "mine=" + path("a/policy.scout"), latin}), kDone)
      << error_;
  EXPECT_THAT(out_, HasSubstr("0 runs, 5 reused"));
  ASSERT_EQ(bench({"only=" + path("a/policy.scout")}), kDone) << error_;
  EXPECT_EQ(labels(), (std::vector<std::string>{"random-search", "only"}));
  EXPECT_THAT(out_, HasSubstr("4 lines of records.jsonl that this suite does not ask for are now in " +
                              path("bench/records.previous.jsonl")));
  EXPECT_EQ(run({"report", path("bench")}), kDone) << error_;
  EXPECT_EQ(bench({"random-search=" + path("a/policy.scout")}), kBadUsage);
  EXPECT_THAT(error_, AllOf(HasSubstr("another optimizer is called 'random-search'"), HasSubstr("LABEL=")));
  EXPECT_EQ(bench({"x=" + path("nothing.scout")}), kBadUsage);
  EXPECT_THAT(error_, HasSubstr("there is no file '" + path("nothing.scout") + "'"));
}

TEST_F(Program, RecordsAreSetAsideOnceThoughItWasKilledAfterwards) {
  const std::vector<std::string> words{"bench", path("suite.toml"), "--out", path("bench")};
  auto fewer = words;
  fewer.insert(fewer.end(), {"--set", "instances=1"});
  ASSERT_EQ(run(words), kDone) << error_;
  fs::copy_file(path("bench/records.jsonl"), path("before"));
  ASSERT_EQ(run(fewer), kDone) << error_;
  const auto aside = read_json_lines(path("bench/records.previous.jsonl"));
  EXPECT_EQ(aside.size(), 4U);
  fs::copy_file(path("before"), path("bench/records.jsonl"), fs::copy_options::overwrite_existing);
  ASSERT_EQ(run(fewer), kDone) << error_;
  EXPECT_EQ(read_json_lines(path("bench/records.previous.jsonl")), aside);
}

TEST_F(Program, OneBenchAtATimeWorksInAFolder) {
  fs::create_directories(path("bench"));
  {
    const FolderLock other(path("bench"));
    EXPECT_EQ(run({"bench", path("suite.toml"), "--out", path("bench")}), kFailed);
    EXPECT_THAT(error_, HasSubstr(path("bench") + " is in use"));
    EXPECT_FALSE(fs::exists(path("bench/suite.json")));
  }
  EXPECT_EQ(run({"bench", path("suite.toml"), "--out", path("bench")}), kDone) << error_;
}

}  // namespace
}  // namespace scout
