// Optimization as a Markov decision process: one run of updates on one instance.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "scout/base/options.h"
#include "scout/policy/rule/observer.h"
#include "scout/problem/instance.h"
#include "scout/train/learner/replay.h"

namespace scout {

struct RewardOptions {
  std::string of = "best";
  double floor = 1e-3;
  double scale = 1.0;
  int path_points = 16;
  bool finite = true;

  template <class Visitor>
  void describe(Visitor&& visit) {
    visit("of", of,
          "what gap is rewarded: the current point's or the best's so far, at each step; or the best's, at the end",
          OneOf{{"current", "best", "final"}});
    visit("floor", floor, "gaps below this share of the start's gap are not told apart", positive());
    visit("scale", scale, "factor on rewards", positive());
    visit("finite", finite,
          "the horizon ends the task (the policy sees what is left of it); off: it truncates, and is bootstrapped");
    visit("path_points", path_points, "gradients between the optimum and a point that share its gap out to the coordinates",
          at_least(1));
  }
};

/// The reward of an update is the rise of a potential Φ = -log(gap/gap⁰ + floor), gap = f - f* (for an instance without a
/// known optimum, f minus the least value seen on it): the negated function value, normalised so that families of any scale
/// can be mixed and so that each halving of the gap counts the same. Rewards telescope: no detour earns anything.
///
/// Credit by coordinate. Each coordinate has its own potential -log(M·gap_i/gap⁰ + floor), where gap_i = ∫₀¹ ∂_i f(θ* + s(θ
/// - θ*)) (θ_i - θ*_i) ds is its part of the gap: integrated gradients (Sundararajan, Taly & Yan 2017), exact where f is
/// separable and adding up to the gap everywhere. Only the teacher knows θ*: it shapes rewards, and no observation contains
/// it.
class Environment {
 public:
  /// `step_scale`: the largest step of a coordinate as a share of the box's mean width.
  Environment(std::shared_ptr<const Instance> instance, const ObserverOptions& observer, const RewardOptions& reward,
              double step_scale, bool credit_by_coordinate);

  /// Begins a run of `horizon` updates at a start [M].
  void start(std::span<const double> theta, int horizon);
  /// Takes one update, with actions [M] in [-1, 1], in θ's frame. If `record` is set the transition is added to
  /// `trajectory()`. A point where f or ∇f is not finite is rewarded, in every row, like a point as bad as the worst seen
  /// (if the best is rewarded: not at all). The run goes on from its best point, and later rewards are reckoned from there.
  void step(std::span<const float> actions);

  void write_features(float* out) const { observer_->write(out); }
  /// Turns actions [M] from the actor's frame into θ's.
  void orient(std::span<float> actions) const { observer_->orient(actions); }
  int dimension() const { return instance_->dimension(); }
  int rows() const { return observer_->rows(); }
  int features() const { return observer_->features(); }
  double step_scale() const { return scale_; }

  const Instance& instance() const { return *instance_; }
  std::span<const double> theta() const { return theta_; }
  std::span<const double> gradient() const { return gradient_; }
  double value() const { return f_; }
  double best_value() const { return best_; }
  std::span<const double> best_point() const { return best_theta_; }
  double start_value() const { return start_value_; }
  /// The best point's gap as a share of the start's.
  double best_gap_share() const { return std::max(0.0, best_ - reference_) / start_gap_; }
  /// The last update's reward, over all coordinates.
  double last_reward() const { return last_reward_; }
  /// By how much the last update raised the potential of the point that the run stands on, whatever is rewarded.
  double last_rise() const { return last_rise_; }
  int steps() const { return step_; }
  /// f and ∇f evaluations, those for credit included.
  std::int64_t evaluations() const { return evaluations_; }

  /// Whether transitions are kept. Set before `start`.
  void record(bool on) { record_ = on; }
  /// Hands over what was recorded since `start`: terminated if the horizon was reached and is the end.
  Trajectory take_trajectory();

 private:
  double potential(double f) const;
  /// Φ of each row at a point.
  void row_potentials(std::span<const double> theta, double f, std::vector<double>& out);
  void reward_rows(bool finite);

  std::shared_ptr<const Instance> instance_;
  std::unique_ptr<Observer> observer_;
  RewardOptions reward_;
  bool observe_gradient_;
  bool by_coordinate_;
  bool record_ = false;
  double scale_;
  double reference_ = 0;  // f*, or the least value seen
  double start_gap_ = 1;
  double start_value_ = 0;
  double worst_ = 0;
  int step_ = 0;
  int horizon_ = 1;
  std::vector<double> theta_, gradient_, best_theta_, best_gradient_;
  double f_ = 0, best_ = 0;
  double last_reward_ = 0;
  double last_rise_ = 0;
  std::int64_t evaluations_ = 0;
  std::uint64_t draws_ = 0;  // minibatches, one a point
  std::vector<double> row_potentials_, previous_potentials_, shares_, point_, point_gradient_;
  int best_step_ = 0;
  std::vector<float> row_rewards_;
  std::vector<float> oriented_;
  Trajectory trajectory_;
};

}  // namespace scout
