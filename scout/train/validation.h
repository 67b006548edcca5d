// How good parameters are, on instances that no learner sees.
#pragma once

#include <memory>
#include <vector>

#include "scout/train/learner/learner.h"

namespace scout {

class Validation {
 public:
  /// Samples the validation instances of each problem that TrainOptions::judged() names, and dimension. Throws
  /// std::invalid_argument on unknown problems.
  explicit Validation(const TrainOptions& options);

  /// Runs the rule without noise, and fills what a report says of validation.
  void run(const std::shared_ptr<const Stepper>& stepper, const EpisodeOptions& episode, ThreadTeam& team,
           RoundReport& report) const;

 private:
  const TrainOptions& options_;
  std::size_t problems_;
  std::vector<std::shared_ptr<const Instance>> instances_;
  std::vector<std::size_t> problem_;  // of each instance
};

}  // namespace scout
