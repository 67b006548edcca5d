// Classifiers whose gradients come from LibTorch's autograd.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

#include "scout/problem/classifier/classifier.h"

namespace scout {

/// What a weight tensor puts out: its number among the classifier's tensors, and its output.
using WeightObserver = std::function<void(std::size_t tensor, const at::Tensor& output)>;

/// One forward pass: hands out the parameters in the order in which the classifier declared them.
///
/// Several classifiers may go through one pass, which costs far less than their passes apart where they are small: the
/// channels of K classifiers lie side by side, [B, K · channels, ...], and convolutions take them as groups. Only layers
/// that say so can.
class Pass {
 public:
  /// `parameters` are views of θ, their first axes K times as long for K `classifiers`. `observe` may be empty.
  Pass(const std::vector<at::Tensor>& parameters, const WeightObserver& observe, std::int64_t classifiers = 1)
      : parameters_(parameters), observe_(observe), classifiers_(classifiers) {}

  at::Tensor take() { return parameters_[next_++]; }
  at::Tensor linear(const at::Tensor& x);  ///< takes W [out, in] and b [out]; of K classifiers, the scores [K, B, out]
  at::Tensor convolution(const at::Tensor& x, int stride);  ///< takes W [out, in, k, k]; padding k / 2; any K
  at::Tensor channel_bias(const at::Tensor& x);             ///< takes b [channels]; x [B, channels, ...]; any K
  at::Tensor batch_norm(const at::Tensor& x);               ///< takes scale and bias; statistics of this batch; any K
  at::Tensor layer_norm(const at::Tensor& x);               ///< takes scale and bias; over the last axis
  /// Says what the weight taken `back` takes ago (1: the last) puts out.
  void observe(std::size_t back, const at::Tensor& output);
  bool observed() const { return static_cast<bool>(observe_); }

 private:
  const std::vector<at::Tensor>& parameters_;
  const WeightObserver& observe_;
  std::int64_t classifiers_;
  std::size_t next_ = 0;
};

/// Derived classes declare their parameters in their constructor and say what they compute. In single precision, on the CPU,
/// with one thread an operation: runs are parallel already.
class AutogradClassifier : public Classifier {
 public:
  Score evaluate(std::span<const float> theta, std::span<const float> inputs, std::span<const std::int32_t> labels,
                 std::span<float> gradient) const override;
  void evaluate_each(std::span<const float> thetas, std::span<const float> inputs, std::span<const std::int32_t> labels,
                     std::span<Score> scores, std::span<float> gradients) const override;
  /// The same, always as one batch; for classifiers whose layers can (largest_output), or one classifier.
  void evaluate_stack(std::span<const float> thetas, std::span<const float> inputs, std::span<const std::int32_t> labels,
                      std::span<Score> scores, std::span<float> gradients) const;
  double output_deviation(std::span<const float> theta, std::span<const float> inputs, std::size_t tensor) const override;

 protected:
  /// `input`: the shape of one example.
  explicit AutogradClassifier(const std::vector<int>& input) : input_(input.begin(), input.end()) {}

  void add_weight(std::vector<std::int64_t> shape);  ///< [out, in, ...]
  void add_bias(std::int64_t size) { add({.kind = ParameterTensor::Kind::bias, .offset = 0, .size = 0}, {size}); }
  void add_scale(std::int64_t size) { add({.kind = ParameterTensor::Kind::scale, .offset = 0, .size = 0}, {size}); }
  void add_affine(std::int64_t in, std::int64_t out) {  ///< what Pass::linear takes
    add_weight({out, in});
    add_bias(out);
  }

  /// The scores [B · targets, classes] of x [B, input...]; [K, B, classes] in a pass of K classifiers.
  virtual at::Tensor scores(Pass& pass, const at::Tensor& x) const = 0;

  /// For a classifier whose layers can all go through one pass with those of others: the numbers in its largest layer's
  /// output for one example. 0: it can't.
  virtual std::size_t largest_output() const { return 0; }

 private:
  void add(ParameterTensor tensor, std::vector<std::int64_t> shape);
  /// Of the classifiers `thetas` [K, M].
  at::Tensor forward(const at::Tensor& thetas, std::span<const float> inputs, const WeightObserver& observe) const;

  std::vector<std::int64_t> input_;
  std::vector<std::vector<std::int64_t>> shapes_;
};

}  // namespace scout
