#include <algorithm>
#include <cmath>
#include <numbers>

#include "scout/problem/analytic/function.h"

namespace scout::analytic {

using std::numbers::pi;

/// Coordinate i = 1, 2, ... adds -sin(z) sin^2m(i z^2 / pi), and beyond [0, pi], where other wells are as deep, a parabola.
static double term(double z, double i, double m, double& slope) {
  const double sine = std::sin(i * z * z / pi);
  const double power = std::pow(sine * sine, m - 1.0);
  const double beyond = z - std::clamp(z, 0.0, pi);
  const double ripple = 4.0 * m * i * z / pi * std::cos(i * z * z / pi);
  slope = 2.0 * beyond - power * sine * (std::cos(z) * sine + std::sin(z) * ripple);
  return beyond * beyond - std::sin(z) * power * sine * sine;
}

static double evaluate(std::span<const double> z, std::span<double> gradient, const Parameters& parameters) {
  double f = 0.0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    double slope;
    f += term(z[i], static_cast<double>(i + 1), parameters[0], slope);
    if (!gradient.empty()) gradient[i] = slope;
  }
  return f;
}

/// By coordinate: between the ripple's zeros pi sqrt(k / i) there is one minimum, found by bisection; the least is near pi
/// / 2.
static std::vector<double> optimum(int dimension, const Parameters& parameters) {
  std::vector<double> z(static_cast<std::size_t>(dimension), 0.0);
  for (int i = 1; i <= dimension; ++i) {
    double least = 0.0;
    for (int k = std::max(0, i / 4 - 1); k <= std::min(i - 1, i / 4 + 1); ++k) {
      double low = pi * std::sqrt(static_cast<double>(k) / i);
      double high = pi * std::sqrt((k + 1.0) / i);
      double value = 0.0;
      for (int step = 0; step < 60; ++step) {
        double slope;
        const double middle = 0.5 * (low + high);
        value = term(middle, i, parameters[0], slope);
        (slope < 0.0 ? low : high) = middle;
      }
      if (value < least) z[static_cast<std::size_t>(i) - 1] = low;
      least = std::min(least, value);
    }
  }
  return z;
}

extern const AnalyticFunction michalewicz{
    .name = "michalewicz",
    .summary = "plains cut by narrow valleys, M! minima, steeper with every coordinate",
    .source = "Michalewicz 1992, continued beyond the domain",
    .evaluate = evaluate,
    .domain = {0.0, pi},
    .optimum = optimum,
    // m, which makes the valleys narrow: 10 in the textbook.
    .sample_parameters = [](int, Random& random) { return Parameters{random.uniform(2.0, 10.0)}; },
};

}  // namespace scout::analytic
