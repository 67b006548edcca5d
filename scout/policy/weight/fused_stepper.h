// The rule "weight" made ready for its kernel: weights packed once, and for each tensor and step a plan.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "scout/policy/weight/weight_rule.h"
#include "scout/policy/weight/weight_step.h"
#include "scout/policy/weight/weight_stepper.h"

namespace scout {

/// What the kernel needs. Refers to the stepper's weights.
class FusedPlan : public TensorPlan {
 public:
  kernel::StepMlp network;
  kernel::StepConstants constants;
  std::vector<float> biases;  ///< of the first layer and of the last, with the context folded in
  std::array<float, WeightRule::kContext> context;
};

/// State of a weight: the momenta and the second moment, in bfloat16.
class FusedStepper : public WeightStepper {
 public:
  /// `parameters`: the rule's, whose number is right.
  FusedStepper(const WeightRule& rule, std::span<const float> parameters);

  StateLayout layout() const override { return {StateLayout::Type::bfloat16, kernel::kMomenta + 1}; }
  std::unique_ptr<TensorPlan> new_plan() const override { return std::make_unique<FusedPlan>(); }
  /// Folds context and head into the network's biases.
  void plan(const RunRecord& run, TensorRecord& tensor, const TensorShape& shape, const kernel::TensorSums& sums,
            const StepSettings& settings, TensorPlan& plan) const override;
  kernel::StepSums step(const TensorPlan& plan, const WeightPiece& piece, std::size_t n, double* own_sums) const override;
  /// Adam in steps of a hundredth of each tensor's scale.
  std::shared_ptr<const WeightStepper> fallback() const override;

  std::size_t features() const override { return kernel::kFeatures + WeightRule::kContext; }
  void write_features(const TensorPlan& plan, const WeightPiece& piece, std::size_t i, float* out) const override;
  float largest_step(const TensorPlan& plan) const override;
  float direction(const WeightPiece& piece, std::size_t i) const override;

  /// Row-major weights of the network's layers as the kernel applies them to features, without the columns of the context;
  /// for an evaluation by other means.
  const std::vector<std::vector<float>>& weights() const { return weights_; }

 private:
  std::vector<Linear> layers_;
  Linear head_;
  std::vector<float> parameters_;
  double base_step_;
  std::vector<std::vector<float>> weights_;
  std::vector<std::vector<float>> packed_;
};

}  // namespace scout
