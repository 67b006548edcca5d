#include <algorithm>
#include <cmath>

#include "scout/problem/analytic/function.h"

namespace scout::analytic {
namespace {

/// Per coordinate sqrt(1 + z^2) - 1, a slope of at most 1, and a wall: a cubic step of the given height at [2, 2 + width].
double evaluate(std::span<const double> z, std::span<double> gradient, const Parameters& parameters) {
  const double height = parameters[0];
  const double width = parameters[1];
  double f = 0.0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double root = std::sqrt(1.0 + z[i] * z[i]);
    const double t = std::clamp((z[i] - 2.0) / width, 0.0, 1.0);
    f += root - 1.0 + height * t * t * (3.0 - 2.0 * t);
    if (!gradient.empty()) gradient[i] = z[i] / root + height * 6.0 * t * (1.0 - t) / width;
  }
  return f;
}

/// The height and the width of the wall: its slope reaches 1.5 height / width.
Parameters sample_parameters(int, Random& random) { return {random.log_uniform(5.0, 50.0), random.log_uniform(0.03, 0.3)}; }

}  // namespace

extern const AnalyticFunction cliff{
    .name = "cliff",
    .summary = "a gentle slope with steep walls, whose gradient throws a step far away",
    .source = "the cliffs of recurrent networks, after Pascanu, Mikolov & Bengio 2013",
    .evaluate = evaluate,
    .lower = -10.0,
    .upper = 10.0,
    .optimum = all_equal<0>,
    .sample_parameters = sample_parameters,
};

}  // namespace scout::analytic
