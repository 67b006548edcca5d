// The rule "weight": one small perceptron shared by all weights of all tensors of a neural network.
//
// Its inputs are the features of the weight (weight_step.h) and the *context*, which is constant over a tensor and a step.
// Its outputs shape an Adam step that is measured in the tensor's own scale. The context head, an affine map of the context
// to the same outputs, is added: a few dozen parameters that act on whole runs, for evolution to shape.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "scout/policy/rule/update_rule.h"
#include "scout/policy/weight/weight_stepper.h"

namespace scout {

class WeightRule : public UpdateRule {
 public:
  static constexpr int kContext = 17;
  /// A unit of output is a third of a proposal, or a third of an e-fold of the step: as in the rule "coordinate".
  static constexpr float kOutputScale = 0.3F;

  /// `hidden`: widths of the hidden layers, at most kernel::kMostLayers - 1 of them, each in [1, kernel::kMostHidden].
  /// `step_scale`: the step of a weight whose momentum is steady, outputs zero, as a share of its tensor's scale. Throws
  /// std::invalid_argument.
  WeightRule(std::vector<int> hidden, double step_scale);

  const Mlp& network() const { return actor_.network(); }

  bool for_weights() const override { return true; }
  double step_scale() const override { return step_scale_; }
  std::string signature() const override { return "network/2:theta,gradient,loss"; }
  std::size_t parameter_count() const override { return actor_.parameter_count(); }
  /// Random hidden layers; outputs and head zero: annealed Adam in units of each tensor's scale.
  std::vector<float> initial_parameters(Random& random) const override { return actor_.initial_parameters(random); }
  std::shared_ptr<const Stepper> with(std::span<const float> parameters) const override;
  /// The step of a weight as the kernel takes it, size times direction in units of its largest, towards the negative
  /// momentum: a = encode(step / 32).
  const Actor* actor() const override { return &actor_; }
  Linear context_head() const override { return actor_.head(); }

 private:
  Actor actor_;
  double step_scale_;
};

/// The context: tensor (log size, vector?, convolution?, scale against 1/sqrt(fan-in), its growth, gradient against its
/// running size and that against the first gradient, how far momentum agrees with itself, last update), run (elapsed, log
/// remaining, horizon known?, log horizon, log step), loss (given?, place in the range seen, trend). Each in [-1, 1], 0 if
/// not known. `scale`: ρ. `gradient_square`: mean g² now, in units.
std::array<float, WeightRule::kContext> weight_context(const RunRecord& run, const TensorRecord& tensor,
                                                       const TensorShape& shape, double scale, double gradient_square);

}  // namespace scout
