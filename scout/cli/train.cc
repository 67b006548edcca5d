#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <csignal>
#include <ctime>
#include <filesystem>

#include "scout/bench/record.h"
#include "scout/cli/assignments.h"
#include "scout/cli/commands.h"
#include "scout/cli/progress.h"
#include "scout/cli/training_log.h"
#include "scout/meta/trainer.h"
#include "scout/policy/policy.h"

namespace scout {
namespace fs = std::filesystem;
namespace {

struct Arguments {
  std::string config;
  std::string out;
  std::uint64_t seed = 1;
  std::vector<std::string> assignments;
  bool resume = false;
};

volatile std::sig_atomic_t caught_signal = 0;

/// SIGINT and SIGTERM end the training after its round; a second one ends the program at once.
class SignalGuard {
 public:
  SignalGuard() {
    caught_signal = 0;
    struct sigaction action {};
    action.sa_handler = [](int signal) { caught_signal = signal; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(SIGINT, &action, &before_[0]);
    sigaction(SIGTERM, &action, &before_[1]);
  }
  ~SignalGuard() {
    sigaction(SIGINT, &before_[0], nullptr);
    sigaction(SIGTERM, &before_[1], nullptr);
  }
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

 private:
  std::array<struct sigaction, 2> before_{};
};

TrainOptions read_options(const Arguments& arguments) {
  TrainOptions options;
  const auto values = read_toml(arguments.config);
  try {
    set_options(options, values);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(arguments.config + ": " + error.what());
  }
  apply_assignments(options, arguments.assignments);
  return options;
}

std::string shell_word(const std::string& word) {
  const bool plain = !word.empty() && word.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789_-./=:,+@%") == std::string::npos;
  if (plain) return word;
  std::string out = "'";
  for (char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// The command that continues the run.
std::string resume_command(const Arguments& arguments) {
  std::string program = "scout";
  std::error_code error;
  if (const auto path = fs::read_symlink("/proc/self/exe", error); !error) program = path.string();
  std::string out = shell_word(program) + " train " + shell_word(arguments.config) + " --out " + shell_word(arguments.out) +
                    fmt::format(" --seed {}", arguments.seed);
  for (const auto& assignment : arguments.assignments) out += " --set " + shell_word(assignment);
  return out + " --resume";
}

std::string date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

void save_policy(const Trainer& trainer, const fs::path& path) {
  const TrainOptions& options = trainer.options();
  const PolicyDescription description{.observer = trainer.observer_options(),
                                      .hidden = options.policy.hidden,
                                      .proposals = options.policy.proposals,
                                      .step_scale = options.policy.step_scale,
                                      .horizon = options.rollout.horizon,
                                      .provenance = {{"options", to_json(options)},
                                                     {"seed", trainer.seed()},
                                                     {"threads", trainer.threads()},
                                                     {"round", trainer.best_round()},
                                                     {"validation_score", trainer.best_score()},
                                                     {"date", date()},
                                                     {"versions", bench::version_facts()}}};
  Policy(description, trainer.best_parameters()).save(path.string());
}

/// Refuses to mix a new run with the files of another.
void prepare_folder(const Arguments& arguments, const fs::path& out) {
  const bool has_checkpoint = fs::exists(out / "checkpoint.bin");
  if (arguments.resume) {
    if (has_checkpoint) return;
    throw std::invalid_argument("--resume: there is no checkpoint in " + out.string() +
                                ": give the --out of the run to continue, or leave --resume out to begin one");
  }
  for (const char* file : {"checkpoint.bin", "log.jsonl", "policy.scout"}) {
    if (!fs::exists(out / file)) continue;
    throw std::invalid_argument(out.string() + " holds another run (" + file + "): give another --out, remove it, or " +
                                (has_checkpoint ? "continue it with --resume" : "begin anew, for it has no checkpoint"));
  }
  fs::create_directories(out);
}

int train(const Arguments& arguments) {
  const TrainOptions options = read_options(arguments);
  const fs::path out = arguments.out;
  Trainer trainer(options, arguments.seed);
  prepare_folder(arguments, out);
  const std::string checkpoint = (out / "checkpoint.bin").string();
  if (arguments.resume) {
    trainer.restore(checkpoint);
    fmt::print("Continuing {} after round {}.\n", arguments.out, trainer.rounds_done());
    if (trainer.finished()) {
      fmt::print("All {} rounds are done; --set rounds=N trains longer.\n", options.rounds);
      return kDone;
    }
  }
  TrainingLog log(out, trainer);
  Progress progress(trainer);
  SignalGuard guard;
  while (!trainer.finished() && caught_signal == 0) {
    trainer.observe_explorers = nullptr;
    if (trainer.rounds_done() % options.validation.every == 0) {
      trainer.observe_explorers = [&](const std::string& instance, const ExplorerEvent& event) {
        log.write(trainer.rounds_done() + 1, instance, event);
      };
    }
    const auto begin = std::chrono::steady_clock::now();
    const RoundReport report = trainer.round();
    log.write(report, options.problems, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    if (report.best) save_policy(trainer, out / "policy.scout");
    if (report.round % options.checkpoint_every == 0 || trainer.finished()) trainer.save(checkpoint);
    progress.show(report);
  }
  progress.finish();
  if (trainer.finished()) {
    fmt::print("The best policy, of round {} with score {:.3f}, is {}\n", trainer.best_round(), trainer.best_score(),
               (out / "policy.scout").string());
    return kDone;
  }
  trainer.save(checkpoint);
  fmt::print("Interrupted; saved after round {}. Continue with\n  {}\n", trainer.rounds_done(), resume_command(arguments));
  return 128 + caught_signal;
}

}  // namespace

void add_train(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("train", "Train a policy on a mix of problem families");
  command->add_option("CONFIG", arguments->config, "TOML file of options (scout list options)")->required();
  command->add_option("--out", arguments->out, "folder of the run (default: out/ and the name of CONFIG)");
  command->add_option("--seed", arguments->seed, "drives every random choice")->capture_default_str();
  command->add_option("--set", arguments->assignments, "key=value ...: options that override CONFIG");
  command->add_flag("--resume", arguments->resume, "continue the run in --out from its checkpoint");
  command->footer(R"(Examples:
  scout train configs/demo.toml --out out/demo --seed 1
  scout train configs/demo.toml --out out/alone --set replay.explorer_share=0
  scout train configs/demo.toml --out out/demo --set rounds=1000 --resume
The folder then holds
  policy.scout     the policy with the best validation score
  checkpoint.bin   everything that --resume needs; same seed and threads: same result, resumed or not
  log.jsonl        a line a round
  explorers.jsonl  what the explorers of an ensemble did, every `validation.every` rounds
Ctrl-C and SIGTERM finish the round, save, print how to continue, and exit with 128 + the signal's number.)");
  command->callback([arguments, &exit_code] {
    if (arguments->out.empty()) arguments->out = (fs::path("out") / fs::path(arguments->config).stem()).string();
    exit_code = train(*arguments);
  });
}

}  // namespace scout
