#include <cmath>

#include "scout/problem/analytic/function.h"

namespace scout::analytic {

static double evaluate(std::span<const double> z, std::span<double> gradient, const Parameters& frequencies) {
  double bowl = 0.0;
  double product = 1.0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    bowl += z[i] * z[i] / 4000.0;
    if (!gradient.empty()) gradient[i] = product;  // of the cosines before i
    product *= std::cos(frequencies[i] * z[i]);
  }
  double after = 1.0;
  for (std::size_t i = gradient.size(); i-- > 0;) {
    const double angle = frequencies[i] * z[i];
    gradient[i] = z[i] / 2000.0 + frequencies[i] * std::sin(angle) * gradient[i] * after;
    after *= std::cos(angle);
  }
  return bowl + (1.0 - product);
}

/// The textbook's frequencies 1/sqrt(i) [M].
static Parameters sample_parameters(int dimension, Random&) {
  Parameters frequencies;
  for (int i = 1; i <= dimension; ++i) frequencies.push_back(1.0 / std::sqrt(i));
  return frequencies;
}

extern const AnalyticFunction griewank{
    .name = "griewank",
    .summary = "a wide bowl under a product of cosines: thousands of shallow minima",
    .source = "Griewank 1981",
    .evaluate = evaluate,
    .domain = {-600.0, 600.0},
    .optimum = all_equal<0>,
    .sample_parameters = sample_parameters,
};

}  // namespace scout::analytic
