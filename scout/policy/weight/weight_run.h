// A network policy on a plain vector of weights: how runs on problems are rolled out, without LibTorch.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "scout/policy/policy.h"
#include "scout/policy/weight/guard.h"
#include "scout/policy/weight/weight_stepper.h"
#include "scout/problem/instance.h"

namespace scout {

/// What the policy's network sees of one weight at a step, and the frame that its step is in.
struct WeightRow {
  std::array<float, kernel::kFeatures + WeightRule::kContext> features;
  float sign;  ///< σ, the sign of the momentum: features and steps are written as if it were positive
  float step;  ///< Δθ of a step 1: Δθ = -σ · step · (size times direction)
};

/// One run of a policy of form "network" on M weights: the fused step of LearnedOptimizer. Thread-safe only apart.
class WeightRun {
 public:
  /// `tensors`: what θ consists of, in order. `horizon`: the steps that the run will make; 0 if that is not known.
  WeightRun(std::shared_ptr<const WeightStepper> stepper, std::vector<TensorShape> tensors, std::int64_t horizon);
  /// Throws std::invalid_argument if the policy is of another form.
  WeightRun(const std::shared_ptr<const Policy>& policy, std::vector<TensorShape> tensors, std::int64_t horizon);

  /// From now on `step` is guarded, as LearnedOptimizer is: see Guard.
  void guard();
  /// What the guard did; null without one.
  const GuardReport* guard_report() const;

  /// Moves θ [M] by a step, given ∇f [M] and, if it is known, f there. A component of ∇f that is not finite counts as 0; an
  /// f that is not finite is passed over.
  void step(std::span<double> theta, std::span<const double> gradient, std::optional<double> f = {});

  /// The parts of a step, for a teacher that looks at what the network sees and may move otherwise:
  /// takes in θ, ∇f and f;
  void observe(std::span<const double> theta, std::span<const double> gradient, std::optional<double> f = {});
  /// tells what the network sees of one weight;
  WeightRow row(std::size_t weight) const;
  /// advances the state and returns Δθ [M], which lives here and may be changed;
  std::span<float> update();
  /// and moves θ.
  void apply(std::span<double> theta) const;

  std::size_t size() const { return weights_.size(); }
  const std::vector<TensorShape>& tensors() const { return tensors_; }
  /// The tensor that a weight belongs to.
  std::size_t tensor_of(std::size_t weight) const;
  /// Where a tensor begins in θ.
  std::size_t begin_of(std::size_t tensor) const { return begin_[tensor]; }

 private:
  /// What a guard needs, besides the latest sums: the weights held, and the run when they were.
  struct Guarded {
    Guard guard;
    WeightStepper fallback;
    std::vector<double> held;
    RunRecord held_run;
  };

  kernel::StepArrays arrays(std::size_t tensor);
  void load(std::span<const double> theta, std::span<const double> gradient, std::optional<double> f);
  void plan(const WeightStepper& stepper, double rate);

  std::shared_ptr<const WeightStepper> stepper_;
  std::vector<TensorShape> tensors_;
  std::vector<std::size_t> begin_;  // of each tensor; one past the last is M
  RunRecord run_;
  std::vector<TensorRecord> records_;
  std::vector<TensorPlan> plans_;
  std::vector<std::uint16_t> state_;  // momenta and second moment, [kMomenta + 1, M], bfloat16
  std::vector<float> weights_, gradient_, delta_;
  std::vector<kernel::TensorSums> sums_;
  std::optional<double> f_;
  std::optional<Guarded> guarded_;
};

}  // namespace scout
