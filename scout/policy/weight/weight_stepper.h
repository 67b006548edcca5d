// A network policy made ready for the kernel: weights packed once, and for each tensor and step a plan.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "scout/policy/weight/weight_rule.h"
#include "scout/policy/weight/weight_step.h"

namespace scout {

/// What a caller decides about a tensor's step.
struct StepSettings {
  double rate = 1;             ///< multiplies the policy's step
  double weight_decay = 0;     ///< share of θ taken away a step, decoupled; multiplied by `rate` and by the base's decay
  double gradient_factor = 1;  ///< multiplies the gradient: clipping
};

/// What the kernel needs for one tensor and step. Refers to the stepper's weights.
struct TensorPlan {
  kernel::StepMlp network;
  kernel::StepConstants constants;
  std::vector<float> biases;  ///< of the first layer and of the last, with the context folded in
  std::array<float, WeightRule::kContext> context;
};

/// How a step runs, tensor by tensor:
///
///     sums = kernel::tensor_sums(...)                 of every tensor
///     stepper.begin(run, Σ θ², Σ sizes)
///     plan = stepper.plan(run, record, shape, sums, settings)
///     WeightStepper::end(record, shape, kernel::weight_step(plan.network, plan.constants, ...))
///     stepper.end(run)
///
/// Immutable; may be used from several threads at once.
class WeightStepper {
 public:
  /// `base_step`: the step of a weight whose momentum is steady, outputs zero, as a share of its tensor's scale.
  WeightStepper(const WeightRule& rule, std::span<const float> parameters, double base_step);

  /// Before the plans of a step: `theta_square` summed over all `size` weights that take part.
  void begin(RunRecord& run, double theta_square, std::int64_t size) const;
  /// Advances the tensor's record and folds context and schedule into the network's biases.
  TensorPlan plan(const RunRecord& run, TensorRecord& tensor, const TensorShape& shape, const kernel::TensorSums& sums,
                  const StepSettings& settings) const;
  /// After the kernel: what the next step's context will say of this one.
  static void end(TensorRecord& tensor, const TensorShape& shape, const kernel::StepSums& sums);
  void end(RunRecord& run) const { ++run.step; }

  /// Row-major weights of the network's layers as the kernel applies them to features, without the columns of the context;
  /// for an evaluation by other means.
  const std::vector<std::vector<float>>& weights() const { return weights_; }

 private:
  WeightRule rule_;
  std::vector<float> parameters_;
  double base_step_;
  std::vector<std::vector<float>> weights_;
  std::vector<std::vector<float>> packed_;
};

}  // namespace scout
