#include <algorithm>
#include <cmath>

#include "scout/problem/analytic/function.h"

namespace scout::analytic {

/// sqrt(1 + z^2) - 1, a slope of at most 1, and a wall: a cubic step of the given height at [2, 2 + width].
static double term(double z, double& slope, const Parameters& parameters) {
  const double height = parameters[0];
  const double width = parameters[1];
  const double root = std::sqrt(1.0 + z * z);
  const double t = std::clamp((z - 2.0) / width, 0.0, 1.0);
  slope = z / root + height * 6.0 * t * (1.0 - t) / width;
  return root - 1.0 + height * t * t * (3.0 - 2.0 * t);
}

/// The height and the width of the wall: its slope reaches 1.5 height / width.
static Parameters sample_parameters(int, Random& random) {
  return {random.log_uniform(5.0, 50.0), random.log_uniform(0.03, 0.3)};
}

extern const AnalyticFunction cliff{
    .name = "cliff",
    .summary = "a gentle slope with steep walls, whose gradient throws a step far away",
    .source = "the cliffs of recurrent networks, after Pascanu, Mikolov & Bengio 2013",
    .evaluate = sum_of<term>,
    .domain = {-10.0, 10.0},
    .optimum = all_equal<0>,
    .sample_parameters = sample_parameters,
};

}  // namespace scout::analytic
