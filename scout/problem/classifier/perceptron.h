// Multilayer perceptrons, forward and backward by hand: softmax regression, and networks too small for a framework to pay.
#pragma once

#include "scout/nn/mlp.h"
#include "scout/problem/classifier/classifier.h"

namespace scout {

enum class Activation { relu, tanh, sigmoid };
/// Throws std::invalid_argument that lists the names.
Activation activation_from_string(std::string_view name);

/// Affine layers with an activation between them. Parameters: for each layer W [out, in] row-major, then b [out].
class Perceptron : public Classifier {
 public:
  /// `sizes`: inputs, hidden layers, classes; at least two, each >= 1. One label an example.
  Perceptron(std::vector<int> sizes, Activation activation);

  Score evaluate(std::span<const float> theta, std::span<const float> inputs, std::span<const std::int32_t> labels,
                 std::span<float> gradient) const override;
  double output_deviation(std::span<const float> theta, std::span<const float> inputs, std::size_t tensor) const override;

 private:
  /// Fills `outputs` of layers 0 to `last`, the activation applied to all but the last layer of the network.
  void forward(std::span<const float> theta, std::span<const float> inputs, int rows, std::size_t last,
               std::vector<std::vector<float>>& outputs) const;

  std::vector<Linear> layers_;
  Activation activation_;
};

/// Mean cross entropy of softmax(`scores` [rows, classes]) and how many rows have their label on top. `scores` become the
/// gradient of the mean, if `differentiate`.
Score cross_entropy(std::span<float> scores, std::span<const std::int32_t> labels, bool differentiate);

}  // namespace scout
