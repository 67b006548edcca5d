// A training and the folder that it writes, whether it is one process or the learner of several.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "scout/cli/progress.h"
#include "scout/cli/training_log.h"
#include "scout/train/ranks/distributed.h"
#include "scout/train/trainer.h"

namespace scout {

struct TrainArguments {
  std::string config;
  std::string out;
  std::uint64_t seed = 1;
  std::vector<std::string> assignments;
  bool resume = false;
  std::string data_dir;  ///< as given; empty if it was not
};

/// Throws std::invalid_argument, naming the file where it is to blame.
TrainOptions read_options(const TrainArguments& arguments);

/// The command that continues the run.
std::string resume_command(const TrainArguments& arguments);

/// Policy, checkpoint and logs of a run, kept up to date from round to round.
class TrainingRun {
 public:
  /// Makes the folder or, with --resume, restores the trainer from it. Throws std::invalid_argument if the folder holds
  /// another run, or has no checkpoint to continue from.
  TrainingRun(const TrainArguments& arguments, Trainer& trainer);

  /// Lets the trainer tell what explorers do, where that is to be logged.
  void before_rollout();
  /// Logs a round, and saves what is due. `traffic` is null in a process of its own.
  void on_round(const RoundReport& report, const Traffic* traffic = nullptr);
  void save() const { trainer_.save((out_ / "checkpoint.bin").string()); }
  /// Ends the line that shows the progress.
  void end_progress() { progress_->finish(); }
  std::filesystem::path policy_path() const { return out_ / "policy.scout"; }

 private:
  void save_policy() const;

  Trainer& trainer_;
  std::filesystem::path out_;
  std::optional<TrainingLog> log_;
  std::optional<Progress> progress_;
  std::int64_t observed_round_ = -1;  // the last whose explorers were logged
  std::chrono::steady_clock::time_point round_begin_;
  double seconds_ = 0;            // spent on rounds, those before a resume included
  std::int64_t evaluations_ = 0;  // of training instances, so far
};

}  // namespace scout
