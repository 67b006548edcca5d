// Multilayer perceptrons on plain float arrays: the networks of the policies and of the learner.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "scout/base/random.h"

namespace scout {

/// One affine layer inside a flat parameter vector: W [out, in] row-major at `offset`, then b [out].
struct Linear {
  int in = 0;
  int out = 0;
  std::size_t offset = 0;

  std::size_t size() const { return static_cast<std::size_t>(out) * static_cast<std::size_t>(in + 1); }
  const float* weight(const float* parameters) const { return parameters + offset; }
  const float* bias(const float* parameters) const {
    return parameters + offset + static_cast<std::size_t>(out) * static_cast<std::size_t>(in);
  }

  /// y [rows, out] = x [rows, in] Wᵀ + b; with `relu`, max(y, 0).
  void forward(const float* parameters, const float* x, int rows, float* y, bool relu = false) const;
  /// Adds ∂L/∂W and ∂L/∂b to `gradient` (flat, same layout) if not null; writes ∂L/∂x [rows, in] to `dx` if not null. If x
  /// is itself the output of a ReLU (`x_is_relu`), dx is ∂L/∂ that ReLU's input: 0 where x is 0.
  void backward(const float* parameters, const float* x, const float* dy, int rows, float* gradient, float* dx,
                bool x_is_relu = false) const;
};

/// A perceptron with ReLU between its layers and a linear output.
class Mlp {
 public:
  Mlp() = default;
  /// `sizes`: input, hidden..., output; at least two entries, each >= 1.
  explicit Mlp(std::vector<int> sizes);

  int inputs() const { return sizes_.front(); }
  int outputs() const { return sizes_.back(); }
  const std::vector<int>& sizes() const { return sizes_; }
  std::size_t parameter_count() const { return parameter_count_; }
  const std::vector<Linear>& layers() const { return layers_; }

  /// He-normal hidden layers, zero biases; the output layer is scaled by `output_scale`.
  std::vector<float> initial_parameters(Random& random, float output_scale) const;

  /// The activations of one batch, kept for the backward pass. Buffers are reused from call to call.
  struct Trace {
    std::vector<std::vector<float>> activations;  // one a layer, [rows, out]
    std::vector<float> gradient_a, gradient_b;    // scratch of `backward`
    int rows = 0;
  };

  /// Returns y [rows, outputs], which lives in `trace`.
  std::span<float> forward(const float* parameters, const float* x, int rows, Trace& trace) const;
  /// Needs the trace of the forward pass with the same parameters and x. `gradient` and `dx` as in Linear::backward.
  void backward(const float* parameters, const float* x, const float* dy, Trace& trace, float* gradient, float* dx) const;

 private:
  std::vector<int> sizes_;
  std::vector<Linear> layers_;
  std::size_t parameter_count_ = 0;
};

}  // namespace scout
