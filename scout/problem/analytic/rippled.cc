#include <cmath>

#include "scout/problem/analytic/function.h"

namespace scout::analytic {

/// Σ c_i (1 + |z_i|^2)^(p/2) - c_i + a Σ (1 - cos(ω z_i)); the parameters are [p, a, ω, c (M)].
static double evaluate(std::span<const double> z, std::span<double> gradient, const Parameters& parameters) {
  const double power = parameters[0], height = parameters[1], frequency = parameters[2];
  double f = 0.0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double c = parameters[3 + i], base = 1.0 + z[i] * z[i];
    f += c * (std::pow(base, 0.5 * power) - 1.0) + height * (1.0 - std::cos(frequency * z[i]));
    if (gradient.empty()) continue;
    gradient[i] = c * power * z[i] * std::pow(base, 0.5 * power - 1.0) + height * frequency * std::sin(frequency * z[i]);
  }
  return f;
}

static Parameters sample_parameters(int dimension, Random& random) {
  const double condition = random.log_uniform(1.0, 1e4);
  Parameters parameters{random.uniform(0.5, 3.0), random.chance(0.25) ? 0.0 : random.log_uniform(0.01, 10.0),
                        random.log_uniform(0.5, 10.0)};
  for (int i = 0; i < dimension; ++i) parameters.push_back(std::pow(condition, random.uniform(-0.5, 0.5)));
  return parameters;
}

extern const AnalyticFunction rippled{
    .name = "rippled",
    .summary = "a bowl or a funnel of any power and condition, under ripples of any height and length",
    .source = "f(z) = Σ c_i ((1 + z_i^2)^(p/2) - 1) + a (1 - cos(ω z_i))",
    .evaluate = evaluate,
    .domain = {-5.0, 5.0},
    .optimum = all_equal<0>,
    .sample_parameters = sample_parameters,
};

}  // namespace scout::analytic
