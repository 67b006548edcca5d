// Meta-training: the loop around learners. Rollouts, what each learner makes of them, and validation.
#pragma once

#include <limits>

#include "scout/policy/policy.h"
#include "scout/train/learner/learner.h"
#include "scout/train/validation.h"

namespace scout {

/// A training in one process calls `round`. With several, each rank has a trainer: every rank calls `collect`, and rank 0,
/// the learner, calls `take` and `learn` too, and hands `weights` to the others, who `adopt` them (run_learner, run_actor).
class Trainer {
 public:
  /// Throws std::invalid_argument on bad options, on options that neither rule nor learners use, or on unknown problems.
  Trainer(const TrainOptions& options, std::uint64_t seed, const RankOf& rank = {});

  /// One round. The state between rounds is complete: `save` there and `restore` elsewhere continues exactly.
  RoundReport round();

  /// The rollouts of the units [sequence, sequence + rank_chunk()) of this rank. No other number and no other rank gives the
  /// same ones.
  Experience collect(std::int64_t sequence);
  /// Units to collect at once: so many that the work is shared well by threads and batches.
  std::int64_t rank_chunk() const { return std::min(threads(), options_.rollout.episodes); }
  /// A number that no rollout in this training's past had.
  std::int64_t next_sequence() const { return next_sequence_; }
  /// Hands experience to the learners, unless it is staler than distributed.staleness.
  void take(Experience experience);
  /// Whether a round's worth of experience has been taken in.
  bool due() const { return units_ >= options_.rollout.episodes; }
  /// The learners' part of a round and, where it is time, validation.
  RoundReport learn();
  /// What rollouts need to know of the learners' state.
  Bytes weights() const;
  void adopt(std::span<const std::byte> weights);
  const RankOf& rank() const { return rank_; }

  bool finished() const { return round_ >= options_.rounds; }
  std::int64_t rounds_done() const { return round_; }

  const TrainOptions& options() const { return options_; }
  std::uint64_t seed() const { return seed_; }
  int threads() const { return team_.size(); }
  const UpdateRule& rule() const { return *rule_; }
  const RuleOptions& rule_options() const { return rule_options_; }
  const SharedParameters& parameters() const { return parameters_; }
  /// The parameters with the best validation score; those at hand if there was no validation yet.
  const std::vector<float>& best_parameters() const { return best_parameters_; }
  double best_score() const { return best_score_; }
  std::int64_t best_round() const { return best_round_; }

  /// The policy with the best validation score so far, as a policy file holds it: with options, seed and score.
  Policy policy() const;

  /// The kept parameters on validation instances, as they are.
  RoundReport validate_now();

  /// Called with every explorer event of the round's first ensemble, and the name of its instance, "PROBLEM/train/INDEX".
  ObserveExplorers observe_explorers;

  /// Writes everything that `restore` needs, whole or not at all (see CheckpointWriter).
  void save(const std::string& path) const;
  /// Continues where the trainer that saved `path` was. Throws std::runtime_error if the file cannot be read or is damaged
  /// (see CheckpointReader), std::invalid_argument, naming what differs, if it was made with another seed, number of
  /// threads, or value of any option but `rounds` and `checkpoint_every`. The trainer is unchanged then.
  void restore(const std::string& path);

 private:
  Experience gather(const Window& window);
  void write_state(ArchiveWriter& archive) const;
  void read_state(ArchiveReader& archive);
  /// What is its own of a checkpoint.
  void visit(auto& archive) {
    archive(round_, next_sequence_, evaluations_, best_round_, best_score_);
    archive.fixed(best_parameters_, parameters_.acting, parameters_.kept);
  }

  TrainOptions options_;
  std::uint64_t seed_;
  RankOf rank_;
  ThreadTeam team_;
  RuleOptions rule_options_;
  std::shared_ptr<const UpdateRule> rule_;
  EpisodeOptions episode_;
  Tasks tasks_;
  SharedParameters parameters_;
  std::vector<std::unique_ptr<Learner>> learners_;
  std::optional<Validation> validation_;  // once the learners have found nothing wrong

  // Of what was taken in since the last round.
  std::int64_t units_ = 0;
  double stale_rounds_ = 0;  // summed over units
  std::int64_t dropped_ = 0;

  std::int64_t round_ = 0;
  std::int64_t next_sequence_ = 0;
  std::int64_t evaluations_ = 0;
  std::int64_t best_round_ = 0;
  double best_score_ = std::numeric_limits<double>::infinity();
  std::vector<float> best_parameters_;
};

}  // namespace scout
