// For tests: a quasi-Newton descent, since problems know no optimizer.
#pragma once

#include <cmath>
#include <vector>

#include "scout/problem/instance.h"

namespace scout {

/// The value that BFGS with halved steps ends at from `theta`; infinity if it starts where f is not finite.
inline double descend(const Instance& instance, std::vector<double> theta, int iterations = 300) {
  const std::size_t m = theta.size();
  std::vector<double> g(m), g_next(m), next(m), direction(m), hg(m), inverse(m * m);
  double f;
  instance.evaluate(theta, {&f, 1}, g);
  if (!std::isfinite(f)) return INFINITY;
  const auto reset = [&] {
    // First steps are a tenth of the coordinate, or of the box.
    double slope = 0;
    for (std::size_t i = 0; i < m; ++i) {
      const double size = 0.1 * std::max(std::abs(theta[i]), 1e-3 * (instance.upper()[i] - instance.lower()[i]));
      for (std::size_t j = 0; j < m; ++j) inverse[i * m + j] = i == j ? size * size : 0;
      slope += size * size * g[i] * g[i];
    }
    for (double& h : inverse) h /= std::sqrt(slope) + 1e-300;
  };
  reset();
  int failures = 0;
  for (int k = 0; k < iterations && failures < 3; ++k) {
    double slope = 0;
    for (std::size_t i = 0; i < m; ++i) {
      direction[i] = 0;
      for (std::size_t j = 0; j < m; ++j) direction[i] -= inverse[i * m + j] * g[j];
      slope += direction[i] * g[i];
    }
    double f_next = NAN, length = 1;
    for (int half = 0; half < 40 && !(f_next <= f + 1e-4 * length * slope); ++half) {
      if (half > 0) length /= half < 20 ? 2 : 10;
      for (std::size_t i = 0; i < m; ++i) next[i] = theta[i] + length * direction[i];
      instance.evaluate(next, {&f_next, 1}, g_next);
    }
    if (!(f_next < f)) {
      ++failures;
      reset();
      continue;
    }
    double sy = 0, yhy = 0;
    for (std::size_t i = 0; i < m; ++i) sy += (next[i] - theta[i]) * (g_next[i] - g[i]);
    if (sy > 0) {
      for (std::size_t i = 0; i < m; ++i) {
        hg[i] = 0;
        for (std::size_t j = 0; j < m; ++j) hg[i] += inverse[i * m + j] * (g_next[j] - g[j]);
        yhy += hg[i] * (g_next[i] - g[i]);
      }
      for (std::size_t i = 0; i < m; ++i) {
        for (std::size_t j = 0; j < m; ++j) {
          const double si = next[i] - theta[i], sj = next[j] - theta[j];
          inverse[i * m + j] += (1 + yhy / sy) * si * sj / sy - (hg[i] * sj + si * hg[j]) / sy;
        }
      }
    }
    theta = next;
    g = g_next;
    f = f_next;
  }
  return f;
}

}  // namespace scout
