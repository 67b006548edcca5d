#include "scout/policy/control/quasi_newton.h"

#include <algorithm>
#include <cmath>

namespace scout {
namespace {

/// sᵀy below this share of |s||y| is no curvature.
constexpr double kLeastCurvature = 1e-12;

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

void QuasiNewton::clear(std::size_t dimension) {
  dimension_ = dimension;
  updates_ = 0;
  scale_ = 1;
}

bool QuasiNewton::update(std::span<const double> s, std::span<const double> y) {
  const std::size_t m = dimension_;
  const double sy = dot(s, y), yy = dot(y, y), ss = dot(s, s);
  if (!(sy > kLeastCurvature * std::sqrt(ss * yy)) || !std::isfinite(sy / yy) || !std::isfinite(1 / sy)) return false;
  if (m > kFullMemory) {
    const auto slot = static_cast<std::size_t>(updates_) % kPairs;
    steps_.resize(kPairs * m);
    changes_.resize(kPairs * m);
    inverse_curvatures_.resize(kPairs);
    std::ranges::copy(s, steps_.begin() + static_cast<std::ptrdiff_t>(slot * m));
    std::ranges::copy(y, changes_.begin() + static_cast<std::ptrdiff_t>(slot * m));
    inverse_curvatures_[slot] = 1 / sy;
    scale_ = sy / yy;
    ++updates_;
    return true;
  }
  if (updates_ == 0) {  // the first pair says how large the matrix is (Nocedal & Wright 2006, eq. 6.20)
    inverse_.assign(m * m, 0.0);
    for (std::size_t i = 0; i < m; ++i) inverse_[i * m + i] = sy / yy;
  }
  work_.resize(m);
  for (std::size_t i = 0; i < m; ++i) work_[i] = dot({inverse_.data() + i * m, m}, y);
  double yhy = dot(work_, y);
  // Where the curvature has fallen far below that of the first steps, the matrix is too small everywhere: all of it is
  // scaled (Oren & Luenberger 1974), as long as it has not seen every direction.
  if (const double factor = sy / yhy; factor > 1 && updates_ < static_cast<std::int64_t>(m)) {
    for (double& x : inverse_) x *= factor;
    for (double& x : work_) x *= factor;
    yhy *= factor;
  }
  const double factor = (1 + yhy / sy) / sy;
  for (std::size_t i = 0; i < m; ++i) {
    double* row = inverse_.data() + i * m;
    const double si = s[i], wi = work_[i];
    for (std::size_t j = 0; j < m; ++j) row[j] += factor * si * s[j] - (wi * s[j] + si * work_[j]) / sy;
  }
  ++updates_;
  return true;
}

void QuasiNewton::direction(std::span<const double> g, std::span<const char> held, std::span<double> out) const {
  const std::size_t m = dimension_;
  for (std::size_t i = 0; i < m; ++i) out[i] = held[i] != 0 ? 0.0 : -g[i];
  if (updates_ == 0) return;
  if (m <= kFullMemory) {
    work_.assign(out.begin(), out.end());
    for (std::size_t i = 0; i < m; ++i) out[i] = dot({inverse_.data() + i * m, m}, work_);
  } else {
    const auto count = std::min<std::int64_t>(updates_, kPairs);
    const auto pair = [&](const std::vector<double>& all, std::int64_t k) {
      return std::span(all).subspan(static_cast<std::size_t>(k % static_cast<std::int64_t>(kPairs)) * m, m);
    };
    double weight[kPairs];
    for (std::int64_t k = updates_ - 1; k >= updates_ - count; --k) {
      const auto slot = static_cast<std::size_t>(k) % kPairs;
      weight[slot] = inverse_curvatures_[slot] * dot(pair(steps_, k), out);
      const auto y = pair(changes_, k);
      for (std::size_t i = 0; i < m; ++i) out[i] -= weight[slot] * y[i];
    }
    for (double& x : out) x *= scale_;
    for (std::int64_t k = updates_ - count; k < updates_; ++k) {
      const auto slot = static_cast<std::size_t>(k) % kPairs;
      const double back = weight[slot] - inverse_curvatures_[slot] * dot(pair(changes_, k), out);
      const auto s = pair(steps_, k);
      for (std::size_t i = 0; i < m; ++i) out[i] += back * s[i];
    }
  }
  for (std::size_t i = 0; i < m; ++i) {
    if (held[i] != 0) out[i] = 0;
  }
}

}  // namespace scout
