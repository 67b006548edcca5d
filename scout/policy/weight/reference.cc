#include "scout/policy/weight/reference.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "scout/policy/weight/bfloat16.h"
#include "scout/policy/weight/formulas.h"

namespace scout::kernel::reference {
namespace {

/// log2, interpolated linearly between powers of two; x positive and normal.
float coarse_log2(float x) { return static_cast<float>(std::bit_cast<std::int32_t>(x)) * 0x1p-23F - 127.0F; }

std::array<float, kOutputs> evaluate(const StepMlp& network, const std::array<float, kFeatures>& features) {
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

}  // namespace

TensorSums tensor_sums(const float* theta, const float* gradient, std::size_t n) {
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

WeightView view(const StepConstants& c, const StepArrays& arrays, std::size_t i) {
  WeightView out;
  float g = arrays.gradient[i] * c.gradient_scale;
  out.finite = std::isfinite(g);
  g = out.finite ? std::clamp(g, -kGradientBound, kGradientBound) : 0.0F;
  for (std::size_t k = 0; k < kMomenta; ++k) {
    const float old = from_bfloat16(arrays.momentum[k][i]);
    out.m[k] = old + (1.0F - kDecays[k]) * (g - old);
  }
  const float old_square = from_bfloat16(arrays.square[i]);
  out.v = old_square + (1.0F - kSquareDecay) * (g * g - old_square);

  const float z = out.v * c.square_correction + kLeastSquare;
  const float r = 1.0F / std::sqrt(z);
  out.sign = std::signbit(out.m[0]) ? -1.0F : 1.0F;
  std::array<float, 4> q;
  for (std::size_t k = 0; k < 4; ++k) {
    out.p[k] = out.sign * ((k == 0 ? g : out.m[k - 1] * c.correction[k - 1]) * r);
    q[k] = out.p[k] / (kCompression[k] + std::fabs(out.p[k]));
  }
  const float theta = arrays.theta[i];
  const float t = out.sign * theta / (c.scale + std::fabs(theta));
  const float log_size = kLogShare * (coarse_log2(z) - coarse_log2(c.square_size));
  out.features = {q[0],
                  q[1],
                  q[2],
                  q[3],
                  t,
                  std::fabs(q[0]),
                  std::fabs(q[2]),
                  std::fabs(q[3]),
                  std::fabs(t),
                  q[0] * q[1],
                  q[1] * q[2],
                  std::clamp(log_size, -1.0F, 1.0F)};
  return out;
}

StepSums weight_step(const StepMlp& network, const StepConstants& c, const StepArrays& arrays, std::size_t n) {
  StepSums sums;
  for (std::size_t i = 0; i < n; ++i) {
    const float theta = arrays.theta[i];
    const auto [x, sign, p, m, v, finite] = view(c, arrays, i);
    sums.non_finite += finite ? 0 : 1;
    const std::uint32_t bits = dither_bits(static_cast<std::uint32_t>(arrays.first + i), c.key);
    const std::uint32_t more = more_dither_bits(bits);
    arrays.momentum[0][i] = to_bfloat16(m[0], bits & 0xffffU);
    arrays.momentum[1][i] = to_bfloat16(m[1], bits >> 16);
    arrays.momentum[2][i] = to_bfloat16(m[2], more & 0xffffU);
    arrays.square[i] = to_bfloat16(v, more >> 16);

    const auto u = evaluate(network, x);
    const float direction =
        p[1] + u[0] * x[kMomentumFeature] + u[2] * x[kGradientFeature] + u[3] * p[2] + u[4] * p[3] + u[5] * x[kThetaFeature];
    const float size = std::exp2(std::clamp(u[1], kLeastLogStep, kGreatestLogStep));
    const float step = std::clamp(size * direction, -kStepBound, kStepBound);
    const float delta = -sign * (c.step * step) - c.decay * theta;
    if (arrays.delta != nullptr) {
      arrays.delta[i] = delta;
    } else {
      arrays.theta[i] = theta + delta;
    }
    sums.update_square += static_cast<double>(step) * step;
    const double corrected = m[0] * c.correction[0];
    sums.momentum_square += corrected * corrected;
  }
  return sums;
}

}  // namespace scout::kernel::reference
