// A run as guided policy search sees it: states and controls of a system that a linear controller can act on.
#pragma once

#include <memory>

#include "scout/train/guided/linear_gaussian.h"
#include "scout/train/learner/rollout.h"
#include "scout/train/mover/mover.h"

namespace scout {

/// What a run has seen. Dimensionless, so that instances of any scale are alike: θ in units of the largest step s, f in gaps
/// of the start, ∇f in gaps per s. A state is [θ - θ⁰ (M), ∇f (M), f - f(θ⁰), the last action (M)], a control the action.
struct GuidedRecord {
  int condition = 0;
  int setting = -1;          ///< of the momentum method that made it; -1: a controller or the policy did
  std::vector<double> x{};   ///< states [T + 1, 3 M + 1]
  std::vector<double> u{};   ///< controls [T, M]
  std::vector<double> in{};  ///< what the policy sees [T, features]

  static int state_size(int dimension) { return 3 * dimension + 1; }
  static int value_at(int dimension) { return 2 * dimension; }
  /// Σ over the points after the first of f - f(θ⁰).
  double cost(int dimension) const;

  /// As findings are sent. Throws std::runtime_error if the sizes are not those of T steps.
  Candidate packed() const;
  static GuidedRecord unpacked(const Candidate& candidate, int steps, int dimension, int features);
};

/// The method of gradient descent with momentum as a controller, without noise: its first step from a state with this
/// gradient [M] has the size `rate` in its largest coordinate.
LinearGaussian momentum_controller(const VectorXd& gradient, double rate, double decay);

/// What makes a run.
struct GuidedPlan {
  GuidedRecord record;                                  ///< its condition and setting
  std::shared_ptr<const LinearGaussians> controller{};  ///< null: the policy, or momentum
  double rate = 0, decay = 0;                           ///< of momentum
  MatrixXd noise{};                                     ///< covariance of the policy's [M, M]
};

/// Acts by the plan, and keeps the record.
class GuidedMover : public Mover {
 public:
  GuidedMover(GuidedPlan plan, Random random) : plan_(std::move(plan)), random_(random) {}
  void move(Episode& episode) override;
  /// With the state that the episode ended in. May be called once.
  GuidedRecord finish(const Episode& episode);

 private:
  VectorXd state(const Episode& episode) const;

  GuidedPlan plan_;
  Random random_;
  std::size_t step_ = 0;
  std::vector<double> origin_, last_;  // θ⁰ and the last action [M]
  LinearGaussian momentum_;
};

}  // namespace scout
