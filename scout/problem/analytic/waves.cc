#include <algorithm>
#include <cmath>

#include "scout/problem/analytic/function.h"

namespace scout::analytic {

constexpr std::size_t kFeatures = 24;
constexpr std::size_t kOutputs = 4;

/// Least squares of random smooth functions: Σ_r (g_r(z) - g_r(z*))^2 with g_r(z) = Σ_k a_rk cos(w_k·z + φ_k), random
/// Fourier features of a Gaussian process (Rahimi & Recht 2007), and a bowl of height h. The parameters are [h, z* (M), then
/// for each k: φ_k, w_k (M), a_rk (outputs)].
static double evaluate(std::span<const double> z, std::span<double> gradient, const Parameters& parameters) {
  const std::size_t m = z.size();
  const double height = parameters[0];
  const double* optimum = parameters.data() + 1;
  const double* features = optimum + m;
  const std::size_t stride = 1 + m + kOutputs;
  double residual[kOutputs] = {};
  double slope[kFeatures];
  for (std::size_t k = 0; k < kFeatures; ++k) {
    const double* p = features + k * stride;
    double here = p[0], there = p[0];
    for (std::size_t i = 0; i < m; ++i) {
      here += p[1 + i] * z[i];
      there += p[1 + i] * optimum[i];
    }
    for (std::size_t r = 0; r < kOutputs; ++r) residual[r] += p[1 + m + r] * (std::cos(here) - std::cos(there));
    slope[k] = -std::sin(here);
  }
  double f = 0.0;
  for (const double r : residual) f += r * r;
  for (std::size_t i = 0; i < m; ++i) {
    const double d = z[i] - optimum[i];
    f += height * d * d / static_cast<double>(m);
    if (!gradient.empty()) gradient[i] = 2.0 * height * d / static_cast<double>(m);
  }
  if (gradient.empty()) return f;
  for (std::size_t k = 0; k < kFeatures; ++k) {
    const double* p = features + k * stride;
    double factor = 0.0;
    for (std::size_t r = 0; r < kOutputs; ++r) factor += 2.0 * residual[r] * p[1 + m + r] * slope[k];
    for (std::size_t i = 0; i < m; ++i) gradient[i] += factor * p[1 + i];
  }
  return f;
}

static std::vector<double> optimum(int dimension, const Parameters& parameters) {
  return {parameters.begin() + 1, parameters.begin() + 1 + dimension};
}

static Parameters sample_parameters(int dimension, Random& random) {
  Parameters parameters{random.log_uniform(1e-3, 1.0)};
  for (int i = 0; i < dimension; ++i) parameters.push_back(random.uniform(-0.7, 0.7));
  const double root = std::sqrt(static_cast<double>(dimension));
  const double frequency = random.log_uniform(0.7, 6.0) / std::max(1.0, root);
  for (std::size_t k = 0; k < kFeatures; ++k) {
    parameters.push_back(random.uniform(0.0, 6.283185307179586));
    for (int i = 0; i < dimension; ++i) parameters.push_back(frequency * random.normal());
    for (std::size_t r = 0; r < kOutputs; ++r) parameters.push_back(random.normal() / std::sqrt(double{kFeatures}));
  }
  return parameters;
}

extern const AnalyticFunction waves{
    .name = "waves",
    .summary = "least squares of random smooth functions: a Gaussian process's hills, and one sure optimum",
    .source = "Rahimi & Recht 2007, random Fourier features",
    .evaluate = evaluate,
    .domain = {-1.0, 1.0},
    .optimum = optimum,
    .sample_parameters = sample_parameters,
};

}  // namespace scout::analytic
