// For tests only: the program, called in this process, in a folder of its own.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "scout/base/json_lines.h"
#include "scout/cli/commands.h"

namespace scout {

/// Sets variables of the environment, and takes them back.
class Environs {
 public:
  explicit Environs(std::vector<std::pair<std::string, std::string>> values) : values_(std::move(values)) {
    for (const auto& [name, value] : values_) setenv(name.c_str(), value.c_str(), 1);
  }
  ~Environs() {
    for (const auto& [name, value] : values_) unsetenv(name.c_str());
  }
  Environs(const Environs&) = delete;
  Environs& operator=(const Environs&) = delete;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

class Program : public testing::Test {
 protected:
  Program() {
    std::filesystem::create_directories(folder_);
    std::ofstream(path("small.toml")) << R"(problems = ["rastrigin", "ackley-rotated"]
dimensions = [2]
rounds = 4
learners = ["evolution", "ddpg"]
updates = 2
threads = 1
policy.hidden = [8, 8]
policy.by_coordinate = true
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
    std::filesystem::remove_all(folder_);
    setenv("SCOUT_DATA", data_.c_str(), 1);  // --data-dir sets it; empty is as good as unset
  }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  /// A training without an end, in a process of its own, after its first rounds. `before` is called there first.
  pid_t start_training(const std::function<void()>& before = [] {}) {
    const pid_t child = fork();
    if (child == 0) {
      before();
      _exit(train("run", {"--set", "rounds=1000000", "checkpoint_every=1"}));
    }
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
    for (auto& line : lines) line.erase("seconds"), line.erase("cpu_seconds");
    return lines;
  }

  /// Its exit code, or 128 and the signal that ended it.
  static int wait(pid_t child) {
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  const std::string folder_ = testing::TempDir() + "scout_program_test." + std::to_string(getpid());
  const std::string data_ = std::getenv("SCOUT_DATA") == nullptr ? "" : std::getenv("SCOUT_DATA");
  std::string out_, error_;
};

}  // namespace scout
