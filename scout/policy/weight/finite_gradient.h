// What rules of weights take gradients for.
#pragma once

#include <algorithm>
#include <cmath>

namespace scout {

/// Whose square is finite.
inline constexpr float kGreatestGradient = 1e18F;

/// 0 if it is not finite; else the nearest in [-1e18, 1e18].
inline float finite_gradient(float gradient) {
  return std::isfinite(gradient) ? std::clamp(gradient, -kGreatestGradient, kGreatestGradient) : 0.0F;
}

}  // namespace scout
