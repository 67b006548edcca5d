#include "scout/problem/analytic/function.h"

namespace scout::analytic {

static double term(double z, double& slope, const Parameters& parameters) {
  const double tilt = parameters[0];
  const double square = z * z;
  slope = 2.0 * z * (square - 8.0) + 0.5 * tilt;
  return 0.5 * (square * (square - 16.0) + tilt * z);
}

/// The lowest root of the cubic derivative, by Newton's method.
static std::vector<double> optimum(int dimension, const Parameters& parameters) {
  double z = -3.0;
  for (int step = 0; step < 20; ++step) {
    z -= (2.0 * z * (z * z - 8.0) + 0.5 * parameters[0]) / (6.0 * z * z - 16.0);
  }
  return std::vector<double>(static_cast<std::size_t>(dimension), z);
}

extern const AnalyticFunction styblinski_tang{
    .name = "styblinski-tang",
    .summary = "two wells along every axis, 2^M minima, one of them the least",
    .source = "Styblinski & Tang 1990",
    .evaluate = sum_of<term>,
    .domain = {-5.0, 5.0},
    .optimum = optimum,
    // The tilt that makes one of each coordinate's two wells the deeper: 5 in the textbook.
    .sample_parameters = [](int, Random& random) { return Parameters{random.uniform(3.0, 7.0)}; },
};

}  // namespace scout::analytic
