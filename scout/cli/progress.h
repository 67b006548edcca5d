// What a training shows while it runs.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "scout/train/trainer.h"

namespace scout {

/// On a terminal one line that is rewritten: bar, rounds, rate, remaining time, last validation. Elsewhere a plain line
/// after each validation.
class Progress {
 public:
  explicit Progress(const Trainer& trainer);
  void show(const RoundReport& report);
  /// Ends the rewritten line.
  void finish();

 private:
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

}  // namespace scout
