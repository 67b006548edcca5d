// A perceptron on the features of every weight of a tensor, shared by all weights.
#pragma once

#include <span>
#include <vector>

#include "scout/nn/mlp.h"
#include "scout/policy/mlp/gradient_statistics.h"

namespace scout {

/// Sees of a weight the features of GradientStatistics, then, if it is so asked, g within ±0.1 and g/√(v + ε): each divided
/// by its root mean square over the tensor; then some numbers that are the same for all weights, as they are.
class TensorPerceptron {
 public:
  struct Inputs {
    float epsilon = 0;     ///< ε
    float floor = 0;       ///< is added to the mean square of a feature before its root is divided by
    bool clipped = false;  ///< the two further features
    int constants = 0;     ///< numbers that are the same for all weights
  };

  /// `hidden`: widths of the hidden layers. Throws std::invalid_argument if one is less than two.
  TensorPerceptron(const Inputs& inputs, std::vector<int> hidden, int outputs);

  const Mlp& network() const { return network_; }
  const Inputs& inputs() const { return inputs_; }
  std::size_t outputs() const { return static_cast<std::size_t>(network_.outputs()); }
  /// The first output is m_0/√(v + ε), divided by its root mean square; the others are 0. Two units of each hidden layer
  /// hand it on, its positive and its negative part. The others are random, and nothing comes of them yet.
  std::vector<float> initial_parameters(Random& random) const;

  /// Outputs [n, outputs] of all weights of a tensor whose gradients `statistics` has just taken in. `constants`:
  /// [Inputs::constants].
  void evaluate(const float* parameters, const GradientStatistics& statistics, std::size_t n,
                std::span<const float> constants, float* out) const;
  /// What each output is at most, in size [outputs], where the tensor has `n` weights and no constant exceeds 1.
  std::vector<double> bounds(const float* parameters, std::size_t n) const;

 private:
  std::size_t scaled() const { return GradientStatistics::kFeatures + (inputs_.clipped ? 2 : 0); }
  void write(const GradientStatistics& statistics, std::size_t i, float* out) const;

  Inputs inputs_;
  Mlp network_;
};

/// 1/√(floor + mean of squares).
float inverse_rms(double square_sum, std::size_t n, double floor);

}  // namespace scout
