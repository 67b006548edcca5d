// Meta-training: rounds of rollouts (policy and exploration ensembles) and DDPG updates, judged on validation instances.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "scout/base/parallel.h"
#include "scout/base/random.h"
#include "scout/policy/policy.h"
#include "scout/train/episode/experience.h"
#include "scout/train/episode/network_environment.h"
#include "scout/train/episode/rollout.h"
#include "scout/train/learner/ddpg.h"
#include "scout/train/learner/evolution.h"
#include "scout/train/learner/replay.h"
#include "scout/train/mover/ensemble.h"
#include "scout/train/options.h"
#include "scout/train/ranks/transport.h"

namespace scout {

/// One line of the training log.
struct RoundReport {
  std::int64_t round = 0;
  std::int64_t updates = 0;
  std::int64_t evaluations = 0;  ///< of training instances, so far
  double mean_return = 0;        ///< of the round's policy episodes, with noise
  double critic_loss = 0;
  double mean_q = 0;
  bool validated = false;
  double validation_score = 0;          ///< mean log10 of the final gap over the start's gap; lower is better
  std::vector<double> validation_gaps;  ///< median final gap, in the problem's own units, by problem
  bool best = false;                    ///< the best validation score so far
  EnsembleSummary ensembles;            ///< totals over the round's ensembles
  double staleness = 0;                 ///< rounds that the learner was ahead of the parameters that acted, on average
  std::int64_t dropped = 0;             ///< policy episodes refused because they were too stale
};

/// A training in one process calls `round`. With several, each rank has a trainer: every rank calls `collect`, and rank 0,
/// the learner, calls `take` and `learn` too, and hands `weights` to the others, who `adopt` them (run_learner, run_actor).
class Trainer {
 public:
  /// Throws std::invalid_argument on bad options or unknown problems.
  Trainer(const TrainOptions& options, std::uint64_t seed, const RankOf& place = {});

  /// One round. The state between rounds is complete: `save` there and `restore` elsewhere continues exactly.
  RoundReport round();

  /// The rollouts with numbers [sequence, sequence + rank_chunk()) of this rank: policy episodes, and the share of a round's
  /// ensembles and schedules that comes with them. No other number and no other rank gives the same ones. Ensembles of the
  /// same number on different ranks explore the same instance, as far as it has coordinates for all of them.
  Experience collect(std::int64_t sequence);
  /// Rollouts to collect at once: so many that the work is shared well by threads and batches.
  std::int64_t rank_chunk() const;
  /// A number that no rollout in this training's past had.
  std::int64_t next_sequence() const { return next_sequence_; }
  /// Adds experience to replay and schedules to the generation, unless it is staler than distributed.staleness.
  void take(Experience experience);
  /// Whether a round's worth of experience has been taken in.
  bool due() const { return taken_.units >= options_.rollout.episodes; }
  /// The learner's part of a round: schedule, updates and, where it is time, validation.
  RoundReport learn();
  /// What rollouts need to know of the learner's state.
  Bytes weights() const;
  void adopt(std::span<const std::byte> weights);
  const RankOf& place() const { return place_; }

  bool finished() const { return round_ >= options_.rounds; }
  std::int64_t rounds_done() const { return round_; }

  const TrainOptions& options() const { return options_; }
  std::uint64_t seed() const { return seed_; }
  int threads() const { return team_.size(); }
  ObserverOptions observer_options() const;
  const Actor& actor() const { return ddpg_.actor(); }
  /// The parameters with the best validation score; those at hand if there was no validation yet.
  const std::vector<float>& best_parameters() const { return best_parameters_; }
  double best_score() const { return best_score_; }
  std::int64_t best_round() const { return best_round_; }

  /// Called with every explorer event of the round's first ensemble, and the name of its instance, "PROBLEM/train/INDEX".
  std::function<void(const std::string& instance, const ExplorerEvent&)> observe_explorers;

  /// Writes everything that `restore` needs, whole or not at all (see CheckpointWriter).
  void save(const std::string& path) const;
  /// Continues where the trainer that saved `path` was. Throws std::runtime_error if the file cannot be read or is damaged
  /// (see CheckpointReader), std::invalid_argument, naming what differs, if it was made with another seed, number of
  /// threads, or value of any option but `rounds` and `checkpoint_every`. The trainer is unchanged then.
  void restore(const std::string& path);

 private:
  void start_from(const Policy& policy);
  struct Task {
    std::shared_ptr<const Instance> instance;
    std::string name;
    Seed seed;
    EnsembleShare share;
  };
  Task training_task(const char* axis, std::int64_t index) const;
  Task rank_episode(std::int64_t sequence) const;
  Task rank_ensemble(std::int64_t index) const;
  void roll_out_episodes(std::span<const Task> tasks, Experience& experience);
  void roll_out_ensembles(std::span<const Task> tasks, Experience& experience);
  /// Tries schedules of this generation; `first` is the number of the first.
  void try_schedules(std::span<const SeparableCmaEs::Sample> schedules, std::int64_t first, Experience& experience);
  /// The acting parameters with another schedule.
  std::vector<float> with_schedule(std::span<const double> schedule) const;
  /// Ends a generation of the schedule.
  void evolve();
  bool evolving() const { return options_.evolution.population > 0 && ddpg_.actor().schedule_size() > 0; }
  /// With many ranks a generation is larger, so that what is under way on all of them is about one generation.
  int population() const;
  bool exploring() const { return options_.replay.explorer_share > 0 && options_.ensemble.instances > 0; }
  const std::vector<float>& acting_parameters() const { return adopted_.empty() ? ddpg_.actor_parameters() : adopted_; }
  void update_networks(RoundReport& report);
  void validate_policy(RoundReport& report);
  /// Of final scores and values, by validation instance.
  void report_validation(RoundReport& report, std::span<const double> scores, std::span<const double> values);

  // The same for the form "network" (trainer_network.cc).
  bool networks() const { return options_.policy.form == "network"; }
  std::shared_ptr<const WeightStepper> stepper(std::span<const float> parameters) const;
  NetworkEpisode network_episode(Random& random) const;
  std::vector<std::size_t> sampled_weights(const Instance& instance, Random& random) const;
  void roll_out_network_episodes(std::span<const Task> tasks, Experience& experience);
  void roll_out_network_ensembles(std::span<const Task> tasks, Experience& experience);
  void try_network_schedules(std::span<const SeparableCmaEs::Sample> schedules, std::int64_t first, Experience& experience);
  void validate_network_policy(RoundReport& report);
  /// Visits all that changes from round to round, in a fixed order.
  template <class Visitor>
  void state(Visitor& visit);

  TrainOptions options_;
  std::uint64_t seed_;
  RankOf place_;
  ThreadTeam team_;
  Ddpg ddpg_;
  std::vector<std::size_t> evolved_;  // of the actor's parameters, those that are evolution's
  SeparableCmaEs evolution_;
  Replay policy_replay_;
  Replay explorer_replay_;
  Batch batch_;
  std::vector<std::shared_ptr<const Family>> families_;
  std::vector<std::shared_ptr<const Instance>> validation_instances_;
  std::vector<std::size_t> validation_problem_;

  std::vector<float> adopted_;  // the actor's parameters as the learner last sent them
  Experience taken_;            // totals since the last round, without the experience itself but for the candidates
  double stale_rounds_ = 0;     // summed over the policy episodes taken in
  std::int64_t dropped_ = 0;

  std::int64_t round_ = 0;
  std::int64_t generation_ = 0;
  std::int64_t next_sequence_ = 0;
  std::int64_t evaluations_ = 0;
  std::int64_t best_round_ = 0;
  double best_score_ = std::numeric_limits<double>::infinity();
  std::vector<float> best_parameters_;
};

}  // namespace scout
