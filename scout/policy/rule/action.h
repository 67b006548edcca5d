// The bounded signed-log code of an update. An action a in [-1, 1] stands for the step Δ (in units of the step scale)
//
//   Δ = sign(a) · (exp(|a| · log(1 + K)) - 1) / K,      a = sign(Δ) · log(1 + K|Δ|) / log(1 + K),      K = 10^5:
//
// linear below 10^-5, logarithmic above, and |Δ| <= 1. So one unit of network output spans five orders of magnitude of step
// size.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace scout {

inline constexpr float kActionRange = 1e5F;
/// log2(1 + K).
inline constexpr float kActionLog2Range = 16.609655F;

/// log2 of a positive, finite, normal x; |error| < 4e-6 relative to 1. Branch-free, so that loops over it become SIMD.
[[gnu::always_inline]] inline float fast_log2(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const auto shifted = static_cast<std::int32_t>(bits - 0x3f3504f3U);  // r in [sqrt(1/2), sqrt(2))
  const auto exponent = static_cast<float>(shifted >> 23);
  const float r = std::bit_cast<float>(bits - (static_cast<std::uint32_t>(shifted >> 23) << 23));
  // atanh series: log2(r) = 2/ln2 · (s + s³/3 + s⁵/5 + s⁷/7), s = (r - 1)/(r + 1), |s| <= 0.1716.
  const float s = (r - 1.0F) / (r + 1.0F);
  const float s2 = s * s;
  return exponent + s * (2.885390082F + s2 * (0.961796694F + s2 * (0.577078016F + s2 * 0.412198583F)));
}

/// 2^x for x in [-120, 120]; relative error < 3e-6.
[[gnu::always_inline]] inline float fast_exp2(float x) {
  const float rounded = (x + 12582912.0F) - 12582912.0F;  // 1.5 · 2^23: rounds to the nearest whole number
  const float f = (x - rounded) * 0.693147181F;
  const float p =
      1.0F + f * (1.0F + f * (0.5F + f * (0.166666667F + f * (0.0416666667F + f * (0.00833333333F + f * 0.00138888889F)))));
  return p * std::bit_cast<float>((static_cast<std::int32_t>(rounded) + 127) << 23);
}

/// 2^x within [2^low, 2^high]; 2^low where x is no number. -120 <= low <= high <= 120.
[[gnu::always_inline]] inline float bounded_exp2(float x, float low = -120.0F, float high = 120.0F) {
  return fast_exp2(std::min(high, std::max(low, x)));  // in this order, since comparisons with NaN are false
}

/// The action that stands for a step; not clipped: |step| > 1 gives |a| > 1.
[[gnu::always_inline]] inline float encode_step(float step) {
  const float magnitude = fast_log2(1.0F + kActionRange * std::fabs(step)) * (1.0F / kActionLog2Range);
  return std::copysign(magnitude, step);
}

/// The step of an action in [-1, 1].
[[gnu::always_inline]] inline float decode_action(float action) {
  const float magnitude = (fast_exp2(std::fabs(action) * kActionLog2Range) - 1.0F) * (1.0F / kActionRange);
  return std::copysign(magnitude, action);
}

/// da/dΔ at a step.
[[gnu::always_inline]] inline float action_slope(float step) {
  return kActionRange * std::numbers::log2e_v<float> / (kActionLog2Range * (1.0F + kActionRange * std::fabs(step)));
}

/// ∂L/∂a of an action at a bound: a gradient that pushes further out (L falls along -∂L/∂a) is dropped (Hausknecht & Stone
/// 2016, "zeroing").
inline float inwards(float a, float da) { return (a >= 1.0F && da < 0.0F) || (a <= -1.0F && da > 0.0F) ? 0.0F : da; }

}  // namespace scout
