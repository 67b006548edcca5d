#include <algorithm>
#include <cmath>
#include <numbers>

#include "scout/problem/analytic/function.h"

namespace scout::analytic {
namespace {

constexpr std::size_t kFeatures = 64;
constexpr double kWall = 50;
/// Beyond this no minimum is looked for: the wall is higher than what the rest falls by.
constexpr double kReach = 1.3;
constexpr int kGrid = 41;

/// √(2/K) Σ_k a_k cos(ω_k·z + b_k) + ½ Σ λ_i (z_i - c_i)² + 50 Σ max(|z_i| - 1, 0)². The parameters are λ [M], c [M], and of
/// each of the K features a, b, ω [M].
double evaluate(std::span<const double> z, std::span<double> gradient, const Parameters& parameters) {
  const std::size_t m = z.size();
  const double* curvature = parameters.data();
  const double* centre = curvature + m;
  double f = 0;
  for (std::size_t i = 0; i < m; ++i) {
    const double from = z[i] - centre[i], over = std::copysign(std::max(std::abs(z[i]) - 1, 0.0), z[i]);
    f += 0.5 * curvature[i] * from * from + kWall * over * over;
    if (!gradient.empty()) gradient[i] = curvature[i] * from + 2 * kWall * over;
  }
  const double factor = std::sqrt(2.0 / kFeatures);
  for (const double* p = centre + m; p != parameters.data() + parameters.size(); p += m + 2) {
    double angle = p[1];
    for (std::size_t i = 0; i < m; ++i) angle += p[2 + i] * z[i];
    f += factor * p[0] * std::cos(angle);
    if (gradient.empty()) continue;
    const double slope = -factor * p[0] * std::sin(angle);
    for (std::size_t i = 0; i < m; ++i) gradient[i] += slope * p[2 + i];
  }
  return f;
}

/// Newton's method with Levenberg's damping, to a minimum of one or two coordinates; returns f there.
double descend(std::vector<double>& z, const Parameters& parameters) {
  const std::size_t m = z.size();
  const double factor = std::sqrt(2.0 / kFeatures);
  std::vector<double> gradient(m), next(m);
  double f = evaluate(z, gradient, parameters), damping = 0;
  for (int iteration = 0; iteration < 100; ++iteration) {
    double h[2][2] = {{0, 0}, {0, 1}}, g[2] = {0, 0};
    for (std::size_t i = 0; i < m; ++i) {
      g[i] = gradient[i];
      h[i][i] = parameters[i] + (std::abs(z[i]) > 1 ? 2 * kWall : 0);
    }
    for (const double* p = parameters.data() + 2 * m; p != parameters.data() + parameters.size(); p += m + 2) {
      double angle = p[1];
      for (std::size_t i = 0; i < m; ++i) angle += p[2 + i] * z[i];
      const double bend = -factor * p[0] * std::cos(angle);
      for (std::size_t i = 0; i < m; ++i) {
        for (std::size_t j = 0; j < m; ++j) h[i][j] += bend * p[2 + i] * p[2 + j];
      }
    }
    const double spread = std::hypot(h[0][0] - h[1][1], 2 * h[0][1]);
    const double least = 0.5 * (h[0][0] + h[1][1] - spread), most = least + spread;
    const double added = std::max(damping, 1e-3 * std::abs(most) - least);
    const double shift = least > 0 && damping == 0 ? 0 : std::max(added, 0.0);
    const double a = h[0][0] + shift, d = h[1][1] + shift, determinant = a * d - h[0][1] * h[0][1];
    const double step[2] = {(d * g[0] - h[0][1] * g[1]) / determinant, (a * g[1] - h[0][1] * g[0]) / determinant};
    for (std::size_t i = 0; i < m; ++i) next[i] = z[i] - step[i];
    const double f_next = evaluate(next, {}, parameters);
    const double length = std::hypot(step[0], step[1]);
    // Short steps are right whatever the rounding of f says.
    if (f_next > f && length > 1e-5) {
      damping = std::max(10 * damping, 0.1 * std::abs(most));
      continue;
    }
    damping = damping < 1e-3 ? 0 : 0.1 * damping;
    z = next;
    f = evaluate(z, gradient, parameters);
    if (length < 1e-15) break;
  }
  return f;
}

/// In one and two dimensions the least of the minima that descents from every minimum of a grid come to. The grid's lines
/// are a third of the least length scale apart. In more dimensions it is not known.
std::vector<double> optimum(int dimension, const Parameters& parameters) {
  if (dimension > 2) return {};
  const auto m = static_cast<std::size_t>(dimension);
  const int rows = dimension == 2 ? kGrid : 1;
  const auto place = [&](int column, int row) {
    const auto at = [](int k) { return kReach * (2.0 * k / (kGrid - 1) - 1); };
    std::vector<double> z{at(column), at(row)};
    z.resize(m);
    return z;
  };
  std::vector<double> values;
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < kGrid; ++column) values.push_back(evaluate(place(column, row), {}, parameters));
  }
  const auto value = [&](int column, int row) { return values[static_cast<std::size_t>(row * kGrid + column)]; };
  std::vector<double> best;
  double least = HUGE_VAL;
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < kGrid; ++column) {
      bool lowest = true;
      for (int r = std::max(row - 1, 0); r <= std::min(row + 1, rows - 1); ++r) {
        for (int c = std::max(column - 1, 0); c <= std::min(column + 1, kGrid - 1); ++c) {
          lowest = lowest && value(c, r) >= value(column, row);
        }
      }
      if (!lowest) continue;
      std::vector<double> z = place(column, row);
      const double f = descend(z, parameters);
      if (f < least) {
        least = f;
        best = z;
      }
    }
  }
  return best;
}

/// Length scale of the kernel log-uniform in [0.2, 2], times √(M/2); its variance is 1. The quadratic's curvature is
/// log-uniform in [0.1, 30], with axes that differ by up to 10.
Parameters sample_parameters(int dimension, Random& random) {
  const double length = random.log_uniform(0.2, 2.0) * std::sqrt(0.5 * std::max(dimension, 2));
  const double bowl = random.log_uniform(0.1, 30.0);
  Parameters parameters;
  for (int i = 0; i < dimension; ++i) parameters.push_back(bowl * random.log_uniform(std::sqrt(0.1), std::sqrt(10.0)));
  for (int i = 0; i < dimension; ++i) parameters.push_back(random.uniform(-0.8, 0.8));
  for (std::size_t k = 0; k < kFeatures; ++k) {
    parameters.push_back(random.normal());
    parameters.push_back(random.uniform(0, 2 * std::numbers::pi));
    for (int i = 0; i < dimension; ++i) parameters.push_back(random.normal() / length);
  }
  return parameters;
}

}  // namespace

extern const AnalyticFunction gaussian_process{
    .name = "gaussian-process",
    .summary = "drawn from a Gaussian process, over a bowl of any depth: from convex to many minima",
    .source = "random Fourier features: Rahimi & Recht 2007; the prior after Kobiolka et al. 2026, arXiv 2602.15473",
    .evaluate = evaluate,
    .domain = {-1.0, 1.0},
    .optimum = optimum,
    .sample_parameters = sample_parameters,
};

}  // namespace scout::analytic
