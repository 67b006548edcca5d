#include <cmath>

#include "scout/problem/analytic/function.h"

namespace scout::analytic {

/// 10 - max_k exp(h_k - Σ c_ki (z_i - y_ki)^2 / 2M). A peak is a record [h, y (M), c (M)] of the parameters; the first is
/// the highest, with exp(h) = 10.
static double evaluate(std::span<const double> z, std::span<double> gradient, const Parameters& parameters) {
  const std::size_t m = z.size();
  const double half = 0.5 / static_cast<double>(m);
  const double* peak = nullptr;
  double height = -HUGE_VAL;
  for (const double* p = parameters.data(); p != parameters.data() + parameters.size(); p += 2 * m + 1) {
    double square = 0.0;
    for (std::size_t i = 0; i < m; ++i) square += p[m + 1 + i] * (z[i] - p[1 + i]) * (z[i] - p[1 + i]);
    if (peak != nullptr && p[0] - half * square <= height) continue;
    height = p[0] - half * square;
    peak = p;
  }
  const double value = std::exp(height);
  for (std::size_t i = 0; i < gradient.size(); ++i)
    gradient[i] = 2.0 * half * value * peak[m + 1 + i] * (z[i] - peak[1 + i]);
  return 10.0 - value;
}

static std::vector<double> optimum(int dimension, const Parameters& parameters) {
  return {parameters.begin() + 1, parameters.begin() + 1 + dimension};
}

/// 5 to 101 peaks, uniform in place, of heights 10 and U[1.1, 9.1], of axis ratios up to sqrt(1000): 21 or 101 in the
/// textbook.
static Parameters sample_parameters(int dimension, Random& random) {
  const int peaks = static_cast<int>(random.log_uniform(5.0, 102.0));
  Parameters parameters;
  for (int k = 0; k < peaks; ++k) {
    parameters.push_back(std::log(k == 0 ? 10.0 : random.uniform(1.1, 9.1)));
    for (int i = 0; i < dimension; ++i) parameters.push_back(random.uniform(-4.0, 4.0));
    const double condition = random.log_uniform(1.0, 1000.0);
    for (int i = 0; i < dimension; ++i) parameters.push_back(std::pow(condition, random.uniform(-0.5, 0.5)));
  }
  return parameters;
}

extern const AnalyticFunction gallagher{
    .name = "gallagher",
    .summary = "random peaks turned upside down, without any global structure",
    .source = "Gallagher & Yuan 2006; Hansen, Finck, Ros & Auger 2009, f21 without its oscillation",
    .evaluate = evaluate,
    .domain = {-5.0, 5.0},
    .optimum = optimum,
    .sample_parameters = sample_parameters,
};

}  // namespace scout::analytic
