// A step of a training with a learned rule, watched by a guard.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "scout/policy/weight/guard.h"

namespace scout {

/// A tensor of weights in one step.
struct TensorStep {
  TensorShape shape{};
  StepSettings settings{};
  TensorRecord* record = nullptr;
  TensorPlan* plan = nullptr;
  kernel::TensorSums sums{};       ///< of θ and ∇f
  kernel::StepSums step_sums{};    ///< of the step taken
  std::vector<double> own_sums{};  ///< [StateLayout::sums], of the step taken
  bool written = false;            ///< since the last step, by something else
};

/// Where the weights of a training lie.
class StepTarget {
 public:
  virtual ~StepTarget() = default;
  /// The tensors that take part in this step, with sums, settings, record and plan; they live until the step is over.
  virtual std::vector<TensorStep*> tensors() = 0;
  /// Carries out their plans and fills the sums of the step.
  virtual void step(const WeightStepper& stepper) = 0;
  /// Keeps copies of the weights: all, or those that there are none of yet.
  virtual void hold(bool all) = 0;
  /// Brings back the weights held.
  virtual void restore() = 0;
  /// Σ g (θ - θ held) over the tensors that take part in this step; what is not finite counts as 0.
  virtual double slope() = 0;
  /// Exchanges them with the weights as they are.
  virtual void exchange() = 0;
  /// Clears state and records of all.
  virtual void clear() = 0;
};

/// What a training carries from step to step besides its tensors, and its step, watched by a guard: the one sequence that
/// every deployment runs, wherever weights and state lie.
class GuardedStep {
 public:
  /// `horizon`: steps that the training will make; 0 if that is not known.
  GuardedStep(std::shared_ptr<const WeightStepper> stepper, std::int64_t horizon, bool guarded);

  /// One step. `loss`: at the weights as they are, if it is known. `clip_norm`: the greatest norm of all gradients together;
  /// 0: any.
  void take(StepTarget& target, std::optional<double> loss, double clip_norm = 0);

  const WeightStepper& stepper() const { return *stepper_; }
  bool guarded() const { return guarded_; }
  std::int64_t horizon() const { return run_.horizon; }
  void set_horizon(std::int64_t horizon);
  std::int64_t steps() const { return run_.step; }
  /// Gradients of single weights that were not finite and so counted as 0, over all steps.
  std::int64_t non_finite() const { return non_finite_; }
  GuardReport& report() { return guard_.report(); }
  const GuardReport& report() const { return guard_.report(); }

  void save(ArchiveWriter& archive) const;
  /// With the horizon that was saved. What was saved without a guard goes on with a new one.
  void restore(ArchiveReader& archive);

 private:
  std::shared_ptr<const WeightStepper> stepper_, fallback_;
  bool guarded_;
  Guard guard_;
  RunRecord run_;
  RunRecord held_run_;  // with the weights that are held
  std::int64_t non_finite_ = 0;
};

}  // namespace scout
