#include <cmath>
#include <numbers>

#include "scout/problem/analytic/function.h"

namespace scout::analytic {

/// At the optimum f has a kink; its gradient there is defined as 0.
static double evaluate(std::span<const double> z, std::span<double> gradient, const Parameters& parameters) {
  const double depth = parameters[0];
  constexpr double decay = 0.2;
  constexpr double omega = 2.0 * std::numbers::pi;
  const double m = static_cast<double>(z.size());
  double square = 0.0;
  double cosines = 0.0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    square += z[i] * z[i];
    cosines += std::cos(omega * z[i]);
    if (!gradient.empty()) gradient[i] = std::sin(omega * z[i]);
  }
  const double radius = std::sqrt(square / m);
  const double funnel = depth * std::exp(-decay * radius);
  const double ripples = std::exp(cosines / m);
  const double inward = radius > 0.0 ? funnel * decay / (m * radius) : 0.0;
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    gradient[i] = inward * z[i] + ripples * omega / m * gradient[i];
  }
  return (depth - funnel) + (std::numbers::e - ripples);
}

extern const AnalyticFunction ackley{
    .name = "ackley",
    .summary = "a rippled plain that falls into a sharp funnel",
    .source = "Ackley 1987; Bäck 1996",
    .evaluate = evaluate,
    .domain = {-32.768, 32.768},
    .optimum = all_equal<0>,
    // The depth of the funnel: 20 in the textbook.
    .sample_parameters = [](int, Random& random) { return Parameters{random.uniform(10.0, 30.0)}; },
};

}  // namespace scout::analytic
