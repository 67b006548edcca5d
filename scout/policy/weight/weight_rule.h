// The policy for the weights of neural networks: its layout, and what it sees of a tensor and of a run.
//
// One small perceptron is shared by all weights of all tensors. Its inputs are the features of the weight (kernel/
// weight_step.h) and the *context*, which is constant over a tensor and a step. Its outputs shape an Adam step that is
// measured in the tensor's own scale. A *schedule*, an affine map of the context to the same outputs, is added, as in Actor:
// a few dozen parameters that act on whole runs, for evolution to shape.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "scout/nn/mlp.h"
#include "scout/policy/weight/weight_step.h"
#include "scout/problem/instance.h"

namespace scout {

/// The scalars that a tensor carries from step to step, all beginning at 0.
struct TensorRecord {
  std::int64_t step = 0;       ///< steps taken
  double unit = 0;             ///< of gradients: a power of two near the rms of the first that was not zero
  double square_mean = 0;      ///< average of the mean g², decay .999, in units
  double least_scale = 0;      ///< the scale ρ is the rms of θ, but at least this
  double first_scale = 0;      ///< ρ at the first step
  double update_square = 0;    ///< mean (Δ/step)² of the last step
  double momentum_square = 0;  ///< mean square of m_.9, bias-corrected, at the last step
};

/// What is known of the run.
struct RunRecord {
  std::int64_t step = 0;     ///< steps taken
  std::int64_t horizon = 0;  ///< steps planned; 0: not known
  double first_rms = 0;      ///< of all weights at the first step
  std::int64_t losses = 0;   ///< finite losses seen
  bool loss_given = false;   ///< with the current step
  double fast_loss = 0;      ///< averages, decay .9 and .99, not corrected
  double slow_loss = 0;
  double loss_variance = 0;  ///< about the slow average, decay .99
  double best_loss = 0;      ///< least and greatest fast average
  double worst_loss = 0;

  /// Takes in the loss at the current step; what is not finite is passed over. Call without argument if there is none.
  void observe_loss();
  void observe_loss(double loss);
  /// Share of the horizon that is over, in [0, 1]; 0 if there is none.
  double elapsed() const;
};

/// The layout of a network policy's parameters: an Mlp from features and context to outputs, then the schedule.
class WeightRule {
 public:
  static constexpr int kContext = 17;
  /// A unit of output is a third of a proposal, or a third of an e-fold of the step: as in Actor.
  static constexpr float kOutputScale = 0.3F;

  WeightRule() = default;
  /// `hidden`: widths of the hidden layers, at most kernel::kMostLayers - 1 of them, each in [1, kernel::kMostHidden].
  /// Throws std::invalid_argument.
  explicit WeightRule(std::vector<int> hidden);

  const Mlp& network() const { return network_; }
  const Linear& schedule() const { return schedule_; }
  std::size_t parameter_count() const { return network_.parameter_count() + schedule_.size(); }
  /// The schedule's parameters are the last `schedule_size()`.
  std::size_t schedule_size() const { return schedule_.size(); }
  /// Random hidden layers; outputs and schedule zero: annealed Adam in units of each tensor's scale.
  std::vector<float> initial_parameters(Random& random) const;

 private:
  Mlp network_;
  Linear schedule_;
};

/// The context: tensor (log size, vector?, convolution?, scale against 1/sqrt(fan-in), its growth, gradient against its
/// running size and that against the first gradient, how far momentum agrees with itself, last update), run (elapsed, log
/// remaining, horizon known?, log horizon, log step), loss (given?, place in the range seen, trend). Each in [-1, 1], 0 if
/// not known. `scale`: ρ. `gradient_square`: mean g² now, in units.
std::array<float, WeightRule::kContext> weight_context(const RunRecord& run, const TensorRecord& tensor,
                                                       const TensorShape& shape, double scale, double gradient_square);

}  // namespace scout
