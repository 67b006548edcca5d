// A training and the folder that it writes, whether it is one process or the learner of several.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>

#include "scout/base/files.h"
#include "scout/base/folder_lock.h"
#include "scout/train/ranks/distributed.h"

namespace scout {

struct TrainArguments {
  std::string config;
  std::string out;
  std::uint64_t seed = 1;
  std::vector<std::string> assignments;
  bool resume = false;
  std::string data_dir;  ///< as given; empty if it was not
  bool alone = false;
};

/// The shipped configs are in this one (shipped_folder).
inline constexpr auto kConfigFolder = "configs";

/// Prints, as far as anybody reads it: a training goes on without.
void say(const std::string& text);

/// Throws std::invalid_argument, naming the file where it is to blame.
TrainOptions read_options(const TrainArguments& arguments);

/// The command that continues the run.
std::string resume_command(const TrainArguments& arguments);

/// {"instance", "explorer", "coordinate", "step", "theta", "value", "event"}, as reports read it. A move also tells "along":
/// coordinate or gradient.
nlohmann::json explorer_line(const std::string& instance, const ExplorerEvent& event);

/// What a training shows while it runs: on a terminal one line that is rewritten: bar, rounds, rate, remaining time, last
/// validation. Elsewhere a plain line after each validation.
class Progress {
 public:
  explicit Progress(const Trainer& trainer);
  /// What the policy is worth before the first round.
  void show_start(const RoundReport& report);
  void show(const RoundReport& report);
  /// Ends the rewritten line.
  void finish();

 private:
  std::string gaps(const RoundReport& report) const;
  void note_best(double score, std::int64_t round);
  std::string status(std::int64_t round) const;
  void redraw(std::int64_t round);

  using Clock = std::chrono::steady_clock;
  std::int64_t first_;
  std::int64_t rounds_;
  std::vector<std::string> problems_;
  bool terminal_;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point drawn_{};
  std::string validation_;  ///< the last one
  std::string best_;
};

/// Policy, checkpoint and logs of a run, kept up to date from round to round.
/// log.jsonl: first {"options", "seed", "threads", "machine", "versions", "validation"}, the latter of the policy before the
/// first round, then an object for each round.
/// explorers.jsonl: every event of the first ensemble of some rounds, with the "round".
class TrainingRun {
 public:
  /// Makes the folder or, with --resume, restores the trainer from it, and goes on after the lines of the rounds that were
  /// done: a run that was killed may have logged rounds that it has to repeat. Throws std::invalid_argument if the folder
  /// holds another run, or has no checkpoint to continue from, std::runtime_error if a file cannot be written, or another
  /// process works in the folder.
  TrainingRun(const TrainArguments& arguments, Trainer& trainer);

  /// Before the first round of all, validates the policy that the training begins with: what it adds is seen against that.
  void begin();
  /// Lets the trainer tell what explorers do, where that is to be logged.
  void before_rollout();
  /// Logs a round, and saves what is due. `traffic` is null in a process of its own.
  void on_round(const RoundReport& report, const Traffic* traffic = nullptr);
  /// Everything that --resume needs is then on the disk, the lines of the rounds that were done included.
  void save();
  /// The round after which --resume goes on.
  std::int64_t saved_round() const { return saved_round_; }
  /// Whether every round that the trainer has done is in the log. What is saved otherwise would lack a line.
  bool is_logged() const { return logged_round_ == trainer_.rounds_done(); }
  /// Ends the line that shows the progress.
  void end_progress() { progress_->finish(); }
  std::filesystem::path policy_path() const { return out_ / "policy.scout"; }

 private:
  void log_round(const RoundReport& report, double seconds, double cpu_seconds, const Traffic* traffic);
  void save_policy() const;

  Trainer& trainer_;
  std::filesystem::path out_;
  std::optional<FolderLock> lock_;
  std::optional<LineFile> rounds_;
  std::optional<LineFile> explorers_;
  std::string explorer_lines_;  // of the round at hand
  std::int64_t logged_round_ = 0;
  std::int64_t saved_round_ = 0;
  std::optional<Progress> progress_;
  std::int64_t observed_round_ = -1;  // the last whose explorers were logged
  std::chrono::steady_clock::time_point round_begin_;
  double cpu_begin_ = 0;          // CPU seconds of this process when the round began
  double seconds_ = 0;            // spent on rounds, those before a resume included
  std::int64_t evaluations_ = 0;  // of training instances, so far
};

}  // namespace scout
