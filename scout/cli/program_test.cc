#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "scout/base/json_lines.h"
#include "scout/bench/run/spec.h"
#include "scout/bench/tables/record.h"
#include "scout/cli/commands.h"
#include "scout/cli/contestants.h"
#include "scout/cli/training_run.h"
#include "scout/policy/policy.h"

namespace scout {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Program : public testing::Test {
 protected:
  Program() {
    fs::create_directories(folder_);
    std::ofstream(path("small.toml")) << R"(problems = ["rastrigin", "ackley-rotated"]
dimensions = [2]
rounds = 4
updates = 2
threads = 1
policy.hidden = [8, 8]
rollout.episodes = 2
rollout.horizon = 10
ensemble.instances = 1
replay.warm_up = 20
ddpg.critic_hidden = [8, 8]
ddpg.batch = 8
validation.instances = 1
validation.every = 2
)";
    std::ofstream(path("suite.toml")) << R"(title = "A test"
problems = ["rastrigin"]
dimensions = [2]
budgets = [40]
instances = 2
validation = 2
seeds = 2
threads = 1
optimizers = ["random-search", "lbfgs"]
[trajectories]
problems = ["rastrigin"]
optimizers = ["lbfgs"]
)";
  }
  ~Program() override {
    fs::remove_all(folder_);
    setenv("SCOUT_DATA", data_.c_str(), 1);  // --data-dir sets it; empty is as good as unset
  }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  /// A training without an end, in a process of its own, after its first rounds.
  pid_t start_training() {
    const pid_t child = fork();
    if (child == 0) _exit(train("run", {"--set", "rounds=1000000"}));
    auto lines = [&] {
      std::ifstream file(path("run/log.jsonl"));
      return std::count(std::istreambuf_iterator<char>(file), {}, '\n');
    };
    for (int k = 0; k < 3000 && lines() < 3; ++k) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_GE(lines(), 3);
    return child;
  }

  /// Runs the program; returns its exit code and keeps what it printed.
  int run(std::vector<std::string> words) {
    words.insert(words.begin(), "scout");
    std::vector<const char*> arguments;
    for (const auto& word : words) arguments.push_back(word.c_str());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = run_program(static_cast<int>(arguments.size()), arguments.data());
    out_ = testing::internal::GetCapturedStdout();
    error_ = testing::internal::GetCapturedStderr();
    return code;
  }
  int train(const std::string& out, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"train", path("small.toml"), "--out", path(out)});
    return run(more);
  }

  /// log.jsonl without its clock.
  std::vector<nlohmann::json> log(const std::string& out) const {
    auto lines = read_json_lines(path(out) + "/log.jsonl");
    for (auto& line : lines) line.erase("seconds");
    return lines;
  }

  const std::string folder_ = testing::TempDir() + "scout_program_test." + std::to_string(getpid());
  const std::string data_ = std::getenv("SCOUT_DATA") == nullptr ? "" : std::getenv("SCOUT_DATA");
  std::string out_, error_;
};

TEST_F(Program, HelpAndListsSucceed) {
  EXPECT_EQ(run({"--help"}), kDone);
  EXPECT_THAT(out_, AllOf(HasSubstr("train"), HasSubstr("Exit codes")));
  for (const char* command : {"train", "bench", "report", "data", "list", "minimize", "pendulum"}) {
    EXPECT_EQ(run({command, "--help"}), kDone);
    EXPECT_THAT(out_, HasSubstr("Example")) << command;
  }
  const std::vector<std::pair<std::string, std::string>> lists{{"problems", "styblinski-tang"},
                                                               {"problems", "mlp20-mnist"},
                                                               {"optimizers", "adam"},
                                                               {"explorers", "coordinate_probability"},
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
  EXPECT_EQ(run({"minimize", "--problem", "rastrigin"}), kBadUsage) << "neither an optimizer nor a policy";
  EXPECT_EQ(run({"minimize", "--problem", "rastrigin", "--policy", "netwrok"}), kBadUsage);
  EXPECT_THAT(error_, HasSubstr("did you mean 'network'?"));
  EXPECT_EQ(run({"minimize", "--problem", "rastrigin", "--optimizer", "adam", "--budget", "-3"}), kBadUsage);
  EXPECT_THAT(error_, HasSubstr("--budget: '-3' is not a whole number of at least 1"));
  EXPECT_EQ(run({"minimize", "--problem", "rastrigin", "--optimizer", "adam", "--set", "lr=-1"}), kBadUsage);
  EXPECT_EQ(run({"minimize", "--problem", "rastrigin", "--policy", path("small.toml")}), kFailed) << "no policy file";
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
  EXPECT_EQ(run({"train", path("small.toml"), "--seed", "abc"}), kBadUsage);
  EXPECT_THAT(error_, AllOf(HasSubstr("--seed"), HasSubstr("abc"), HasSubstr("scout train --help")));
}

TEST_F(Program, TrainingFromAPolicyCountsWhatThatHadCost) {
  ASSERT_EQ(train("first", {"--seed", "5"}), kDone) << error_;
  ASSERT_EQ(train("second", {"--seed", "6", "--set", "policy.start=" + path("first/policy.scout")}), kDone) << error_;
  const auto first = Policy::load(path("first/policy.scout"))->description().provenance;
  const auto second = Policy::load(path("second/policy.scout"))->description().provenance;
  const auto own = log("second").at(second["round"].get<std::size_t>());
  EXPECT_EQ(second["evaluations"], own["evaluations"].get<std::int64_t>() + first["evaluations"].get<std::int64_t>());
  EXPECT_GT(second["training_seconds"], first["training_seconds"]);
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

TEST_F(Program, TrainLeavesPolicyCheckpointAndLogs) {
  ASSERT_EQ(train("run", {"--seed", "5"}), kDone) << error_;
  const auto lines = log("run");
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_EQ(lines[0]["seed"], 5);
  EXPECT_EQ(lines[0]["options"]["rounds"], 4);
  EXPECT_EQ(lines[4]["round"], 4);
  EXPECT_TRUE(lines[4]["validation"]["median_gaps"].contains("ackley-rotated"));
  EXPECT_TRUE(fs::exists(path("run/checkpoint.bin")));
  const auto policy = Policy::load(path("run/policy.scout"));
  EXPECT_EQ(policy->description().horizon, 10);
  EXPECT_EQ(policy->description().provenance["seed"], 5);
  int moves = 0;
  for (const auto& event : read_json_lines(path("run/explorers.jsonl"))) {
    moves += event["event"] == "move";
    EXPECT_EQ(event["theta"].size(), 2U);
  }
  EXPECT_EQ(moves, 2 * 2 * 10) << "two rounds of two explorers";
}

TEST_F(Program, AResumedRunEqualsAnUninterruptedOne) {
  ASSERT_EQ(train("whole"), kDone);
  ASSERT_EQ(train("parts", {"--set", "rounds=2"}), kDone);
  // As if it had been killed later than its last checkpoint.
  std::ofstream(path("parts/log.jsonl"), std::ios::app) << "{\"round\": 3}\n{\"rou";
  ASSERT_EQ(train("parts", {"--resume"}), kDone) << error_;
  auto whole = log("whole"), parts = log("parts");
  whole[0]["options"].erase("rounds");
  parts[0]["options"].erase("rounds");
  EXPECT_EQ(parts, whole);
  EXPECT_EQ(read_json_lines(path("parts/explorers.jsonl")), read_json_lines(path("whole/explorers.jsonl")));
  EXPECT_EQ(Policy::load(path("parts/policy.scout"))->parameters(), Policy::load(path("whole/policy.scout"))->parameters());
  EXPECT_EQ(train("whole", {"--resume"}), kDone) << "nothing left to do";
  EXPECT_THAT(out_, HasSubstr("All 4 rounds are done"));
}

TEST_F(Program, TheCommandThatContinuesNamesAllThatWasGiven) {
  EXPECT_THAT(
      resume_command({.config = "a.toml", .out = "b", .seed = 3, .assignments = {"rounds=9"}, .data_dir = "my data"}),
      HasSubstr("train a.toml --out b --seed 3 --set rounds=9 --data-dir 'my data' --resume"));
}

TEST_F(Program, NeverMixesTwoRuns) {
  ASSERT_EQ(train("run"), kDone);
  EXPECT_EQ(train("run"), kBadUsage);
  EXPECT_THAT(error_, HasSubstr("--resume"));
  EXPECT_EQ(train("run", {"--resume", "--seed", "9"}), kBadUsage);
  EXPECT_THAT(error_, HasSubstr("seed = 1, not 9"));
  EXPECT_EQ(train("run", {"--resume", "--set", "rollout.horizon=11"}), kBadUsage);
  EXPECT_THAT(error_, HasSubstr("rollout.horizon"));
  EXPECT_EQ(train("nothing", {"--resume"}), kBadUsage);
  EXPECT_THAT(error_, HasSubstr("no checkpoint"));
  fs::resize_file(path("run/checkpoint.bin"), 100);
  EXPECT_EQ(train("run", {"--resume"}), kFailed);
  EXPECT_THAT(error_, HasSubstr("truncated"));
}

TEST_F(Program, ASignalSavesTheTraining) {
  const pid_t child = start_training();
  kill(child, SIGTERM);
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGTERM);
  const auto done = log("run").back()["round"].get<int>();
  EXPECT_EQ(train("run", {"--resume", "--set", "rounds=" + std::to_string(done + 2)}), kDone) << error_;
  EXPECT_EQ(log("run").back()["round"], done + 2);
}

TEST_F(Program, MoreSignalsDoNotKeepItFromSaving) {
  const pid_t child = start_training();
  // Until it has ended: where a job is told to stop, the batch system and the launcher both say so.
  for (kill(child, SIGTERM); waitpid(child, nullptr, WNOHANG) == 0; kill(child, SIGTERM)) std::this_thread::yield();
  const auto done = log("run").back()["round"].get<int>();
  EXPECT_EQ(train("run", {"--resume", "--set", "rounds=" + std::to_string(done + 1)}), kDone) << error_;
  EXPECT_THAT(out_, HasSubstr("after round " + std::to_string(done)));
}

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

TEST_F(Program, MinimizeShowsARun) {
  ASSERT_EQ(run({"minimize", "--problem", "sphere", "--dimension", "3", "--optimizer", "lbfgs", "--budget", "60"}), kDone)
      << error_;
  EXPECT_THAT(out_, AllOf(HasSubstr("sphere, 3-D"), HasSubstr("status"), HasSubstr("best point")));
  EXPECT_THAT(error_, IsEmpty());
  ASSERT_EQ(run({"minimize", "--problem", "sphere", "--policy", "network", "--budget", "60"}), kDone);
  EXPECT_THAT(error_, HasSubstr("is for the weights of networks"));
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
