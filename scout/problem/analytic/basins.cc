#include <cmath>

#include "scout/problem/analytic/function.h"

namespace scout::analytic {

/// min_k d_k + w_k Σ c_ki (z_i - y_ki)^2 / M. A basin is a record [d, w, y (M), c (M)] of the parameters; the first is the
/// deepest, with d = 0.
static double evaluate(std::span<const double> z, std::span<double> gradient, const Parameters& parameters) {
  const std::size_t m = z.size();
  const double* least = nullptr;
  double value = HUGE_VAL;
  for (const double* p = parameters.data(); p != parameters.data() + parameters.size(); p += 2 * m + 2) {
    double square = 0.0;
    for (std::size_t i = 0; i < m; ++i) square += p[2 + m + i] * (z[i] - p[2 + i]) * (z[i] - p[2 + i]);
    const double here = p[0] + p[1] * square / static_cast<double>(m);
    if (least != nullptr && here >= value) continue;
    value = here;
    least = p;
  }
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    gradient[i] = 2.0 * least[1] * least[2 + m + i] * (z[i] - least[2 + i]) / static_cast<double>(m);
  }
  return value;
}

static std::vector<double> optimum(int dimension, const Parameters& parameters) {
  return {parameters.begin() + 2, parameters.begin() + 2 + dimension};
}

static Parameters sample_parameters(int dimension, Random& random) {
  const int basins = static_cast<int>(random.log_uniform(2.0, 30.0));
  const double least = random.log_uniform(0.01, 1.0), most_condition = random.log_uniform(1.0, 1e4);
  Parameters parameters;
  for (int k = 0; k < basins; ++k) {
    parameters.push_back(k == 0 ? 0.0 : random.uniform(least, 4.0));
    parameters.push_back(random.log_uniform(0.3, 3.0));
    for (int i = 0; i < dimension; ++i) parameters.push_back(random.uniform(-4.0, 4.0));
    const double condition = random.log_uniform(1.0, most_condition);
    for (int i = 0; i < dimension; ++i) parameters.push_back(std::pow(condition, random.uniform(-0.5, 0.5)));
  }
  return parameters;
}

extern const AnalyticFunction basins{
    .name = "basins",
    .summary = "the least of a few random bowls: their depths, widths and conditions differ",
    .source = "f(z) = min_k d_k + w_k Σ c_ki (z_i - y_ki)^2 / M",
    .evaluate = evaluate,
    .domain = {-5.0, 5.0},
    .optimum = optimum,
    .sample_parameters = sample_parameters,
};

}  // namespace scout::analytic
