#include "scout/problem/analytic/function.h"

namespace scout::analytic {
namespace {

double evaluate(std::span<const double> z, std::span<double> gradient, const Parameters& parameters) {
  const double tilt = parameters[0];
  double f = 0.0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double square = z[i] * z[i];
    f += 0.5 * (square * (square - 16.0) + tilt * z[i]);
    if (!gradient.empty()) gradient[i] = 2.0 * z[i] * (square - 8.0) + 0.5 * tilt;
  }
  return f;
}

/// The lowest root of the cubic derivative, by Newton's method.
std::vector<double> optimum(int dimension, const Parameters& parameters) {
  double z = -3.0;
  for (int step = 0; step < 20; ++step) {
    z -= (2.0 * z * (z * z - 8.0) + 0.5 * parameters[0]) / (6.0 * z * z - 16.0);
  }
  return std::vector<double>(static_cast<std::size_t>(dimension), z);
}

/// The tilt that makes one of each coordinate's two wells the deeper: 5 in the textbook.
Parameters sample_parameters(int, Random& random) { return {random.uniform(3.0, 7.0)}; }

}  // namespace

extern const AnalyticFunction styblinski_tang{
    .name = "styblinski-tang",
    .summary = "two wells along every axis, 2^M minima, one of them the least",
    .source = "Styblinski & Tang 1990",
    .evaluate = evaluate,
    .lower = -5.0,
    .upper = 5.0,
    .optimum = optimum,
    .sample_parameters = sample_parameters,
};

}  // namespace scout::analytic
