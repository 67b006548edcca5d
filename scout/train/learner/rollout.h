// Rollouts: what a learner wants to be run, and what came of it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "scout/base/parallel.h"
#include "scout/train/episode/episode.h"
#include "scout/train/mover/ensemble.h"
#include "scout/train/mover/mover.h"

namespace scout {

/// One episode.
struct RunRequest {
  std::shared_ptr<const Instance> instance;
  std::shared_ptr<const Stepper> stepper;  ///< the rule with the parameters that act
  std::vector<double> start{};             ///< θ⁰ [M]
  EpisodePlan plan{};                      ///< its length, among others
  std::shared_ptr<Mover> mover{};          ///< null: the rule alone
  Recording recording{};                   ///< what goes into the trajectory
  bool judge = false;                      ///< whether share and value are wanted, which may cost evaluations
  /// An episode to go on with, for `steps` more steps, instead of a new one. It is handed back.
  std::shared_ptr<Episode> unfinished{};
  int steps = 0;      ///< of an unfinished episode; 0: to its end
  bool keep = false;  ///< whether the episode is handed back
};

struct RunResult {
  double share = 0;        ///< Episode::final_share
  double value = 0;        ///< Episode::final_value
  double mean_return = 0;  ///< rewards of the trajectory, summed over steps, the mean over coordinates
  Trajectory trajectory;
  std::shared_ptr<Episode> episode;  ///< if it was to be kept
};

/// log of a share of the start's gap: shares below `floor` are not told apart, and none counts for more than ten.
double log_share(double share, double floor);

/// Either episodes that run in step, in one thread, or an ensemble.
struct Rollout {
  std::vector<RunRequest> runs;
  std::optional<EnsembleTask> ensemble{};
  ExplorerOptions explorers{};
  Ensemble::Observe observe{};

  // Filled by `roll_out`.
  std::vector<RunResult> results{};
  std::vector<Trajectory> trajectories{};  ///< of the ensemble
  EnsembleSummary summary{};
  std::int64_t evaluations = 0;
};

/// Runs everything on a team of threads, which does not change what comes of it.
void roll_out(std::span<Rollout> rollouts, const EpisodeOptions& options, ThreadTeam& team);

}  // namespace scout
