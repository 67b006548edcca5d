#include "scout/policy/weight/weight_stepper.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>
#include <numeric>
#include <stdexcept>
#include <string>

namespace scout {
namespace {

/// A tensor that begins at zero, such as a bias, is measured by this share of the rms of all weights,
constexpr double kShareOfAll = 0.3;
/// and where all weights begin at zero, by this.
constexpr double kScaleOfNothing = 0.05;
/// The least that linear annealing leaves of the base step, for steps beyond the horizon.
constexpr double kLeastAnnealing = 0.01;

/// Factors of the outputs: the kernel's second is a logarithm to base 2.
float output_scale(int k) { return WeightRule::kOutputScale * (k == 1 ? std::numbers::log2e_v<float> : 1.0F); }

double mean(double sum, std::int64_t count) { return count > 0 ? sum / static_cast<double>(count) : 0.0; }

}  // namespace

WeightStepper::WeightStepper(const WeightRule& rule, std::span<const float> parameters, double base_step)
    : rule_(rule), parameters_(parameters.begin(), parameters.end()), base_step_(base_step) {
  if (parameters.size() != rule.parameter_count()) {
    throw std::invalid_argument("NetworkStepper: " + std::to_string(parameters.size()) + " parameters: the rule has " +
                                std::to_string(rule.parameter_count()));
  }
  const std::vector<Linear>& layers = rule_.network().layers();
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const int in = l == 0 ? kernel::kFeatures : layers[l].in;
    std::vector<float> w;
    for (int r = 0; r < layers[l].out; ++r) {
      const float* row = layers[l].weight(parameters_.data()) + static_cast<std::ptrdiff_t>(r) * layers[l].in;
      const float factor = l + 1 < layers.size() ? 1.0F : output_scale(r);
      std::transform(row, row + in, std::back_inserter(w), [&](float x) { return factor * x; });
    }
    packed_.emplace_back(kernel::packed_size(in, layers[l].out));
    kernel::pack_weights(w.data(), in, layers[l].out, in, packed_.back().data());
    weights_.push_back(std::move(w));
  }
}

void WeightStepper::begin(RunRecord& run, double theta_square, std::int64_t size) const {
  if (run.step == 0) run.first_rms = std::sqrt(mean(theta_square, size));
}

TensorPlan WeightStepper::plan(const RunRecord& run, TensorRecord& tensor, const TensorShape& shape,
                               const kernel::TensorSums& sums, const StepSettings& settings) const {
  const double rms = std::sqrt(mean(sums.theta_square, shape.size));
  if (tensor.step == 0) {
    tensor.least_scale = std::max(rms, run.first_rms > 0 ? kShareOfAll * run.first_rms : kScaleOfNothing);
    tensor.first_scale = tensor.least_scale;
  }
  ++tensor.step;
  const double t = static_cast<double>(tensor.step);
  const double scale = std::max(rms, tensor.least_scale);

  const double gradient_rms = settings.gradient_factor * std::sqrt(mean(sums.gradient_square, shape.size));
  if (tensor.unit == 0 && gradient_rms > 0) {
    tensor.unit = std::exp2(std::clamp(std::round(std::log2(gradient_rms)), -100.0, 100.0));
  }
  const double unit = tensor.unit > 0 ? tensor.unit : 1.0;
  const double relative_rms = std::min(gradient_rms / unit, 0x1p40);
  tensor.square_mean += (1 - kernel::kSquareDecay) * (relative_rms * relative_rms - tensor.square_mean);

  TensorPlan plan;
  kernel::StepConstants& c = plan.constants;
  c.gradient_scale = static_cast<float>(settings.gradient_factor / unit);
  for (int k = 0; k < kernel::kMomenta; ++k) c.correction[k] = static_cast<float>(1 / (1 - std::pow(kernel::kDecays[k], t)));
  const double square_correction = 1 / (1 - std::pow(kernel::kSquareDecay, t));
  c.square_correction = static_cast<float>(square_correction);
  c.scale = static_cast<float>(scale);
  c.square_size = static_cast<float>(std::max(tensor.square_mean * square_correction, 1e-24));
  const double annealing = std::max(1 - run.elapsed(), kLeastAnnealing);
  c.step = static_cast<float>(settings.rate * annealing * base_step_ * scale);
  c.decay = static_cast<float>(settings.rate * annealing * settings.weight_decay);
  c.key = static_cast<std::uint32_t>(tensor.step) * 0x27d4eb2fU;

  const auto& context = plan.context = weight_context(run, tensor, shape, scale, relative_rms * relative_rms);
  const std::vector<Linear>& layers = rule_.network().layers();
  const Linear& first = layers.front();
  const Linear& last = layers.back();
  const bool single = layers.size() == 1;
  const auto out = static_cast<std::size_t>(last.out);
  plan.biases.resize(static_cast<std::size_t>(first.out) + (single ? 0 : out));
  float* first_bias = plan.biases.data();
  float* last_bias = first_bias + (single ? 0 : first.out);
  const auto dot = [&](const float* row) { return std::inner_product(context.begin(), context.end(), row, 0.0F); };
  for (int r = 0; r < first.out; ++r) {
    const float* row = first.weight(parameters_.data()) + static_cast<std::ptrdiff_t>(r) * first.in;
    first_bias[r] = first.bias(parameters_.data())[r] + dot(row + kernel::kFeatures);
  }
  const Linear& schedule = rule_.schedule();
  for (int r = 0; r < last.out; ++r) {
    const float* row = schedule.weight(parameters_.data()) + static_cast<std::ptrdiff_t>(r) * schedule.in;
    const float network_bias = single ? first_bias[r] : last.bias(parameters_.data())[r];
    last_bias[r] = output_scale(r) * (network_bias + schedule.bias(parameters_.data())[r] + dot(row));
  }
  plan.network.layers = static_cast<int>(layers.size());
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const float* bias = l + 1 == layers.size() ? last_bias : l == 0 ? first_bias : layers[l].bias(parameters_.data());
    plan.network.layer[l] = {l == 0 ? kernel::kFeatures : layers[l].in, layers[l].out, packed_[l].data(), bias};
  }
  return plan;
}

void WeightStepper::end(TensorRecord& tensor, const TensorShape& shape, const kernel::StepSums& sums) {
  tensor.update_square = mean(sums.update_square, shape.size);
  tensor.momentum_square = mean(sums.momentum_square, shape.size);
}

}  // namespace scout
