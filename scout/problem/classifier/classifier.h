// Classifiers whose parameters lie in one flat vector: what the training problems are made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace scout {

/// One tensor of parameters, at `offset` of the flat vector.
struct ParameterTensor {
  enum class Kind { weight, bias, scale };  ///< scale: of a normalisation, starts at 1
  Kind kind;
  std::size_t offset;
  std::size_t size;
  int fan_in = 0;      ///< of a weight: the inputs of one of its outputs
  int fan_out = 0;     ///< of a weight: the outputs that one of its inputs goes to
  int rows = 0;        ///< of a weight: its outputs; it is a matrix [rows, size / rows] row-major
  int dimensions = 1;  ///< of the tensor: 2 for a matrix, 4 for a convolution's weights
};

/// What a classifier does on a batch.
struct Score {
  double loss = 0;           ///< mean cross entropy over examples and targets, in nats
  std::int64_t correct = 0;  ///< targets whose class got the largest score
};

/// A network with a softmax on top. Immutable: may be evaluated from several threads at once.
class Classifier {
 public:
  virtual ~Classifier() = default;

  /// Every parameter belongs to exactly one tensor; in the order of the forward pass.
  const std::vector<ParameterTensor>& tensors() const { return tensors_; }
  std::size_t parameter_count() const { return tensors_.empty() ? 0 : tensors_.back().offset + tensors_.back().size; }

  /// The score of parameters `theta` [M] on `inputs` [B, input size] with `labels` [B, targets]. Writes the gradient of the
  /// loss to `gradient` [M] unless that is empty.
  virtual Score evaluate(std::span<const float> theta, std::span<const float> inputs, std::span<const std::int32_t> labels,
                         std::span<float> gradient) const = 0;

  /// The same for several parameter vectors `thetas` [K, M] on one batch: `scores` [K], `gradients` [K, M] or empty. They
  /// are trained at once as one batch where that is faster; the numbers of one then differ in rounding from what it gets
  /// alone.
  virtual void evaluate_each(std::span<const float> thetas, std::span<const float> inputs,
                             std::span<const std::int32_t> labels, std::span<Score> scores,
                             std::span<float> gradients) const {
    const std::size_t m = parameter_count();
    for (std::size_t k = 0; k < scores.size(); ++k) {
      scores[k] =
          evaluate(thetas.subspan(k * m, m), inputs, labels, gradients.empty() ? gradients : gradients.subspan(k * m, m));
    }
  }

  /// The standard deviation, over examples and units, of what the weight tensor number `tensor` puts out on `inputs` (before
  /// an activation): what LSUV sets to 1.
  virtual double output_deviation(std::span<const float> theta, std::span<const float> inputs, std::size_t tensor) const = 0;

 protected:
  std::vector<ParameterTensor> tensors_;
};

}  // namespace scout
