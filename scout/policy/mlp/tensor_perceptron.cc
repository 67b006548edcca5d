#include "scout/policy/mlp/tensor_perceptron.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "scout/base/options.h"
#include "scout/policy/rule/actor.h"

namespace scout {
namespace {

constexpr float kClip = 0.1F;
constexpr std::size_t kMostScaled = GradientStatistics::kFeatures + 2;
/// Weights that the network sees at a time.
constexpr std::size_t kBlock = 64;

std::vector<int> sizes(const TensorPerceptron::Inputs& inputs, std::vector<int> hidden, int outputs) {
  for (const int width : hidden) {
    if (width < 2) throw_bad_option("hidden", std::to_string(width), "at least 2 with this rule");
  }
  const int scaled = static_cast<int>(GradientStatistics::kFeatures) + (inputs.clipped ? 2 : 0);
  return layer_sizes(scaled + inputs.constants, std::move(hidden), outputs);
}

}  // namespace

float inverse_rms(double square_sum, std::size_t n, double floor) {
  return static_cast<float>(1 / std::sqrt(floor + square_sum / static_cast<double>(n)));
}

TensorPerceptron::TensorPerceptron(const Inputs& inputs, std::vector<int> hidden, int outputs)
    : inputs_(inputs), network_(sizes(inputs, std::move(hidden), outputs)) {}

std::vector<float> TensorPerceptron::initial_parameters(Random& random) const {
  std::vector<float> out = network_.initial_parameters(random, 0.0F);
  const auto set_row = [&](const Linear& layer, int row, std::size_t input, float weight, bool both) {
    float* w = out.data() + layer.offset + static_cast<std::ptrdiff_t>(row) * layer.in;
    std::fill_n(w, layer.in, 0.0F);
    w[input] = weight;
    if (both) w[input + 1] = -weight;
  };
  const std::vector<Linear>& layers = network_.layers();
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const std::size_t from = l == 0 ? GradientStatistics::kScaledMomentum : 0;
    set_row(layers[l], 0, from, 1.0F, l > 0);
    if (l + 1 < layers.size()) set_row(layers[l], 1, from, -1.0F, l > 0);
  }
  return out;
}

void TensorPerceptron::write(const GradientStatistics& statistics, std::size_t i, float* out) const {
  statistics.write(i, inputs_.epsilon, out);
  if (!inputs_.clipped) return;
  const float g = statistics.gradient(i);
  out[GradientStatistics::kFeatures] = std::clamp(g, -kClip, kClip);
  out[GradientStatistics::kFeatures + 1] = g / std::sqrt(statistics.square(i) + inputs_.epsilon);
}

void TensorPerceptron::evaluate(const float* parameters, const GradientStatistics& statistics, std::size_t n,
                                std::span<const float> constants, float* out) const {
  const std::size_t count = scaled(), in = count + constants.size();
  std::array<float, kMostScaled> scale;
  std::array<double, kMostScaled> squares{};
  std::array<float, kMostScaled> x;
  for (std::size_t i = 0; i < n; ++i) {
    write(statistics, i, x.data());
    for (std::size_t k = 0; k < count; ++k) squares[k] += static_cast<double>(x[k]) * static_cast<double>(x[k]);
  }
  for (std::size_t k = 0; k < count; ++k) scale[k] = inverse_rms(squares[k], n, static_cast<double>(inputs_.floor));
  thread_local std::vector<float> rows;
  thread_local Mlp::Trace trace;
  rows.resize(kBlock * in);
  for (std::size_t first = 0; first < n; first += kBlock) {
    const std::size_t block = std::min(kBlock, n - first);
    for (std::size_t i = 0; i < block; ++i) {
      float* row = rows.data() + i * in;
      write(statistics, first + i, row);
      for (std::size_t k = 0; k < count; ++k) row[k] *= scale[k];
      std::copy(constants.begin(), constants.end(), row + count);
    }
    const std::span<const float> y = network_.forward(parameters, rows.data(), static_cast<int>(block), trace);
    std::copy(y.begin(), y.end(), out + first * outputs());
  }
}

std::vector<double> TensorPerceptron::bounds(const float* parameters, std::size_t n) const {
  // Of numbers whose root mean square is at most 1, none exceeds √n.
  std::vector<double> most(scaled(), std::sqrt(static_cast<double>(n)));
  most.resize(static_cast<std::size_t>(network_.inputs()), 1.0);
  for (const Linear& layer : network_.layers()) {
    std::vector<double> next;
    for (int r = 0; r < layer.out; ++r) {
      const float* w = layer.weight(parameters) + static_cast<std::ptrdiff_t>(r) * layer.in;
      double sum = std::fabs(static_cast<double>(layer.bias(parameters)[r]));
      for (std::size_t k = 0; k < most.size(); ++k) sum += std::fabs(static_cast<double>(w[k])) * most[k];
      next.push_back(sum);
    }
    most = std::move(next);
  }
  return most;
}

}  // namespace scout
