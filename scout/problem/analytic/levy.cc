#include <cmath>
#include <numbers>

#include "scout/problem/analytic/function.h"

namespace scout::analytic {

static double evaluate(std::span<const double> z, std::span<double> gradient, const Parameters& parameters) {
  const double amplitude = parameters[0];
  constexpr double pi = std::numbers::pi;
  const std::size_t last = z.size() - 1;
  double f = 0.0;
  for (std::size_t i = 0; i <= last; ++i) {
    const double w = 0.25 * (z[i] - 1.0);  // the textbook's w - 1
    const double angle = i < last ? pi * (w + 1.0) + 1.0 : 2.0 * pi * w;
    const double rate = i < last ? pi : 2.0 * pi;
    const double height = i < last ? amplitude : 1.0;
    const double sine = std::sin(angle);
    const double ripple = 1.0 + height * sine * sine;
    f += w * w * ripple;
    if (gradient.empty()) continue;
    gradient[i] = 0.25 * (2.0 * w * ripple + w * w * height * 2.0 * sine * std::cos(angle) * rate);
  }
  const double angle = 0.25 * pi * (z[0] - 1.0);
  const double sine = std::sin(angle);
  if (!gradient.empty()) gradient[0] += 0.5 * pi * sine * std::cos(angle);
  return f + sine * sine;
}

extern const AnalyticFunction levy{
    .name = "levy",
    .summary = "a bowl whose ripples grow with the distance from the optimum",
    .source = "Levy & Montalvo 1985",
    .evaluate = evaluate,
    .domain = {-10.0, 10.0},
    .optimum = all_equal<1>,
    // The height of the ripples: 10 in the textbook.
    .sample_parameters = [](int, Random& random) { return Parameters{random.uniform(5.0, 15.0)}; },
};

}  // namespace scout::analytic
