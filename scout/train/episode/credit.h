// What a step is worth, and how that is shared out to the coordinates.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "scout/base/options.h"

namespace scout {

class Episode;

struct RewardOptions {
  std::string of = "best";
  double floor = 1e-3;
  double scale = 1.0;
  int path_points = 16;
  bool finite = true;

  void describe(auto&& visit) {
    visit("of", of,
          "what is rewarded: the fall of the log gap, at each step, of the current point or of the best so far; the best's "
          "log gap, at the end; or, at each step, the negated function value itself, in gaps of the start, at most ten",
          OneOf{{"current", "best", "final", "value"}});
    visit("floor", floor, "gaps below this share of the start's gap are not told apart", positive());
    visit("scale", scale, "factor on rewards", positive());
    visit("finite", finite,
          "the horizon ends the task (the policy sees what is left of it); off: it truncates, and is bootstrapped");
    visit("path_points", path_points, "gradients between the optimum and a point that share its gap out to the coordinates",
          at_least(1));
  }
};

/// What the decisions of a run are worth: a decision's reward is the rise of `worth` over the steps that it holds.
struct DecisionReward {
  double floor = 1e-8;
  double knee = 1.5;
  double slope = 0.25;

  /// Of a share of the start's gap that is left: the decades that are gone, those beyond the knee times the slope. So the
  /// first decades, which decide on hard problems, are not lost among the many that easy ones earn.
  double worth(double share) const;

  void describe(auto&& visit) {
    visit("floor", floor, "gaps below this share of the start's gap are not told apart", positive());
    visit("knee", knee, "decades of the gap's fall that are rewarded in full", at_least(0));
    visit("slope", slope, "reward of a decade beyond those", between(0, 1));
  }
};

/// The last step of an episode, as a credit sees it.
struct LastStep {
  bool finite;                              ///< whether f and ∇f at the new point are
  double rise;                              ///< of the potential of the point that the run stands on
  double best_rise;                         ///< of the potential of the best point
  std::span<const double> before{};         ///< θ before the step [M]; this and the next two: if the credit wants them
  double f_before = 0;                      ///< f there on the new minibatch,
  std::span<const double> gradient_before;  ///< and ∇f [M]
};

/// Rewards the recorded coordinates of one episode.
class Credit {
 public:
  virtual ~Credit() = default;
  /// Whether f and ∇f of the point before a step are wanted on the minibatch after it too.
  virtual bool wants_before() const { return false; }
  virtual void start(const Episode& episode) = 0;
  /// Writes the reward of each recorded coordinate.
  virtual void reward(const Episode& episode, const LastStep& step, std::span<float> rewards) = 0;
  /// Gradients that it has asked for since it was made.
  std::int64_t evaluations() const { return evaluations_; }

 protected:
  std::int64_t evaluations_ = 0;
};

/// The reward of a step is the rise of the episode's potential Φ (Episode::potential), that of the current or of the best
/// point. Rewards telescope: no detour earns anything.
///
/// `by_coordinate`: each coordinate has a potential of its own, -log(M·gap_i/gap⁰ + floor), where gap_i = ∫₀¹ ∂_i f(θ* + s(θ
/// - θ*)) (θ_i - θ*_i) ds is its part of the gap: integrated gradients (Sundararajan, Taly & Yan 2017), exact where f is
/// separable and adding up to the gap everywhere. Only the teacher knows θ*: no observation contains it.
std::unique_ptr<Credit> credit_to_optimum(const RewardOptions& options, bool by_coordinate);

/// The reward of weight i for a step is its share of the fall of log f,
///
///     r_i = -M · ½ (g_i(θ) + g_i(θ + Δθ)) Δθ_i / f(θ),
///
/// all on the next minibatch, which the step did not see: the trapezoid rule for the integral of the gradient along the
/// step. The mean of r over all weights is the fall of log f to second order. Bounded to ±10; -1 for all where f or ∇f is
/// not finite.
std::unique_ptr<Credit> credit_along_step(double scale);

}  // namespace scout
