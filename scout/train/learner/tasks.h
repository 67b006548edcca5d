// What rollouts are made on: instances, starts and seeds of a training, drawn by named axes.
#pragma once

#include <utility>

#include "scout/base/parallel.h"
#include "scout/train/learner/options.h"

namespace scout {

/// The units of rollouts that are made at once: a whole round of a training in one process, or some of a rank's. A round has
/// `rollout.episodes` units.
struct Window {
  bool whole_round = true;
  std::int64_t round = 0;  ///< rounds done
  std::int64_t first = 0;  ///< numbers of the units [first, last); no other rank and no other number give the same rollouts
  std::int64_t last = 0;
  RankOf rank{};
};

struct Task {
  std::shared_ptr<const Instance> instance;
  std::string name;  ///< "PROBLEM/train/INDEX"
  Seed seed;
  EnsembleShare share{};
};

class Tasks {
 public:
  /// Throws std::invalid_argument on unknown problems. `weights`: EpisodeOptions::weights.
  Tasks(const TrainOptions& options, Seed seed, bool weights);

  /// On these families, in the place of those that the options name.
  Tasks(const TrainOptions& options, Seed seed, bool weights, std::vector<std::shared_ptr<const Family>> families)
      : options_(options), seed_(seed), weights_(weights), families_(std::move(families)) {}

  /// One for each unit of the window.
  std::vector<Task> episodes(const Window& window) const { return draw(window, "episode", options_.rollout.episodes); }
  /// The share of so many tasks a round that comes with the window; `axis` names their draws.
  std::vector<Task> draw(const Window& window, const std::string& axis, std::int64_t per_round) const;
  /// The share of a round's ensembles that comes with the window. Ensembles of the same number on different ranks explore
  /// the same instance, as far as it has coordinates for all of them.
  std::vector<Task> ensembles(const Window& window) const;
  /// The items of `per_round` that come with the window: [first, last) of an endless row.
  std::pair<std::int64_t, std::int64_t> share_of(const Window& window, std::int64_t per_round) const;

  /// A training instance of problem number `problem`, by the draws of `random`: a dimension, then a number.
  std::shared_ptr<const Instance> sample(std::size_t problem, Random& random) const;
  /// How long an episode is and what it is told; weights: drawn.
  EpisodePlan plan(std::int64_t round, Random& random) const;
  /// What is recorded of an episode: all coordinates of a function; of a network a few weights, a tensor first, then one of
  /// it.
  Recording recording(const Instance& instance, Random& random) const;

  std::size_t problems() const { return families_.size(); }
  const Family& family_of(std::size_t problem) const { return *families_[problem]; }

 private:
  int dimension(Random& random) const;
  /// Number k of an endless row that goes through the problems. The dimension is drawn, if none is given.
  Task task(const Seed& seed, std::int64_t k, std::optional<int> given = {}) const;
  Task rank_ensemble(std::int64_t index, const RankOf& rank) const;

  const TrainOptions& options_;
  Seed seed_;
  bool weights_;
  std::vector<std::shared_ptr<const Family>> families_;
};

}  // namespace scout
