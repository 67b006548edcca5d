// The rule "weight": one small perceptron shared by all weights of all tensors of a neural network.
//
// Its inputs are the features of the weight (weight_step.h) and the *context*, which is constant over a tensor and a step.
// Its outputs shape an Adam step that is measured in the tensor's own scale. The context head, an affine map of the context
// to the same outputs, is added: a few dozen parameters that act on whole runs, for evolution to shape.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "scout/policy/rule/update_rule.h"
#include "scout/policy/weight/weight_step.h"
#include "scout/policy/weight/weight_stepper.h"

namespace scout {

/// Initial parameters: random hidden layers; outputs and head zero: annealed Adam in units of each tensor's scale. Its actor
/// makes the step of a weight as the kernel takes it, size times direction in units of its largest, towards the negative
/// momentum: a = encode(step / 32).
class WeightRule : public UpdateRule {
 public:
  static constexpr int kContext = 17;
  /// A unit of output is a third of a proposal, or a third of an e-fold of the step: as in the rule "coordinate".
  static constexpr float kOutputScale = 0.3F;

  /// `hidden`: widths of the hidden layers, at most kernel::kMostLayers - 1 of them, each in [1, kernel::kMostHidden].
  /// `step_scale`: the step of a weight whose momentum is steady, outputs zero, as a share of its tensor's scale.
  /// `decisions`: of the first thousand steps, a row a tensor; 0: none. Throws std::invalid_argument.
  WeightRule(std::vector<int> hidden, double step_scale, int decisions = 0, const std::vector<int>& decision_hidden = {});

  const Mlp& network() const { return actor()->network(); }

  bool for_weights() const override { return true; }

 protected:
  std::shared_ptr<const Stepper> make_stepper(std::span<const float> parameters) const override;
};

/// The context: tensor (log size, vector?, convolution?, scale against 1/sqrt(fan-in), its growth, gradient against its
/// running size and that against the first gradient, how far momentum agrees with itself, last update), run (elapsed, log
/// remaining, horizon known?, log horizon, log step), loss (given?, place in the range seen, trend). Each in [-1, 1], 0 if
/// not known. `scale`: ρ. `gradient_square`: mean g² now, in units.
std::array<float, WeightRule::kContext> weight_context(const RunRecord& run, const TensorRecord& tensor,
                                                       const TensorShape& shape, double scale, double gradient_square);

/// What the kernel needs. Refers to the stepper's weights.
class FusedPlan : public TensorPlan {
 public:
  kernel::StepMlp network;
  kernel::StepConstants constants;
  std::vector<float> biases;  ///< of the first layer and of the last, with the context folded in
  std::array<float, WeightRule::kContext + kernel::kOutputs> context;  ///< then what was decided
};

/// The rule made ready for its kernel: weights packed once, and for each tensor and step a plan. State of a weight: the
/// momenta and the second moment, in bfloat16.
class FusedStepper : public WeightStepper {
 public:
  /// `parameters`: the rule's, whose number is right.
  FusedStepper(const WeightRule& rule, std::span<const float> parameters);

  StateLayout layout() const override {
    return {.type = StateLayout::Type::bfloat16,
            .per_weight = kernel::kMomenta + 1,
            .per_tensor = rule_.decisions() != nullptr ? kernel::kOutputs : 0};
  }
  std::unique_ptr<TensorPlan> new_plan() const override { return std::make_unique<FusedPlan>(); }
  void plan(RunRecord& run, TensorRecord& tensor, const TensorShape& shape, const kernel::TensorSums& sums,
            const StepSettings& settings, TensorPlan& plan) const override;
  kernel::StepSums step(const TensorPlan& plan, const WeightPiece& piece, std::size_t n, double* own_sums) const override;
  /// Adam in steps of a hundredth of each tensor's scale.
  std::shared_ptr<const WeightStepper> fallback() const override;

  const DecisionHead* decisions() const override { return rule_.decisions(); }
  void write_decision_features(const TensorPlan& plan, float* out) const override;
  std::span<double> decision(TensorRecord& record) const override { return record.own; }
  void plan_again(const TensorRecord& record, TensorPlan& plan) const override;

  std::size_t features() const override { return static_cast<std::size_t>(rule_.actor()->features()); }
  void write_features(const TensorPlan& plan, const WeightPiece& piece, std::size_t i, float* out) const override;
  float largest_step(const TensorPlan& plan) const override;
  float direction(const WeightPiece& piece, std::size_t i) const override;

  /// Row-major weights of the network's layers as the kernel applies them to features, without the columns of the context;
  /// for an evaluation by other means.
  const std::vector<std::vector<float>>& weights() const { return weights_; }

 private:
  /// Folds context, decision and head into the network's biases.
  void fold(FusedPlan& plan) const;

  WeightRule rule_;
  std::vector<float> parameters_;
  std::vector<std::vector<float>> weights_;
  std::vector<std::vector<float>> packed_;
};

}  // namespace scout
