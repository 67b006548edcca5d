#include "scout/nn/mlp.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "scout/nn/layers.h"

namespace scout {

void Linear::forward(const float* parameters, const float* x, int rows, float* y, bool relu) const {
  kernel::affine(x, weight(parameters), bias(parameters), rows, in, out, relu, y);
}

void Linear::backward(const float* parameters, const float* x, const float* dy, int rows, float* gradient, float* dx,
                      bool x_is_relu) const {
  if (gradient != nullptr) {
    float* dw = gradient + offset;
    kernel::affine_parameter_gradient(x, dy, rows, in, out, dw, dw + static_cast<std::ptrdiff_t>(out) * in);
  }
  if (dx != nullptr) kernel::affine_input_gradient(dy, weight(parameters), rows, in, out, x_is_relu ? x : nullptr, dx);
}

Mlp::Mlp(std::vector<int> sizes) : sizes_(std::move(sizes)) {
  if (sizes_.size() < 2 || *std::min_element(sizes_.begin(), sizes_.end()) < 1) {
    throw std::invalid_argument("Mlp: needs at least an input and an output size, each at least 1");
  }
  for (std::size_t i = 0; i + 1 < sizes_.size(); ++i) {
    layers_.push_back({.in = sizes_[i], .out = sizes_[i + 1], .offset = parameter_count_});
    parameter_count_ += layers_.back().size();
  }
}

std::vector<float> Mlp::initial_parameters(Random& random, float output_scale) const {
  std::vector<float> parameters(parameter_count_, 0.0F);
  for (const Linear& layer : layers_) {
    const bool last = &layer == &layers_.back();
    const double scale = std::sqrt((last ? 1.0 : 2.0) / layer.in) * (last ? static_cast<double>(output_scale) : 1.0);
    float* w = parameters.data() + layer.offset;
    for (int i = 0; i < layer.out * layer.in; ++i) w[i] = static_cast<float>(scale * random.normal());
  }
  return parameters;
}

std::span<float> Mlp::forward(const float* parameters, const float* x, int rows, Trace& trace) const {
  trace.rows = rows;
  trace.activations.resize(layers_.size());
  const float* input = x;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    auto& y = trace.activations[i];
    y.resize(static_cast<std::size_t>(rows) * static_cast<std::size_t>(layers_[i].out));
    layers_[i].forward(parameters, input, rows, y.data(), i + 1 < layers_.size());
    input = y.data();
  }
  return trace.activations.back();
}

void Mlp::backward(const float* parameters, const float* x, const float* dy, Trace& trace, float* gradient,
                   float* dx) const {
  const int widest = *std::max_element(sizes_.begin(), sizes_.end());
  const std::size_t scratch = static_cast<std::size_t>(trace.rows) * static_cast<std::size_t>(widest);
  if (trace.gradient_a.size() < scratch) {
    trace.gradient_a.resize(scratch);
    trace.gradient_b.resize(scratch);
  }
  float* next = trace.gradient_a.data();
  float* spare = trace.gradient_b.data();
  for (std::size_t i = layers_.size(); i-- > 0;) {
    const float* input = i == 0 ? x : trace.activations[i - 1].data();
    float* target = i == 0 ? dx : next;
    layers_[i].backward(parameters, input, dy, trace.rows, gradient, target, i > 0);
    dy = next;
    std::swap(next, spare);
  }
}

}  // namespace scout
