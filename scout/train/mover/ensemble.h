// The exploration ensemble: explorers that move along directions of their own, and whose experience is replayed beside the
// policy's. The same for the coordinates of functions and for the weights of networks.
#pragma once

#include <algorithm>
#include <limits>

#include "scout/train/mover/mover.h"

namespace scout {

struct EnsembleOptions {
  int instances = 2;
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
  int life = 0;
  double chain = 0;
  int horizon = 0;
  int demonstrations = 0;
  int scatter = 20;
  int first = 0;
  std::vector<std::string> movers{};

  /// η, and p_coor, when `fraction` of the horizon is over: geometric decays.
  double step_at(double fraction) const;
  double coordinate_probability_at(double fraction) const;

  void describe(auto&& visit) {
    visit("instances", instances, "instances explored in a round, by an ensemble each", at_least(0));
    visit("explorers", explorers, "N: explorers on one instance, each with its own direction", at_least(1));
    visit("coordinate_probability", coordinate_probability,
          "p_coor at the beginning; above 1 it is 1 until it has decayed to that", at_least(0));
    visit("coordinate_probability_end", coordinate_probability_end, "p_coor at the end (geometric decay)", inside(0, 1));
    visit("step", step, "step size at the beginning, as a share of the step scale", positive());
    visit("step_end", step_end, "step size at the end (geometric decay)", positive());
    visit("reset_after", reset_after, "steps in a low-reward region before an explorer starts anew", at_least(1));
    visit("reset_margin", reset_margin,
          "low-reward: f above this share of the way from the ensemble's best to its mean start", between(0, 1));
    visit("prune_after", prune_after, "moves along a direction before it can be pruned", at_least(1));
    visit("reset", reset, "whether explorers are reset");
    visit("prune", prune, "whether poor directions are replaced by untried ones");
    visit("coordinate_moves", coordinate_moves, "off: explorers never move along their direction (p_coor = 0)");
    visit("gradient_moves", gradient_moves, "off: explorers always move along their direction (p_coor = 1)");
    visit("life", life,
          "functions: steps of a life, in which p_coor and steps decay; an explorer keeps its sign for a life, and turns at "
          "the walls. 0: one life, with a sign that turns where a move earns nothing",
          at_least(0));
    visit("chain", chain, "probability that a life begins at the best point that the ensemble knows; needs lives",
          between(0, 1));
    visit("horizon", horizon, "steps of each explorer, of all its lives; 0: those of an episode; needs lives", at_least(0));
    visit("demonstrations", demonstrations,
          "runs to the best point that was found, a life long, recorded in place of the lives that found it; needs lives",
          at_least(0));
    visit("scatter", scatter, "random steps, at most, before a demonstration", at_least(0));
    visit("first", first,
          "rounds at the beginning in which explorers act without the policy, and after which it acts without them; 0: they "
          "act beside it in all",
          at_least(0));
    visit("movers", movers, "kinds of explorers, one after the other (scout list explorers); empty: all that fit the rule");
  }
};

/// The kinds that an ensemble is made of. Throws std::invalid_argument on unknown ones, on those that do not explore that,
/// and on options that do not fit them or each other.
std::vector<const ExplorerEntry*> explorer_kinds(const EnsembleOptions& options, Explored explored);

/// What an explorer did at one step, for logs and drawings.
struct ExplorerEvent {
  enum class Kind { start, coordinate, gradient, reset, prune };
  Kind kind;
  int explorer;
  std::string_view mover;  ///< its kind
  int coordinate;          ///< the number of its direction
  int step;
  double value;
  std::span<const double> theta;
};
std::string_view to_string(ExplorerEvent::Kind kind);

/// Totals over ensembles' lives.
struct EnsembleSummary {
  std::int64_t coordinate_moves = 0;  ///< along explorers' own directions
  std::int64_t gradient_moves = 0;    ///< the others
  int resets = 0;
  int prunes = 0;
  int coordinates_tried = 0;  ///< directions
  double best_gap_share = 0;  ///< (best - f*)/(mean start - f*), or 1 if f* is not known; summed over ensembles
  int basins = 0;             ///< distinct resting places: points of a settled explorer more than 2 % of the box apart

  void add(const EnsembleSummary& other);
  void visit(auto& archive) {
    archive(coordinate_moves, gradient_moves, resets, prunes, coordinates_tried, best_gap_share, basins);
  }
};

/// The part of an instance's directions that an ensemble may explore. The others belong to ensembles of other processes on
/// the same instance: directions are dealt out for good, by a permutation that all of them draw alike, so that no two
/// explorers anywhere ever hold the same one, and none has to ask.
struct EnsembleShare {
  int member = 0;   ///< in [0, members)
  int members = 1;  ///< at most as many as there are directions of each kind
};

/// What an ensemble explores.
struct EnsembleTask {
  std::shared_ptr<const Instance> instance;
  std::shared_ptr<const Stepper> stepper;
  EpisodeOptions episode;
  EpisodePlan plan;
  std::size_t recorded = 0;  ///< weights recorded of an explorer; of a function's, all coordinates are
  Seed seed;
  EnsembleShare share{};
  /// If given, decisions are explored, and recorded with this reward; `decision_size`: their numbers.
  std::optional<DecisionReward> decisions{};
  std::size_t decision_size = 0;

  Explored explored() const {
    return decisions ? Explored::decisions : episode.weights ? Explored::weights : Explored::coordinates;
  }
};

/// N explorers on one instance, for `horizon` steps each. Each holds a direction that no other holds. At step t of T, or at
/// each decision, an explorer moves along its direction with probability p_coor(t), else as its kind does otherwise, with
/// step size η(t). Both decay geometrically, so the ensemble first spreads out and then settles into locally optimal areas.
///
/// A direction is pruned when it gains less a move than the tried ones of its kind do on average, and an untried one is
/// left. An explorer whose f stays high, or is not finite, starts anew.
///
/// With short lives it searches: one life after the other, most of them from the best point known (`chain`). What it finds
/// it can then show, by runs that lead straight there (`demonstrations`). Half of these come from training starts, by a
/// random walk that scatters them over the box; the others from walks of all sizes about the best point itself.
class Ensemble {
 public:
  using Observe = std::function<void(const ExplorerEvent&)>;

  /// Throws std::invalid_argument on bad options, unknown kinds, or kinds that do not fit the rule.
  Ensemble(const EnsembleTask& task, const EnsembleOptions& options);

  /// Rolls everything out, and returns the trajectories: one for each life, or one for each demonstration.
  std::vector<Trajectory> run(const Observe& observe = {});
  const EnsembleSummary& summary() const { return summary_; }
  std::int64_t evaluations() const;

 private:
  /// How a direction has done.
  struct Direction {
    bool own = false;  // in the share
    bool tried = false;
    int moves = 0;
    double gain = 0;  // what the moves along it have earned
  };
  struct Kind {
    const ExplorerEntry* entry;
    ExplorerKind kind;
    std::vector<Direction> directions;
    std::vector<std::size_t> order;  // the share's, in the order in which explorers get their first
    std::size_t dealt = 0;
  };
  struct Member {
    Random random;
    Episode episode;
    std::size_t kind;
    std::unique_ptr<Explorer> explorer;
    bool along = false;  // whether it moves along its direction now
    int low_steps = 0;
    int born = 0;  // the step at which its life began
  };

  void tell(ExplorerEvent::Kind kind, const Member& member, int step) const;
  /// Begins a life; `kind`: start or reset.
  void begin(Member& member, int step, ExplorerEvent::Kind kind);
  /// Gives the member an untried direction if its own is poor. Returns whether it did.
  bool prune(Member& member);
  void step(Member& member, int step);
  /// The move along its direction is over: it is judged, and pruned if it is poor.
  void end_move(Member& member, int step);
  void finish();
  /// Keeps what an episode knows of the best point.
  void note_best(const Episode& episode);
  /// A run to the best point that was found.
  Trajectory demonstrate(Random random);
  /// The steps of a life.
  int life() const { return options_.life > 0 ? std::min(options_.life, task_.plan.horizon) : task_.plan.horizon; }
  /// The steps of an explorer.
  int horizon() const { return options_.horizon > 0 ? options_.horizon : task_.plan.horizon; }

  EnsembleOptions options_;
  EnsembleTask task_;
  std::vector<Kind> kinds_;
  std::vector<Member> members_;
  Observe observe_;
  ProposalScratch scratch_;
  double best_value_ = std::numeric_limits<double>::infinity();
  std::vector<double> best_point_;  // if explorers have lives
  double start_sum_ = 0;
  int starts_ = 0;
  std::vector<Trajectory> finished_;
  std::int64_t shown_ = 0;  // evaluations of demonstrations
  EnsembleSummary summary_;
};

}  // namespace scout
