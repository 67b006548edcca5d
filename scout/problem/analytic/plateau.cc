#include <cmath>

#include "scout/problem/analytic/function.h"

namespace scout::analytic {

/// tanh^2(z / width), through exp(-2 |z| / width) so that small slopes keep their digits.
static double term(double z, double& slope, const Parameters& parameters) {
  const double inverse = 1.0 / parameters[0];
  const double decay = std::exp(-2.0 * std::abs(z) * inverse);
  const double tanh = std::copysign((1.0 - decay) / (1.0 + decay), z);
  slope = 8.0 * inverse * tanh * decay / ((1.0 + decay) * (1.0 + decay));
  return tanh * tanh;
}

extern const AnalyticFunction plateau{
    .name = "plateau",
    .summary = "a hole in a plain: saturated units, whose gradient vanishes exponentially",
    .source = "the squared error of saturated tanh units, after Glorot & Bengio 2010",
    .evaluate = sum_of<term>,
    .domain = {-10.0, 10.0},
    .optimum = all_equal<0>,
    // The width of the hole.
    .sample_parameters = [](int, Random& random) { return Parameters{random.log_uniform(0.5, 3.0)}; },
};

}  // namespace scout::analytic
