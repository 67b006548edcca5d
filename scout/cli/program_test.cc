#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scout/bench/run/spec.h"
#include "scout/cli/contestants.h"
#include "scout/cli/test_program.h"

namespace scout {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST_F(Program, HelpAndListsSucceed) {
  EXPECT_EQ(run({"--help"}), kDone);
  EXPECT_THAT(out_, AllOf(HasSubstr("train"), HasSubstr("Exit codes")));
  for (const char* command : {"train", "bench", "report", "compare", "data", "list", "minimize", "pendulum"}) {
    EXPECT_EQ(run({command, "--help"}), kDone);
    EXPECT_THAT(out_, HasSubstr("Example")) << command;
  }
  const std::vector<std::pair<std::string, std::string>> lists{{"problems", "styblinski-tang"},
                                                               {"problems", "mlp20-mnist"},
                                                               {"optimizers", "adam"},
                                                               {"explorers", "coordinate_probability"},
                                                               {"exploration", "parameter_noise"},
                                                               {"configs", "demo                      The training of"},
                                                               {"options", "ddpg.discount = "}};
  for (const auto& [what, entry] : lists) {
    EXPECT_EQ(run({"list", what}), kDone);
    EXPECT_THAT(out_, HasSubstr(entry));
  }
}

TEST_F(Program, EveryShippedSuiteHasProblemsAndSettings) {
  ASSERT_EQ(run({"list", "suites"}), kDone);
  EXPECT_THAT(out_, AllOf(HasSubstr("demo"), HasSubstr("image-classification")));
  for (const auto& shipped : bench::shipped_suites()) {
    const bench::Suite suite = bench::load_suite(shipped.name);
    for (const auto& entry : suite.optimizers) {
      const auto [label, name, pins] = bench::parse_optimizer(entry);
      auto contestant = resolve_contestant(name);
      EXPECT_NO_THROW(bench::pin(contestant, pins)) << shipped.name << ": " << entry;
    }
  }
}

TEST_F(Program, BadUsageIsToldFromFailure) {
  EXPECT_EQ(run({}), kBadUsage);
  EXPECT_EQ(run({"frobnicate"}), kBadUsage);
  EXPECT_THAT(error_, AllOf(HasSubstr("no command 'frobnicate'. Known: train"), Not(HasSubstr("did you mean"))));
  EXPECT_EQ(run({"list", "colours"}), kBadUsage);
  EXPECT_EQ(run({"train", path("missing.toml")}), kBadUsage);
  EXPECT_EQ(train("a", {"--set", "ddpg.bacth=3"}), kBadUsage);
  EXPECT_THAT(error_, HasSubstr("did you mean 'ddpg.batch'"));
  EXPECT_EQ(train("a", {"--set", "ddpg.discount=2"}), kBadUsage);
  EXPECT_THAT(error_, HasSubstr("option 'ddpg.discount' is 2: must be in [0, 1]"));
  EXPECT_FALSE(fs::exists(path("a"))) << "nothing is left behind";
  EXPECT_EQ(run({"minimize", "--problem", "rastrgin", "--optimizer", "adam"}), kBadUsage);
  EXPECT_THAT(error_, HasSubstr("did you mean 'rastrigin'"));
  EXPECT_EQ(run({"minimize", "--problem", "rastrigin", "--optimizer", "adam", "--policy", "network"}), kBadUsage);
  EXPECT_EQ(run({"minimize", "--problem", "rastrigin", "--policy", "netwrok"}), kBadUsage);
  EXPECT_THAT(error_, HasSubstr("did you mean 'network'?"));
  EXPECT_EQ(run({"minimize", "--problem", "rastrigin", "--optimizer", "adam", "--budget", "-3"}), kBadUsage);
  EXPECT_THAT(error_, HasSubstr("--budget: '-3' is not a whole number of at least 1"));
  EXPECT_EQ(run({"minimize", "--problem", "rastrigin", "--optimizer", "adam", "--index", "-1"}), kBadUsage);
  EXPECT_THAT(error_, HasSubstr("--index: '-1' is not a whole number of at least 0"));
  EXPECT_EQ(run({"minimize", "--problem", "rastrigin", "--optimizer", "adam", "--set", "lr=-1"}), kBadUsage);
  EXPECT_EQ(run({"minimize", "--problem", "rastrigin", "--policy", path("small.toml")}), kFailed) << "no policy file";
  EXPECT_EQ(run({"minimize", "--problem", "rastrigin", "--policy", path("")}), kBadUsage);
  EXPECT_THAT(error_, HasSubstr("is a folder: give a file"));
  EXPECT_EQ(train("small.toml/below", {}), kFailed);
  EXPECT_THAT(error_, HasSubstr("cannot make the folder"));
}

TEST_F(Program, AnOutputThatTakesNothingIsAFailure) {
  for (const std::vector<const char*>& words :
       {std::vector<const char*>{"scout", "--help"}, {"scout", "list", "problems"}}) {
    const pid_t child = fork();
    if (child == 0) {
      if (std::freopen("/dev/full", "w", stdout) == nullptr) _exit(99);
      _exit(run_program(static_cast<int>(words.size()), words.data()));
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, kFailed) << words[1];
  }
}

TEST_F(Program, UnknownOptionsAreAnswered) {
  EXPECT_EQ(run({"train", path("small.toml"), "--ouut", path("a")}), kBadUsage);
  EXPECT_EQ(error_, "scout: unknown option '--ouut': did you mean '--out'?\nscout train --help says more.\n");
  EXPECT_EQ(run({"--hep"}), kBadUsage);
  EXPECT_EQ(error_, "scout: unknown option '--hep': did you mean '--help'?\nscout --help says more.\n");
  EXPECT_EQ(run({"data", "list", "--data-dri=x"}), kBadUsage) << "an option of the program, behind a nested command";
  EXPECT_THAT(error_, AllOf(HasSubstr("'--data-dri': did you mean '--data-dir'?"), HasSubstr("scout data list --help")));
  EXPECT_EQ(run({"minimize", "--problem", "sphere", "--optimzer", "adam"}), kBadUsage) << "of which one is required";
  EXPECT_THAT(error_, HasSubstr("'--optimzer': did you mean '--optimizer'?"));
  EXPECT_EQ(run({"pendulum", "--frobnicate"}), kBadUsage);
  EXPECT_THAT(error_, AllOf(HasSubstr("unknown option '--frobnicate'.\n"), Not(HasSubstr("did you mean"))));
  EXPECT_EQ(run({"train", path("small.toml"), "--out", path("run"), "--seed", "-1"}), kBadUsage);
  EXPECT_THAT(error_, HasSubstr("--seed: '-1' is not a whole number of at least 0"));
  EXPECT_EQ(run({"pendulum", "--first-seed", "-1"}), kBadUsage);
  EXPECT_EQ(run({"minimize", "--problem", "sphere", "--policy", path("policies/surfaces.scout")}), kBadUsage);
  EXPECT_THAT(error_, HasSubstr("did you mean 'surfaces'?"));
  EXPECT_EQ(run({"train", path("small.toml"), "--seed", "abc"}), kBadUsage);
  EXPECT_THAT(error_, AllOf(HasSubstr("--seed"), HasSubstr("abc"), HasSubstr("scout train --help")));
}

TEST_F(Program, DataIsListedAndFetchedIntoAFolder) {
  ASSERT_EQ(run({"data", "list", "--data-dir", path("data")}), kDone) << error_;
  EXPECT_THAT(out_, AllOf(HasSubstr("cifar-100"), HasSubstr("missing"), HasSubstr("In " + path("data"))));
  EXPECT_THAT(out_, HasSubstr("scout data fetch NAME --data-dir " + path("data") + "\n"));
  ASSERT_EQ(run({"data", "list"}), kDone) << error_;
  EXPECT_THAT(out_, HasSubstr("scout data fetch NAME\n"));
  EXPECT_EQ(run({"data", "fetch", "cifar100"}), kBadUsage);
  EXPECT_THAT(error_, HasSubstr("did you mean 'cifar-100'"));
  EXPECT_EQ(run({"data", "fetch"}), kBadUsage);
}

TEST_F(Program, MinimizeShowsARun) {
  ASSERT_EQ(run({"minimize", "--problem", "sphere", "--dimension", "3", "--optimizer", "lbfgs", "--budget", "60"}), kDone)
      << error_;
  EXPECT_THAT(out_, AllOf(HasSubstr("sphere, 3-D"), HasSubstr("status"), HasSubstr("best point")));
  EXPECT_THAT(error_, IsEmpty());
  ASSERT_EQ(run({"minimize", "--problem", "sphere", "--policy", "network", "--budget", "60"}), kDone);
  EXPECT_THAT(error_, HasSubstr("is for the weights of networks"));
  ASSERT_EQ(run({"minimize", "--problem", "sphere", "--budget", "60"}), kDone) << error_;
  EXPECT_THAT(out_, AllOf(HasSubstr("by policy:surfaces"), HasSubstr("done: "), HasSubstr("the best point is nearly")))
      << "as minimize says it";
  ASSERT_EQ(run({"minimize", "--problem", "nist", "--index", "30", "--dimension", "77", "--budget", "60"}), kDone);
  EXPECT_THAT(error_, HasSubstr("--dimension 77 is not used"));
  ASSERT_EQ(train("run", {"--set", "rounds=1"}), kDone) << error_;
  const std::string policy = path("run/policy.scout");
  ASSERT_EQ(run({"minimize", "--problem", "mlp-blobs:hidden=4", "--policy", policy, "--budget", "20"}), kDone) << error_;
  EXPECT_THAT(error_,
              AllOf(HasSubstr("note: policy:" + policy + " is for functions. On networks such as mlp-blobs:hidden=4"),
                    HasSubstr("N/2 steps")));
  EXPECT_THAT(out_, HasSubstr("oracle calls 10 (0 values, 10 gradients"));
}

TEST_F(Program, MinimizeHasExplorers) {
  const std::vector<std::string> command{"minimize", "--problem", "rastrigin", "--dimension", "2", "--budget", "200"};
  const auto with = [&](const std::vector<std::string>& words) {
    std::vector<std::string> all = command;
    all.insert(all.end(), words.begin(), words.end());
    const int code = run(all);
    return std::pair(code, out_.substr(0, out_.find("seconds")));
  };
  const auto alone = with({}), four = with({"--explorers", "4"});
  EXPECT_EQ(four.first, kDone) << error_;
  EXPECT_NE(four.second, alone.second);
  EXPECT_EQ(with({"--explorers", "4", "--threads", "2"}), four);
  EXPECT_EQ(with({"--explorers", "0"}).first, kBadUsage);
  EXPECT_EQ(with({"--explorers", "2", "--optimizer", "adam"}).first, kBadUsage);
  EXPECT_THAT(error_, HasSubstr("adam is a baseline"));
  EXPECT_EQ(with({"--explorers", "2", "--policy", "network"}).first, kBadUsage);
  EXPECT_THAT(error_, HasSubstr("explorers"));
}

TEST_F(Program, MinimizeTrainsANetwork) {
  ASSERT_EQ(run({"minimize", "--problem", "mlp-blobs:hidden=8,init=he", "--optimizer", "adam", "--budget", "100"}), kDone)
      << error_;
  EXPECT_THAT(out_, AllOf(HasSubstr("117-D"), HasSubstr("held-out-accuracy")));
  EXPECT_EQ(run({"minimize", "--problem", "mlp-mnist:side=7", "--optimizer", "adam", "--data-dir", path("nothing")}),
            kFailed);
  EXPECT_THAT(error_, HasSubstr("scout data fetch mnist --data-dir " + path("nothing")));
}

TEST_F(Program, PendulumFailsItsGateWhenTrainingIsTooShort) {
  EXPECT_EQ(run({"pendulum", "--seeds", "1", "--steps", "1200", "--episodes", "5"}), kFailed);
  EXPECT_THAT(out_, HasSubstr("FAILED"));
}

}  // namespace
}  // namespace scout
