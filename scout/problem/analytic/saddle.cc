#include "scout/problem/analytic/function.h"

namespace scout::analytic {

/// Σ (z_i^2 - 1)^2 + coupling Σ (z_i+1 - z_i)^2. The least value, 0, is at z = 1 and at z = -1; where neighbours disagree
/// there are local minima, and between all of these about 3^M saddles.
static double evaluate(std::span<const double> z, std::span<double> gradient, const Parameters& parameters) {
  const double coupling = parameters[0];
  double f = 0.0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double well = z[i] * z[i] - 1.0;
    f += well * well;
    if (!gradient.empty()) gradient[i] = 4.0 * z[i] * well;
    if (i == 0) continue;
    const double difference = z[i] - z[i - 1];
    f += coupling * difference * difference;
    if (gradient.empty()) continue;
    gradient[i] += 2.0 * coupling * difference;
    gradient[i - 1] -= 2.0 * coupling * difference;
  }
  return f;
}

extern const AnalyticFunction saddle{
    .name = "saddle",
    .summary = "a chain of double wells: about 3^M saddles between 2^M minima",
    .source = "the discrete phi^4 chain of Ginzburg & Landau",
    .evaluate = evaluate,
    .domain = {-2.0, 2.0},
    .optimum = all_equal<1>,
    // How strongly neighbours want to agree; the smaller, the more local minima.
    .sample_parameters = [](int, Random& random) { return Parameters{random.log_uniform(0.03, 0.6)}; },
};

}  // namespace scout::analytic
