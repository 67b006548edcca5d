// Minimises a function with a trained policy.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scout/base/options.h"
#include "scout/policy/policy.h"

namespace scout {

/// Returns f at `theta` [M] and writes ∇f [M] to `gradient`, unless that is empty: then only f is wanted. A value that is
/// not finite means that f cannot be evaluated there. An exception ends the run and reaches the caller unchanged.
using Objective = std::function<double(std::span<const double> theta, std::span<double> gradient)>;

/// The same of B points at once, `theta` [B, M]: writes f at each to `values` [B], and ∇f at the first G of them to
/// `gradients` [G, M], 0 <= G <= B.
using BatchObjective =
    std::function<void(std::span<const double> theta, std::span<double> values, std::span<double> gradients)>;

/// The policy of a run that is given none; it comes with the library.
inline constexpr std::string_view kUsualPolicy = "surfaces";

struct MinimizeSummary;

/// What a callback sees after each evaluation.
struct MinimizeProgress {
  const MinimizeSummary& summary;  ///< the run so far
  std::span<const double> theta;   ///< the point just evaluated, [M]
  double value;                    ///< f there
};

struct MinimizeOptions {
  std::shared_ptr<const Policy> policy;  ///< null: `surfaces`, which comes with the library
  std::int64_t budget = 1000;
  int horizon = 0;
  std::vector<double> lower, upper;
  bool keep_inside = true;
  double step_scale = 0;
  double target = -std::numeric_limits<double>::infinity();
  double max_seconds = std::numeric_limits<double>::infinity();
  std::int64_t patience = 0;
  double gradient_tolerance = 0;
  std::uint64_t seed = 0;
  bool differences = false;
  int explorers = 1;
  int threads = 1;
  bool history = false;
  std::function<bool(const MinimizeProgress&)> callback;  ///< returns false to stop the run; may be empty

  template <class Visitor>
  void describe(Visitor&& visit) {
    visit("budget", budget, "oracle calls at most: an f and a gradient count 1 each", at_least(1));
    visit("horizon", horizon,
          "updates in an episode; 0: as many as the policy was trained with; the rule control has no episodes", at_least(0));
    visit("lower", lower, "lower bounds [M], or empty: none; -inf where a coordinate has none", or_infinite());
    visit("upper", upper, "upper bounds [M], or empty: none; inf where a coordinate has none", or_infinite());
    visit("keep_inside", keep_inside, "evaluate no point outside the bounds; otherwise they only say where to look");
    visit("step_scale", step_scale,
          "largest step of the coordinate with the widest bounds; 0: the policy's share of that width; not used by the rule "
          "control",
          between(0, std::numeric_limits<double>::max()));
    visit("target", target, "stop once f is at most this", or_infinite());
    visit("max_seconds", max_seconds, "stop after this time, checked after each round of evaluations",
          or_infinite(positive()));
    visit("patience", patience, "stop after so many calls without a lower value that counts; 0: go on to the budget",
          at_least(0));
    visit("gradient_tolerance", gradient_tolerance, "stop once `relative_gradient` is at most this; 0: go on",
          between(0, 1));
    visit("seed", seed, "drives every random choice");
    visit("differences", differences,
          "the objective gives values alone: where a gradient is wanted, forward differences take its place, for one call a "
          "free coordinate. Rule control alone");
    visit("explorers", explorers,
          "runs that share what they find, and the budget; in a round each asks for one point. More than 1: rule control "
          "alone",
          at_least(1));
    visit("threads", threads,
          "threads that call the objective, one a point of a round or a difference; 0: one a core. No result depends on it",
          between(0, 1024));
    visit("history", history, "keep every evaluation in the summary");
  }
};

enum class MinimizeStatus {
  budget,        ///< every oracle call was made, but for one that does not cover a value and its gradient
  target,        ///< f reached the target
  stopped,       ///< the callback asked to stop
  time,          ///< the time was over
  stagnated,     ///< `patience` calls brought nothing
  converged,     ///< the gradient reached its tolerance
  never_finite,  ///< every oracle call was made, and f was finite nowhere
  threw          ///< the objective or the callback threw (only in a summary that is filled as the run goes)
};
std::string_view to_string(MinimizeStatus status);

struct MinimizeSummary {
  std::vector<double> best_point;                               ///< [M]; empty if f was never finite
  double best_value = std::numeric_limits<double>::infinity();  ///< f there; its gradient was finite too, where asked for
  /// The gradient there as a share of the largest one of points that are no worse than the first, in units of the region,
  /// without what a bound holds; NaN if it is not known.
  double relative_gradient = std::numeric_limits<double>::quiet_NaN();
  std::vector<int> at_bounds;   ///< coordinates of the best point that lie on a bound
  std::int64_t values = 0;      ///< evaluations of f
  std::int64_t gradients = 0;   ///< evaluations of ∇f
  std::int64_t non_finite = 0;  ///< evaluations where f or ∇f was not finite
  int episodes = 0;             ///< begun; of the rule control: its explorers
  double seconds = 0;
  MinimizeStatus status = MinimizeStatus::threw;
  std::string message;  ///< why the run ended, and what is to be thought of the best point, for people

  struct Evaluation {
    std::int64_t calls;  ///< oracle calls so far, this one included
    int episode;         ///< from 1; of the rule control: the explorer
    double value;
    std::vector<double> theta;  ///< [M]
  };
  std::vector<Evaluation> history;  ///< empty unless asked for

  std::int64_t calls() const { return values + gradients; }
};

/// Minimises f from x0 [M].
///
/// Bounds are limits: no point outside them is evaluated, and x0 has to lie within. They may be infinite, or equal, which
/// fixes a coordinate.
///
/// Scales. Every coordinate is measured in the width of its region of interest: its bounds, where both are finite; else x0_i
/// ± |x0_i|, cut at a bound; where x0_i is 0, the geometric mean of the others' |x0_j| takes its place, or 1. So parameters
/// of 1e-5 and of 1e5 may stand side by side. Points may lie outside the region.
///
/// A policy of the rule `control`, such as `surfaces`, asks for values and gradients as it likes, over the whole budget.
///
/// Differences. Where `differences` is set the objective is asked for values alone. A gradient at x is made of values at x
/// and at x_i + h_i for every free coordinate i. h_i is 1.5e-8 of half the width of its region, or a thousand times the
/// rounding of x_i if that is more; it points, and is cut, to within the bounds. These values are counted, but are no
/// candidates for the best point, and neither the history nor the callback has them. The policy knows what they cost. Calls
/// that do not cover a gradient any more go to values alone. A point is no worse for a difference that is not finite.
///
/// Explorers. N runs of such a policy go on in rounds: each asks for one point, all points are evaluated, and each run
/// learns what all have found. The first begins at x0, the others at points that fill the region of interest evenly. The
/// budget is that of all together; there are no more explorers than calls. The summary and the callback take a round's
/// points one after the other, those with gradients first, then by explorer. Whatever ends the run, the other points of the
/// same round are counted too and can be the best, though the callback does not see them; but where the objective or the
/// callback throws, those behind are left out. Results depend on the number of explorers, not on that of threads.
///
/// Episodes of the other rules. The policy runs for one horizon from x0, with steps of at most step_scale widths. If budget
/// is left, episodes alternate: an even one goes on from the best point with steps 10 times smaller, and 10 times smaller
/// again each time that this follows without a better point found elsewhere (down to 10^-6, then from 10^-1 again); an odd
/// one starts afresh, uniformly in the region of interest. The last is cut to the budget. A call is left over rather than
/// spent on a value without its gradient, unless it is the only one.
///
/// Points where f or ∇f is not finite rank worst, and are never the best: an episode goes on from its best point. Where a
/// start is not finite, others in the region of interest are tried.
///
/// Throws std::invalid_argument naming option, value and condition.
MinimizeSummary minimize(const Objective& objective, std::span<const double> x0, const MinimizeOptions& options);

/// The same, filling `summary` as it goes: after an exception it holds the best so far.
void minimize(const Objective& objective, std::span<const double> x0, const MinimizeOptions& options,
              MinimizeSummary& summary);

/// The same of an objective that evaluates a round's points at once; `threads` is not used. An exception leaves out the
/// whole round. Policies without explorers ask for one point at a time.
MinimizeSummary minimize(const BatchObjective& objective, std::span<const double> x0, const MinimizeOptions& options);
void minimize(const BatchObjective& objective, std::span<const double> x0, const MinimizeOptions& options,
              MinimizeSummary& summary);

}  // namespace scout
