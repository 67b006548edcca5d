#include "scout/problem/analytic/function.h"

namespace scout::analytic {

static double evaluate(std::span<const double> z, std::span<double> gradient, const Parameters& parameters) {
  const double steepness = parameters[0];
  if (!gradient.empty()) gradient[0] = 0.0;
  double f = 0.0;
  for (std::size_t i = 0; i + 1 < z.size(); ++i) {
    const double across = z[i + 1] - z[i] * z[i];
    const double along = 1.0 - z[i];
    f += steepness * across * across + along * along;
    if (gradient.empty()) continue;
    gradient[i] -= 4.0 * steepness * across * z[i] + 2.0 * along;
    gradient[i + 1] = 2.0 * steepness * across;
  }
  return f;
}

extern const AnalyticFunction rosenbrock{
    .name = "rosenbrock",
    .summary = "a long curved valley with a nearly flat floor",
    .source = "Rosenbrock 1960",
    .evaluate = evaluate,
    .domain = {-2.048, 2.048},
    .optimum = all_equal<1>,
    // The steepness of the valley's walls: 100 in the textbook.
    .sample_parameters = [](int, Random& random) { return Parameters{random.log_uniform(20.0, 500.0)}; },
    .minimum_dimension = 2,
};

}  // namespace scout::analytic
