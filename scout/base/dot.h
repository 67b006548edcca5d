#pragma once

#include <cstddef>
#include <span>

namespace scout {

/// aᵀb, of as many numbers each. Eight sums side by side, since one alone waits for each addition.
inline double dot(std::span<const double> a, std::span<const double> b) {
  constexpr std::size_t kLanes = 8;
  double sums[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= a.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  double sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
  for (; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace scout
