#include <algorithm>
#include <cmath>

#include "scout/problem/analytic/function.h"

namespace scout::analytic {

static double evaluate(std::span<const double> z, std::span<double> gradient, const Parameters& parameters) {
  double f = 0.0;
  for (std::size_t i = 0; i < z.size(); ++i) f += parameters[i] * z[i] * z[i];
  for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = 2.0 * parameters[i] * z[i];
  return f;
}

/// The curvatures [M], geometric from 1 to the condition number 10^U[0, 6]: 10^6 in the textbook.
static Parameters sample_parameters(int dimension, Random& random) {
  const double condition = random.log_uniform(1.0, 1e6);
  Parameters curvatures;
  for (int i = 0; i < dimension; ++i) {
    curvatures.push_back(std::pow(condition, static_cast<double>(i) / std::max(1, dimension - 1)));
  }
  return curvatures;
}

extern const AnalyticFunction ellipsoid{
    .name = "ellipsoid",
    .summary = "a quadratic bowl of condition number 1 to 1e6",
    .source = "Hansen, Finck, Ros & Auger 2009, f2 and f10 without their oscillation",
    .evaluate = evaluate,
    .domain = {-5.0, 5.0},
    .optimum = all_equal<0>,
    .sample_parameters = sample_parameters,
};

}  // namespace scout::analytic
