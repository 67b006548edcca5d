// For tests only: the scalar reference of the fused step, the formulas of weight_step.h written plainly. In files compiled
// with -ffp-contract=off.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>

#include "scout/policy/weight/weight_step.h"

namespace scout::kernel::reference {

inline std::array<float, kOutputs> evaluate(const StepMlp& network, const std::array<float, kFeatures>& features) {
  std::array<float, kMostHidden> x{};
  std::copy(features.begin(), features.end(), x.begin());
  for (int l = 0; l < network.layers; ++l) {
    const Layer& layer = network.layer[l];
    std::array<float, kMostHidden> y{};
    const float* w = layer.weight;
    for (int begin = 0; begin < layer.out;) {  // packed in groups of outputs: see pack_weights
      const int group = layer.out - begin >= 4 ? 4 : 2;
      for (int r = 0; r < group && begin + r < layer.out; ++r) {
        float sum = layer.bias[begin + r];
        for (int k = 0; k < layer.in; ++k) sum += w[k * group + r] * x[static_cast<std::size_t>(k)];
        y[static_cast<std::size_t>(begin + r)] = l + 1 < network.layers ? std::max(sum, 0.0F) : sum;
      }
      w += static_cast<std::ptrdiff_t>(layer.in) * group;
      begin += group;
    }
    x = y;
  }
  std::array<float, kOutputs> out{};
  std::copy_n(x.begin(), kOutputs, out.begin());
  return out;
}

inline TensorSums tensor_sums(const float* theta, const float* gradient, std::size_t n) {
  TensorSums sums;
  for (std::size_t i = 0; i < n; ++i) {
    const double t = std::isfinite(theta[i]) ? theta[i] : 0.0;
    const double g = std::isfinite(gradient[i]) ? gradient[i] : 0.0;
    sums.theta_square += t * t;
    sums.gradient_square += g * g;
    sums.non_finite += std::isfinite(gradient[i]) ? 0 : 1;
  }
  return sums;
}

inline StepSums weight_step(const StepMlp& network, const StepConstants& c, const WeightPiece& piece, std::size_t n) {
  StepSums sums;
  for (std::size_t i = 0; i < n; ++i) {
    const float theta = piece.theta[i];
    const auto [x, sign, p, m, v, finite] = view(c, piece, i);
    sums.non_finite += finite ? 0 : 1;
    const std::uint32_t bits = dither_bits(static_cast<std::uint32_t>(piece.first + i), c.key);
    const std::uint32_t more = more_dither_bits(bits);
    average_of(piece, 0)[i] = to_bfloat16(m[0], bits & 0xffffU);
    average_of(piece, 1)[i] = to_bfloat16(m[1], bits >> 16);
    average_of(piece, 2)[i] = to_bfloat16(m[2], more & 0xffffU);
    average_of(piece, kMomenta)[i] = to_bfloat16(v, more >> 16);

    const auto u = evaluate(network, x);
    const float direction =
        p[1] + u[0] * x[kMomentumFeature] + u[2] * x[kGradientFeature] + u[3] * p[2] + u[4] * p[3] + u[5] * x[kThetaFeature];
    const float size = std::exp2(std::clamp(u[1], kLeastLogStep, kGreatestLogStep));
    const float step = std::clamp(size * direction, -kStepBound, kStepBound);
    const float delta = -sign * (c.step * step) - c.decay * theta;
    if (piece.delta != nullptr) {
      piece.delta[i] = delta;
    } else {
      piece.theta[i] = theta + delta;
    }
    sums.update_square += static_cast<double>(step) * step;
    const double corrected = m[0] * c.correction[0];
    sums.momentum_square += corrected * corrected;
  }
  return sums;
}

}  // namespace scout::kernel::reference
