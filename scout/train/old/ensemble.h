// The exploration ensemble: explorers that move along their own coordinate or along their gradient, and whose experience is
// replayed beside the policy's.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "scout/base/options.h"
#include "scout/base/random.h"
#include "scout/train/episode/environment.h"

namespace scout {

struct ExplorerOptions {
  int explorers = 3;
  double coordinate_probability = 0.8;
  double coordinate_probability_end = 0.02;
  double step = 1.0;
  double step_end = 1e-4;
  int reset_after = 20;
  double reset_margin = 0.5;
  int prune_after = 6;
  bool reset = true;
  bool prune = true;
  bool coordinate_moves = true;
  bool gradient_moves = true;
  std::string directions = "all";

  /// η, and p_coor, when `fraction` of the horizon is over: geometric decays.
  double step_at(double fraction) const;
  double coordinate_probability_at(double fraction) const;

  template <class Visitor>
  void describe(Visitor&& visit) {
    visit("explorers", explorers, "N: explorers on one instance, each with its own coordinate; at most M", at_least(1));
    visit("coordinate_probability", coordinate_probability, "p_coor at the beginning", between(0, 1));
    visit("coordinate_probability_end", coordinate_probability_end, "p_coor at the end (geometric decay)", inside(0, 1));
    visit("step", step, "step size at the beginning, as a share of the step scale", positive());
    visit("step_end", step_end, "step size at the end (geometric decay)", positive());
    visit("reset_after", reset_after, "steps in a low-reward region before an explorer starts anew", at_least(1));
    visit("reset_margin", reset_margin,
          "low-reward: f above this share of the way from the ensemble's best to its mean start", between(0, 1));
    visit("prune_after", prune_after, "moves along a coordinate before it can be pruned", at_least(1));
    visit("reset", reset, "whether explorers are reset");
    visit("prune", prune, "whether poor coordinates are replaced by untried ones");
    visit("coordinate_moves", coordinate_moves, "off: explorers never move along coordinates (p_coor = 0)");
    visit("gradient_moves", gradient_moves, "off: explorers never follow their gradient (p_coor = 1)");
    visit("directions", directions, "form network: what an explorer holds; all: one kind after the other",
          OneOf{{"weights", "tensor", "orthogonal", "all"}});
  }
};

/// What an explorer did at one step, for logs and drawings.
struct ExplorerEvent {
  enum class Kind { start, coordinate, gradient, reset, prune };
  Kind kind;
  int explorer;
  int coordinate;
  int step;
  double value;
  std::span<const double> theta;
};
std::string_view to_string(ExplorerEvent::Kind kind);

/// Totals of one ensemble's life.
struct EnsembleSummary {
  std::int64_t coordinate_moves = 0;
  std::int64_t gradient_moves = 0;
  int resets = 0;
  int prunes = 0;
  int coordinates_tried = 0;
  double best_gap_share = 0;  ///< (best - f*)/(mean start - f*), or 1 if f* is not known
  int basins = 0;             ///< distinct resting places: points of a settled explorer more than 2 % of the box apart
};

/// Adds to totals over several ensembles; the gap share is summed too.
void add(const EnsembleSummary& one, EnsembleSummary& total);

/// The part of an instance's coordinates that an ensemble may explore. The others belong to ensembles of other processes on
/// the same instance: coordinates are dealt out for good, by a permutation that all of them draw alike, so that no two
/// explorers anywhere ever hold the same one, and none has to ask.
struct EnsembleShare {
  int member = 0;   ///< in [0, members)
  int members = 1;  ///< at most M
};

/// N explorers on one instance, for `horizon` steps each. Each holds a coordinate that no other holds. At step t of T
/// explorer k moves along its coordinate with probability p_coor(t), else against its gradient, with step size η(t); both
/// decay geometrically, so the ensemble first spreads out and then settles into locally optimal areas.
///
/// A move along the coordinate is ±η(t), and turns round after a step that did not lower f. A gradient move is
/// -η(t) ∇f/rms(∇f), each coordinate bounded by the step scale.
class Ensemble {
 public:
  using Observe = std::function<void(const ExplorerEvent&)>;

  Ensemble(std::shared_ptr<const Instance> instance, const ObserverOptions& observer, const RewardOptions& reward,
           double step_scale, bool credit_by_coordinate, const ExplorerOptions& options, int horizon, Seed seed,
           const EnsembleShare& share = {});

  /// Rolls everything out, and returns the trajectories: one for each explorer and each reset.
  std::vector<Trajectory> run(const Observe& observe = {});
  const EnsembleSummary& summary() const { return summary_; }
  std::int64_t evaluations() const;

 private:
  struct Explorer {
    Environment environment;
    Random random;
    int coordinate = 0;
    double direction = 1;
    int low_steps = 0;
  };
  /// How a coordinate has done, over the whole ensemble.
  struct Direction {
    bool own = false;  // in the share
    bool tried = false;
    bool held = false;
    int moves = 0;
    double gain = 0;  // what the moves along it raised the potential by
  };

  void begin(Explorer& explorer, int step);
  void move(Explorer& explorer, int step);
  bool low_reward(const Explorer& explorer) const;
  void consider_pruning(Explorer& explorer, int index, int step, const Observe& observe);
  void count_basins();

  ExplorerOptions options_;
  int horizon_;
  std::vector<Explorer> explorers_;
  std::vector<Direction> directions_;
  Random random_;
  double best_value_ = 0;
  double start_sum_ = 0;
  int starts_ = 0;
  std::vector<Trajectory> finished_;
  std::vector<float> actions_;
  EnsembleSummary summary_;
};

}  // namespace scout
