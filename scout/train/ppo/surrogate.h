// What proximal policy optimisation is made of (Schulman et al. 2017, "Proximal policy optimization algorithms"; the numbers
// of equations are theirs), for a policy that draws one number from a normal distribution.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>
#include <vector>

namespace scout {

/// Â_t of a path (eq. 11 and 12; Schulman et al. 2016, generalised advantage estimation): δ_t = r_t + γ V(s_{t+1}) - V(s_t),
/// Â_t = δ_t + γλ Â_{t+1}. rewards [T], values [T + 1]: the last is 0 where the state there is terminal.
inline std::vector<double> generalised_advantages(std::span<const float> rewards, std::span<const double> values,
                                                  double discount, double lambda) {
  std::vector<double> out(rewards.size());
  double later = 0;
  for (std::size_t t = rewards.size(); t-- > 0;) {
    const double delta = static_cast<double>(rewards[t]) + discount * values[t + 1] - values[t];
    out[t] = later = delta + discount * lambda * later;
  }
  return out;
}

/// log π(u) of a normal distribution.
inline double log_density(double u, double mean, double log_deviation) {
  const double z = (u - mean) * std::exp(-log_deviation);
  return -0.5 * z * z - log_deviation - 0.5 * std::log(2 * std::numbers::pi);
}

/// L = min(r Â, clip(r, 1 - ε, 1 + ε) Â) of one action (eq. 7), r = π(u)/π_old(u), and its derivatives.
struct Surrogate {
  double value = 0;
  double d_mean = 0;           ///< by the mean of π
  double d_log_deviation = 0;  ///< by the logarithm of its standard deviation
  bool clipped = false;        ///< then it is constant
};
inline Surrogate clipped_surrogate(double u, double old_log_density, double advantage, double mean, double log_deviation,
                                   double clip) {
  // Beyond e^20 a ratio says no more, and its product with anything is still finite.
  const double ratio = std::exp(std::min(log_density(u, mean, log_deviation) - old_log_density, 20.0));
  const double bounded = std::clamp(ratio, 1 - clip, 1 + clip);
  Surrogate out{.value = std::min(ratio * advantage, bounded * advantage)};
  out.clipped = bounded * advantage < ratio * advantage;
  if (out.clipped) return out;
  const double inverse = std::exp(-log_deviation), z = (u - mean) * inverse;
  out.d_mean = advantage * ratio * z * inverse;
  out.d_log_deviation = advantage * ratio * (z * z - 1);
  return out;
}

}  // namespace scout
