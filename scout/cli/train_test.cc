// scout train as a whole: what it leaves, how it goes on, and what ends it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <csignal>
#include <cstring>
#include <functional>

#include "scout/cli/test_program.h"
#include "scout/cli/training_run.h"
#include "scout/policy/policy.h"

namespace scout {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST_F(Program, TrainingFromAPolicyCountsWhatThatHadCost) {
  ASSERT_EQ(train("first", {"--seed", "5"}), kDone) << error_;
  ASSERT_EQ(train("second", {"--seed", "6", "--set", "policy.start=" + path("first/policy.scout")}), kDone) << error_;
  const auto first = Policy::load(path("first/policy.scout"))->description().provenance;
  const auto second = Policy::load(path("second/policy.scout"))->description().provenance;
  const auto own = log("second").at(second["round"].get<std::size_t>());
  EXPECT_EQ(second["evaluations"], own["evaluations"].get<std::int64_t>() + first["evaluations"].get<std::int64_t>());
  EXPECT_GT(second["training_seconds"], first["training_seconds"]);
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
      resume_command(
          {.config = "a.toml", .out = "b", .seed = 3, .assignments = {"rounds=9"}, .data_dir = "my data", .alone = true}),
      HasSubstr("train a.toml --out b --seed 3 --set rounds=9 --data-dir 'my data' --alone --resume"));
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

TEST_F(Program, EverySignalThatAnnouncesTheEndSavesTheTraining) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU, SIGPIPE}) {
    const pid_t child = start_training();
    kill(child, signal);
    EXPECT_EQ(wait(child), 128 + signal);
    const auto done = log("run").back()["round"].get<int>();
    EXPECT_EQ(train("run", {"--resume", "--set", "rounds=" + std::to_string(done + 2)}), kDone) << error_;
    EXPECT_THAT(out_, HasSubstr("after round " + std::to_string(done))) << strsignal(signal);
    EXPECT_EQ(log("run").back()["round"], done + 2);
    fs::remove_all(path("run"));
  }
}

TEST_F(Program, WhatNohupHasIgnoredStaysIgnored) {
  const pid_t child = start_training([] { std::signal(SIGHUP, SIG_IGN); });
  kill(child, SIGHUP);
  const auto lines = log("run").size();
  for (int k = 0; k < 3000 && log("run").size() < lines + 3; ++k) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_GE(log("run").size(), lines + 3) << "it goes on";
  kill(child, SIGTERM);
  EXPECT_EQ(wait(child), 128 + SIGTERM);
}

TEST_F(Program, ATrainingThatNobodyReadsIsSaved) {
  const pid_t child = fork();
  if (child == 0) {
    std::array<int, 2> ends{};
    if (pipe(ends.data()) == 0 && close(ends[0]) == 0) dup2(ends[1], STDOUT_FILENO);
    const std::string config = path("small.toml"), out = path("run");
    const std::array words{"scout", "train", config.c_str(), "--out", out.c_str()};
    _exit(run_program(static_cast<int>(words.size()), words.data()));
  }
  EXPECT_EQ(wait(child), 128 + SIGPIPE);
  EXPECT_EQ(train("run", {"--resume"}), kDone) << error_;
  EXPECT_EQ(log("run").back()["round"], 4);
}

TEST_F(Program, OneTrainingAtATimeWorksInAFolder) {
  const pid_t child = start_training();
  const auto in_use = HasSubstr(path("run") + " is in use: process " + std::to_string(child) + " on ");
  EXPECT_EQ(train("run"), kFailed);
  EXPECT_THAT(error_, in_use);
  EXPECT_EQ(train("run", {"--resume", "--set", "rounds=1000000", "checkpoint_every=1"}), kFailed);
  EXPECT_THAT(error_, in_use);
  kill(child, SIGKILL);
  EXPECT_EQ(wait(child), 128 + SIGKILL);
  ASSERT_EQ(train("run", {"--resume"}), kDone) << error_;
  EXPECT_FALSE(fs::exists(path("run/.lock")));
}

TEST_F(Program, ATrainingThatWasKilledBeforeItsFirstRoundGoesOn) {
  ASSERT_EQ(train("whole"), kDone) << error_;
  TrainArguments arguments;
  arguments.config = path("small.toml");
  arguments.out = path("run");
  {
    Trainer trainer(read_options(arguments), 1);
    TrainingRun run(arguments, trainer);  // and no further
  }
  EXPECT_EQ(train("run"), kBadUsage);
  EXPECT_THAT(error_, HasSubstr("continue it with --resume"));
  ASSERT_EQ(train("run", {"--resume"}), kDone) << error_;
  EXPECT_EQ(log("run"), log("whole"));
}

TEST_F(Program, AFileThatCannotGrowEndsATrainingThatThenGoesOn) {
  ASSERT_EQ(train("whole", {"--set", "checkpoint_every=1"}), kDone) << error_;
  const auto size = fs::file_size(path("whole/checkpoint.bin"));
  for (const auto limit : {size - 1, size / 2, std::uintmax_t{3000}}) {
    const pid_t child = fork();
    if (child == 0) {
      const rlimit most{limit, limit};
      setrlimit(RLIMIT_FSIZE, &most);
      const int code = train("run", {"--set", "checkpoint_every=1"});
      std::ofstream(path("said")) << error_;
      _exit(code);
    }
    EXPECT_EQ(wait(child), kFailed) << limit;
    std::ifstream file(path("said"));
    const std::string said(std::istreambuf_iterator<char>(file), {});
    EXPECT_THAT(said, AllOf(HasSubstr(path("run/")), HasSubstr("File too large"))) << limit;
    for (const auto& entry : fs::directory_iterator(path("run"))) EXPECT_NE(entry.path().extension(), ".partial");
    if (fs::exists(path("run/checkpoint.bin"))) {
      EXPECT_THAT(said, HasSubstr("Saved after round")) << limit;
      ASSERT_EQ(train("run", {"--resume", "--set", "checkpoint_every=1"}), kDone) << error_;
    } else {
      ASSERT_EQ(train("run", {"--set", "checkpoint_every=1"}), kDone) << error_;
    }
    EXPECT_EQ(log("run"), log("whole")) << limit;
    EXPECT_EQ(read_json_lines(path("run/explorers.jsonl")), read_json_lines(path("whole/explorers.jsonl"))) << limit;
    fs::remove_all(path("run"));
  }
}

TEST_F(Program, TheUntrainedPolicyIsValidatedFirst) {
  ASSERT_EQ(train("run", {"--seed", "5", "--set", "rounds=2"}), kDone) << error_;
  TrainArguments arguments;
  arguments.config = path("small.toml");
  Trainer untrained(read_options(arguments), 5);
  const auto report = untrained.validate_now();
  EXPECT_THAT(out_,
              StartsWith(fmt::format("Before training: score {:.2f}; median gaps rastrigin {:.3g}, ackley-rotated {:.3g}\n",
                                     report.validation_score, report.validation_gaps[0], report.validation_gaps[1])));
  const auto validation = log("run").front()["validation"];
  EXPECT_EQ(validation["score"], report.validation_score);
  EXPECT_EQ(validation["median_gaps"]["rastrigin"], report.validation_gaps[0]);
  ASSERT_EQ(train("run", {"--seed", "5", "--resume"}), kDone) << error_;
  EXPECT_THAT(out_, Not(HasSubstr("Before training")));
}

TEST_F(Program, ShippedConfigsAreFoundByName) {
  const fs::path before = fs::current_path();
  fs::current_path(folder_);
  const std::vector<std::string> small{"--set", "problems=[\"sphere\"]", "dimensions=2", "rounds=1",
                                       "validation.instances=1"};
  for (const char* config : {"demo", "configs/demo.toml"}) {
    std::vector<std::string> words{"train", config, "--out", std::string("by/") + config};
    words.insert(words.end(), small.begin(), small.end());
    EXPECT_EQ(run(words), kDone) << error_;
    EXPECT_EQ(log(std::string("by/") + config)[0]["options"]["dimensions"], std::vector{2});
  }
  EXPECT_EQ(run({"train", "dmo"}), kBadUsage);
  EXPECT_THAT(error_, HasSubstr("no config 'dmo': did you mean 'demo'?"));
  EXPECT_EQ(run({"bench", "benchmarks/dmo.toml", "--out", "x"}), kBadUsage);
  EXPECT_THAT(error_, HasSubstr("no suite 'benchmarks/dmo.toml': did you mean 'demo'?"));
  fs::current_path(before);
}

TEST_F(Program, NumbersAreReadHoweverTheyAreSpelled) {
  ASSERT_EQ(train("run", {"--set", "rounds=1", "ddpg.discount=.5"}), kDone) << error_;
  EXPECT_EQ(log("run")[0]["options"]["ddpg.discount"], 0.5);
  std::ofstream(path("small.toml"), std::ios::app) << "reward.scale = inf\n";
  EXPECT_EQ(train("other"), kBadUsage);
  EXPECT_THAT(error_, AllOf(HasSubstr("small.toml"), HasSubstr("'reward.scale' is inf: must be a finite number")));
}

TEST_F(Program, MoreSignalsDoNotKeepItFromSaving) {
  const pid_t child = start_training();
  // Until it has ended: where a job is told to stop, the batch system and the launcher both say so.
  for (kill(child, SIGTERM); waitpid(child, nullptr, WNOHANG) == 0; kill(child, SIGTERM)) std::this_thread::yield();
  const auto done = log("run").back()["round"].get<int>();
  EXPECT_EQ(train("run", {"--resume", "--set", "rounds=" + std::to_string(done + 1)}), kDone) << error_;
  EXPECT_THAT(out_, HasSubstr("after round " + std::to_string(done)));
}

TEST_F(Program, AResumedRunHasItsPolicyAgain) {
  ASSERT_EQ(train("run", {"--set", "rounds=2"}), kDone) << error_;
  const auto parameters = Policy::load(path("run/policy.scout"))->parameters();
  for (const std::string damage : {"missing", "empty"}) {
    fs::remove(path("run/policy.scout"));
    if (damage == "empty") std::ofstream(path("run/policy.scout")) << "";
    ASSERT_EQ(train("run", {"--resume", "--set", "rounds=2"}), kDone) << error_;
    EXPECT_EQ(Policy::load(path("run/policy.scout"))->parameters(), parameters) << damage;
  }
}

TEST_F(Program, AResumedRunSaysWhatItsLogLacks) {
  const auto damaged = [&](const std::function<void(std::vector<std::string>&)>& damage) {
    fs::remove_all(path("run"));
    EXPECT_EQ(train("run", {"--set", "rounds=2"}), kDone) << error_;
    std::vector<std::string> lines;
    std::ifstream file(path("run/log.jsonl"));
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    damage(lines);
    std::ofstream out(path("run/log.jsonl"));
    for (const std::string& line : lines) out << line << "\n";
    out.close();
    return train("run", {"--resume", "--set", "rounds=3"});
  };
  EXPECT_EQ(damaged([](auto&) {}), kDone);
  EXPECT_THAT(out_, Not(HasSubstr("warning")));
  EXPECT_EQ(damaged([](auto& lines) { lines.pop_back(); }), kDone);
  EXPECT_THAT(out_, HasSubstr("log.jsonl is not whole: it ends after round 1 of 2"));
  EXPECT_EQ(damaged([](auto& lines) { lines.clear(); }), kDone);
  EXPECT_THAT(out_, HasSubstr("it has no line"));
  EXPECT_EQ(damaged([](auto& lines) { lines.erase(lines.begin()); }), kDone);
  EXPECT_THAT(out_, HasSubstr("round 1 follows where 0 was due"));
  EXPECT_EQ(damaged([](auto& lines) { lines.insert(lines.begin() + 1, lines[1]); }), kDone);
  EXPECT_THAT(out_, HasSubstr("round 1 follows where 2 was due"));
  for (const std::string line : {"null", "{\"round\":\"x\"}"}) {
    EXPECT_EQ(damaged([&](auto& lines) { lines[1] = line; }), kBadUsage) << line;
    EXPECT_THAT(error_, HasSubstr("log.jsonl, line 2: not a line of a training"));
  }
}

TEST_F(Program, CompareTakesNoUntrainedPolicyForATrainedOne) {
  ASSERT_EQ(train("a", {"--seed", "1", "--set", "rounds=2"}), kDone) << error_;
  ASSERT_EQ(train("b", {"--seed", "2", "--set", "rounds=2"}), kDone) << error_;
  EXPECT_EQ(run({"compare", "--one", path("a"), path("b"), "--other", path("b"), path("a")}), kDone) << error_;
  std::ifstream file(path("b/log.jsonl"));
  std::string first;
  std::getline(file, first);
  std::ofstream(path("b/log.jsonl")) << first << "\n";
  EXPECT_EQ(run({"compare", "--one", path("a"), path("b"), "--other", path("b"), path("a")}), kBadUsage);
  EXPECT_THAT(error_, HasSubstr(path("b/log.jsonl") + "' has no validation yet"));
}

TEST_F(Program, CompareTakesEachSeedOnce) {
  ASSERT_EQ(train("a", {"--seed", "1", "--set", "rounds=2"}), kDone) << error_;
  EXPECT_EQ(run({"compare", "--one", path("a"), path("a"), "--other", path("a"), path("a")}), kBadUsage);
  EXPECT_THAT(error_, HasSubstr("two trainings of seed 1 on one side"));
  std::ofstream(path("a/log.jsonl"), std::ios::app) << R"({"round":3,"validation":{"scores":{},"score":null}})"
                                                    << "\n";
  EXPECT_EQ(run({"compare", "--one", path("a"), path("a"), "--other", path("a"), path("a")}), kBadUsage);
  EXPECT_THAT(error_, HasSubstr(path("a/log.jsonl") + "' is damaged in round 3"));
}

}  // namespace
}  // namespace scout
