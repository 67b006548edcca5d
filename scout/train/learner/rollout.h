// Rollouts: what a learner wants to be run, what came of it, and what that brings to the learners, whichever rank it was
// made on.
#pragma once

#include <functional>
#include <string>

#include "scout/base/parallel.h"
#include "scout/train/mover/ensemble.h"

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
  /// An episode to go on with instead of a new one. It is handed back.
  std::shared_ptr<Episode> unfinished{};
  int steps = 0;      ///< at most so many; 0: to the episode's end
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
  EnsembleOptions explorers{};
  Ensemble::Observe observe{};

  // Filled by `roll_out`.
  std::vector<RunResult> results{};
  std::vector<Trajectory> trajectories{};  ///< of the ensemble
  EnsembleSummary summary{};
  std::int64_t evaluations = 0;
};

/// Told of what the explorers of an ensemble do, and of the instance's name.
using ObserveExplorers = std::function<void(const std::string& instance, const ExplorerEvent&)>;

/// Deals runs to threads: a batch of neighbours each, which run in step.
std::vector<Rollout> dealt(std::vector<RunRequest> runs, int threads);
/// Adds an ensemble on the instance `name`. `observe`, if not empty, is told of the first one's explorers.
void add_ensemble(std::vector<Rollout>& rollouts, EnsembleTask task, const EnsembleOptions& explorers,
                  const std::string& name, const ObserveExplorers& observe);

/// Runs everything on a team of threads, which does not change what comes of it.
void roll_out(std::span<Rollout> rollouts, const EpisodeOptions& options, ThreadTeam& team);

/// Parameters that were tried; of "pes" what a pair of them says: an estimate of the gradient, and its mean loss; of
/// "guided" a run: its condition, its points, and what it was made by.
struct Candidate {
  std::int64_t generation = 0;    ///< that they were drawn in
  std::vector<double> direction;  ///< in which they lay from that generation's mean, in standard deviations
  std::vector<double> score;      ///< by problem: sum of the log of the final gap's share; lower is better

  void visit(auto& archive) { archive(generation, direction, score); }
};

/// What one learner's rollouts have found.
struct Findings {
  std::vector<Trajectory> policy{};     ///< of the policy, whatever its parameters: any learner may take them
  std::vector<Trajectory> explorers{};  ///< of ensembles
  std::vector<Trajectory> decisions{};  ///< of the policy's decisions
  std::vector<Candidate> candidates{};
  double return_sum = 0;      ///< of the policy's episodes,
  std::int64_t episodes = 0;  ///< which are so many
  int ensembles = 0;
  EnsembleSummary summary{};  ///< over these ensembles
  /// Of training instances, in the digest itself: the experience counts them.
  std::int64_t evaluations = 0;

  /// Adds what the episodes or the ensemble of a rollout have found. Trajectories of episodes go to `found`.
  void add(Rollout& rollout, std::vector<Trajectory>& found);
  /// Adds returns and counts of another's, but no trajectory.
  void add_totals(const Findings& other);

  void visit(auto& archive) { archive(policy, explorers, decisions, candidates, return_sum, episodes, ensembles, summary); }
};

struct Experience {
  std::int64_t sequence = 0;         ///< one past the last number of its units
  std::int64_t round = 0;            ///< rounds done by the learner whose parameters acted
  std::int64_t units = 0;            ///< what a round is made of
  std::int64_t evaluations = 0;      ///< of training instances
  std::vector<Findings> findings{};  ///< by learner

  void visit(auto& archive) { archive(sequence, round, units, evaluations, findings); }
};

}  // namespace scout
