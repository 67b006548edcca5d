#include "scout/policy/weight/fused_stepper.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>
#include <numeric>

#include "scout/policy/weight/bfloat16.h"
#include "scout/policy/weight/formulas.h"
#include "scout/policy/weight/reference.h"

namespace scout {
namespace {

/// A tensor that begins at zero, such as a bias, is measured by this share of the rms of all weights,
constexpr double kShareOfAll = 0.3;
/// and where all weights begin at zero, by this.
constexpr double kScaleOfNothing = 0.05;

/// Factors of the outputs: the kernel's second is a logarithm to base 2.
float output_scale(int k) { return WeightRule::kOutputScale * (k == 1 ? std::numbers::log2e_v<float> : 1.0F); }

double mean(double sum, std::int64_t count) { return count > 0 ? sum / static_cast<double>(count) : 0.0; }

kernel::StepArrays arrays_of(const WeightPiece& piece) {
  auto* state = static_cast<std::uint16_t*>(piece.state);
  kernel::StepArrays out;
  out.theta = piece.theta;
  out.gradient = piece.gradient;
  for (std::size_t k = 0; k < kernel::kMomenta; ++k) out.momentum[k] = state + k * piece.stride;
  out.square = state + kernel::kMomenta * piece.stride;
  out.delta = piece.delta;
  out.first = piece.first;
  return out;
}

}  // namespace

FusedStepper::FusedStepper(const WeightRule& rule, std::span<const float> parameters)
    : layers_(rule.network().layers()),
      head_(rule.context_head()),
      parameters_(parameters.begin(), parameters.end()),
      base_step_(rule.step_scale()) {
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const int in = l == 0 ? kernel::kFeatures : layers_[l].in;
    std::vector<float> w;
    for (int r = 0; r < layers_[l].out; ++r) {
      const float* row = layers_[l].weight(parameters_.data()) + static_cast<std::ptrdiff_t>(r) * layers_[l].in;
      const float factor = l + 1 < layers_.size() ? 1.0F : output_scale(r);
      std::transform(row, row + in, std::back_inserter(w), [&](float x) { return factor * x; });
    }
    packed_.emplace_back(kernel::packed_size(in, layers_[l].out));
    kernel::pack_weights(w.data(), in, layers_[l].out, in, packed_.back().data());
    weights_.push_back(std::move(w));
  }
}

void FusedStepper::plan(const RunRecord& run, TensorRecord& tensor, const TensorShape& shape, const kernel::TensorSums& sums,
                        const StepSettings& settings, TensorPlan& out) const {
  auto& plan = static_cast<FusedPlan&>(out);
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

  kernel::StepConstants& c = plan.constants;
  c.gradient_scale = static_cast<float>(settings.gradient_factor / unit);
  for (int k = 0; k < kernel::kMomenta; ++k) c.correction[k] = static_cast<float>(1 / (1 - std::pow(kernel::kDecays[k], t)));
  const double square_correction = 1 / (1 - std::pow(kernel::kSquareDecay, t));
  c.square_correction = static_cast<float>(square_correction);
  c.scale = static_cast<float>(scale);
  c.square_size = static_cast<float>(std::max(tensor.square_mean * square_correction, 1e-24));
  const double annealing = run.annealing();
  c.step = static_cast<float>(settings.rate * annealing * base_step_ * scale);
  c.decay = static_cast<float>(settings.rate * annealing * settings.weight_decay);
  c.key = kernel::step_key(tensor.step);

  const auto& context = plan.context = weight_context(run, tensor, shape, scale, relative_rms * relative_rms);
  const Linear& first = layers_.front();
  const Linear& last = layers_.back();
  const bool single = layers_.size() == 1;
  plan.biases.resize(static_cast<std::size_t>(first.out + (single ? 0 : last.out)));
  float* first_bias = plan.biases.data();
  float* last_bias = first_bias + (single ? 0 : first.out);
  const auto dot = [&](const float* row) { return std::inner_product(context.begin(), context.end(), row, 0.0F); };
  for (int r = 0; r < first.out; ++r) {
    const float* row = first.weight(parameters_.data()) + static_cast<std::ptrdiff_t>(r) * first.in;
    first_bias[r] = first.bias(parameters_.data())[r] + dot(row + kernel::kFeatures);
  }
  for (int r = 0; r < last.out; ++r) {
    const float* row = head_.weight(parameters_.data()) + static_cast<std::ptrdiff_t>(r) * head_.in;
    const float network_bias = single ? first_bias[r] : last.bias(parameters_.data())[r];
    last_bias[r] = output_scale(r) * (network_bias + head_.bias(parameters_.data())[r] + dot(row));
  }
  plan.network.layers = static_cast<int>(layers_.size());
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const float* bias = l + 1 == layers_.size() ? last_bias : l == 0 ? first_bias : layers_[l].bias(parameters_.data());
    plan.network.layer[l] = {l == 0 ? kernel::kFeatures : layers_[l].in, layers_[l].out, packed_[l].data(), bias};
  }
}

kernel::StepSums FusedStepper::step(const TensorPlan& plan, const WeightPiece& piece, std::size_t n, double*) const {
  const auto& fused = static_cast<const FusedPlan&>(plan);
  return kernel::weight_step(fused.network, fused.constants, arrays_of(piece), n);
}

std::shared_ptr<const WeightStepper> FusedStepper::fallback() const {
  const WeightRule rule({}, 0.01);  // outputs zero
  return std::make_shared<FusedStepper>(rule, std::vector<float>(rule.parameter_count(), 0.0F));
}

void FusedStepper::write_features(const TensorPlan& plan, const WeightPiece& piece, std::size_t i, float* out) const {
  const auto& fused = static_cast<const FusedPlan&>(plan);
  const auto view = kernel::reference::view(fused.constants, arrays_of(piece), i);
  std::copy(fused.context.begin(), fused.context.end(), std::copy(view.features.begin(), view.features.end(), out));
}

float FusedStepper::largest_step(const TensorPlan& plan) const {
  return kernel::kStepBound * static_cast<const FusedPlan&>(plan).constants.step;
}

/// Against the momentum, whose sign rounding keeps.
float FusedStepper::direction(const WeightPiece& piece, std::size_t i) const {
  return (arrays_of(piece).momentum[0][i] & 0x8000U) != 0 ? 1.0F : -1.0F;
}

}  // namespace scout
