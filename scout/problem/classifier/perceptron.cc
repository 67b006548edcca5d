#include "scout/problem/classifier/perceptron.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace scout {
namespace {

void activate(Activation activation, std::span<float> x) {
  switch (activation) {
    case Activation::relu:
      for (float& v : x) v = v > 0.0F ? v : 0.0F;
      break;
    case Activation::tanh:
      for (float& v : x) v = std::tanh(v);
      break;
    case Activation::sigmoid:
      for (float& v : x) v = 1.0F / (1.0F + std::exp(-v));
      break;
  }
}

/// Multiplies `dy` by the activation's slope, written in terms of its value y.
void activate_backward(Activation activation, std::span<const float> y, std::span<float> dy) {
  switch (activation) {
    case Activation::relu:
      for (std::size_t i = 0; i < y.size(); ++i) dy[i] = y[i] > 0.0F ? dy[i] : 0.0F;
      break;
    case Activation::tanh:
      for (std::size_t i = 0; i < y.size(); ++i) dy[i] *= 1.0F - y[i] * y[i];
      break;
    case Activation::sigmoid:
      for (std::size_t i = 0; i < y.size(); ++i) dy[i] *= y[i] * (1.0F - y[i]);
      break;
  }
}

}  // namespace

Activation activation_from_string(std::string_view name) {
  if (name == "relu") return Activation::relu;
  if (name == "tanh") return Activation::tanh;
  if (name == "sigmoid") return Activation::sigmoid;
  throw std::invalid_argument("activation is '" + std::string(name) + "': must be one of relu, tanh, sigmoid");
}

Score cross_entropy(std::span<float> scores, std::span<const std::int32_t> labels, bool differentiate) {
  const std::size_t rows = labels.size();
  const std::size_t classes = scores.size() / rows;
  Score out;
  thread_local std::vector<double> powers;
  powers.resize(classes);
  const double share = 1.0 / static_cast<double>(rows);
  for (std::size_t r = 0; r < rows; ++r) {
    const auto row = scores.subspan(r * classes, classes);
    const auto label = static_cast<std::size_t>(labels[r]);
    const auto top = std::max_element(row.begin(), row.end());
    const double largest = *top;
    double sum = 0;
    for (std::size_t c = 0; c < classes; ++c) sum += powers[c] = std::exp(row[c] - largest);
    out.loss += share * (std::log(sum) + largest - row[label]);
    out.correct += static_cast<std::size_t>(top - row.begin()) == label;
    if (!differentiate) continue;
    for (std::size_t c = 0; c < classes; ++c) {
      row[c] = static_cast<float>(share * (powers[c] / sum - (c == label ? 1.0 : 0.0)));
    }
  }
  return out;
}

Perceptron::Perceptron(std::vector<int> sizes, Activation activation) : activation_(activation) {
  if (sizes.size() < 2 || *std::min_element(sizes.begin(), sizes.end()) < 1) {
    throw std::invalid_argument("Perceptron: needs at least an input and an output size, each at least 1");
  }
  std::size_t offset = 0;
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
    layers_.push_back({.in = sizes[i], .out = sizes[i + 1], .offset = offset});
    const auto weights = static_cast<std::size_t>(sizes[i]) * static_cast<std::size_t>(sizes[i + 1]);
    tensors_.push_back({.kind = ParameterTensor::Kind::weight,
                        .offset = offset,
                        .size = weights,
                        .fan_in = sizes[i],
                        .fan_out = sizes[i + 1],
                        .rows = sizes[i + 1],
                        .dimensions = 2});
    tensors_.push_back(
        {.kind = ParameterTensor::Kind::bias, .offset = offset + weights, .size = static_cast<std::size_t>(sizes[i + 1])});
    offset += layers_.back().size();
  }
}

void Perceptron::forward(std::span<const float> theta, std::span<const float> inputs, int rows, std::size_t last,
                         std::vector<std::vector<float>>& outputs) const {
  outputs.resize(layers_.size());
  const float* x = inputs.data();
  for (std::size_t i = 0; i <= last; ++i) {
    outputs[i].resize(static_cast<std::size_t>(rows) * static_cast<std::size_t>(layers_[i].out));
    layers_[i].forward(theta.data(), x, rows, outputs[i].data());
    if (i < last) activate(activation_, outputs[i]);
    x = outputs[i].data();
  }
}

Score Perceptron::evaluate(std::span<const float> theta, std::span<const float> inputs, std::span<const std::int32_t> labels,
                           std::span<float> gradient) const {
  thread_local std::vector<std::vector<float>> outputs;
  thread_local std::vector<float> slope, next_slope;
  const int rows = static_cast<int>(labels.size());
  const bool differentiate = !gradient.empty();
  forward(theta, inputs, rows, layers_.size() - 1, outputs);
  const Score score = cross_entropy(outputs.back(), labels, differentiate);
  if (!differentiate) return score;
  std::fill(gradient.begin(), gradient.end(), 0.0F);
  const float* dy = outputs.back().data();
  for (std::size_t i = layers_.size(); i-- > 1;) {
    next_slope.resize(outputs[i - 1].size());
    layers_[i].backward(theta.data(), outputs[i - 1].data(), dy, rows, gradient.data(), next_slope.data());
    activate_backward(activation_, outputs[i - 1], next_slope);
    slope.swap(next_slope);
    dy = slope.data();
  }
  layers_[0].backward(theta.data(), inputs.data(), dy, rows, gradient.data(), nullptr);
  return score;
}

double Perceptron::output_deviation(std::span<const float> theta, std::span<const float> inputs, std::size_t tensor) const {
  std::vector<std::vector<float>> outputs;
  const std::size_t layer = tensor / 2;  // weights and biases take turns
  forward(theta, inputs, static_cast<int>(inputs.size() / static_cast<std::size_t>(layers_[0].in)), layer, outputs);
  double sum = 0;
  double square = 0;
  for (const float y : outputs[layer]) {
    sum += y;
    square += static_cast<double>(y) * y;
  }
  const auto n = static_cast<double>(outputs[layer].size());
  return std::sqrt(std::max(0.0, square / n - sum / n * (sum / n)));
}

}  // namespace scout
