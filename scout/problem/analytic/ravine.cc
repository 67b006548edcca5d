#include <cmath>

#include "scout/problem/analytic/function.h"

namespace scout::analytic {

/// z_1^2 + steepness Σ (z_i+1 - sin(frequency z_i))^2. The residuals' Jacobian is triangular with a constant diagonal, so
/// the only stationary point is the optimum.
static double evaluate(std::span<const double> z, std::span<double> gradient, const Parameters& parameters) {
  const double steepness = parameters[0];
  const double frequency = parameters[1];
  if (!gradient.empty()) gradient[0] = 2.0 * z[0];
  double f = z[0] * z[0];
  for (std::size_t i = 0; i + 1 < z.size(); ++i) {
    const double across = z[i + 1] - std::sin(frequency * z[i]);
    f += steepness * across * across;
    if (gradient.empty()) continue;
    gradient[i] -= 2.0 * steepness * across * frequency * std::cos(frequency * z[i]);
    gradient[i + 1] = 2.0 * steepness * across;
  }
  return f;
}

/// The steepness of the walls, and how fast the ravine winds.
static Parameters sample_parameters(int, Random& random) {
  return {random.log_uniform(10.0, 1e4), random.uniform(1.0, 3.0)};
}

extern const AnalyticFunction ravine{
    .name = "ravine",
    .summary = "a narrow winding ravine with a gently falling floor",
    .source = "a chain of sine-shaped valleys; defined here",
    .evaluate = evaluate,
    .domain = {-4.0, 4.0},
    .optimum = all_equal<0>,
    .sample_parameters = sample_parameters,
    .minimum_dimension = 2,
};

}  // namespace scout::analytic
