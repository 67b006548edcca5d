#include "scout/policy/control/quasi_newton.h"

#include <algorithm>
#include <cmath>

#include "scout/base/dot.h"

namespace scout {
namespace {

/// sᵀy below this share of |s||y| is no curvature.
constexpr double kLeastCurvature = 1e-12;
constexpr std::size_t kFewPairs = 20, kManyPairs = 100, kManyCoordinates = 200;

}  // namespace

std::size_t QuasiNewton::pairs(std::size_t dimension) {
  return dimension > kManyCoordinates ? kFewPairs : std::clamp(2 * dimension, kFewPairs, kManyPairs);
}

void QuasiNewton::clear(std::size_t dimension) {
  dimension_ = dimension;
  updates_ = 0;
  scale_ = 1;
}

bool QuasiNewton::update(std::span<const double> s, std::span<const double> y) {
  const std::size_t m = dimension_, count = pairs(m);
  const double sy = dot(s, y), yy = dot(y, y), ss = dot(s, s);
  if (!(sy > kLeastCurvature * std::sqrt(ss * yy)) || !std::isfinite(sy / yy) || !std::isfinite(1 / sy)) return false;
  const auto slot = static_cast<std::size_t>(updates_) % count;
  steps_.resize(count * m);
  changes_.resize(count * m);
  inverse_curvatures_.resize(count);
  std::ranges::copy(s, steps_.begin() + static_cast<std::ptrdiff_t>(slot * m));
  std::ranges::copy(y, changes_.begin() + static_cast<std::ptrdiff_t>(slot * m));
  inverse_curvatures_[slot] = 1 / sy;
  scale_ = sy / yy;
  ++updates_;
  return true;
}

void QuasiNewton::direction(std::span<const double> g, std::span<const char> held, std::span<double> out) const {
  const std::size_t m = dimension_;
  for (std::size_t i = 0; i < m; ++i) out[i] = held[i] != 0 ? 0.0 : -g[i];
  if (updates_ == 0) return;
  const auto all = static_cast<std::int64_t>(inverse_curvatures_.size()), kept = std::min(updates_, all);
  const auto slot = [&](std::int64_t k) { return static_cast<std::size_t>(k % all); };
  const auto pair = [&](const std::vector<double>& ring, std::int64_t k) { return std::span(ring).subspan(slot(k) * m, m); };
  weights_.resize(inverse_curvatures_.size());
  for (std::int64_t k = updates_ - 1; k >= updates_ - kept; --k) {
    const double weight = weights_[slot(k)] = inverse_curvatures_[slot(k)] * dot(pair(steps_, k), out);
    const auto y = pair(changes_, k);
    for (std::size_t i = 0; i < m; ++i) out[i] -= weight * y[i];
  }
  for (double& x : out) x *= scale_;
  for (std::int64_t k = updates_ - kept; k < updates_; ++k) {
    const double back = weights_[slot(k)] - inverse_curvatures_[slot(k)] * dot(pair(changes_, k), out);
    const auto s = pair(steps_, k);
    for (std::size_t i = 0; i < m; ++i) out[i] += back * s[i];
  }
  for (std::size_t i = 0; i < m; ++i) {
    if (held[i] != 0) out[i] = 0;
  }
}

}  // namespace scout
