#include <cmath>

#include "scout/problem/analytic/function.h"

namespace scout::analytic {
namespace {

/// Σ tanh^2(z / width), through exp(-2 |z| / width) so that small slopes keep their digits.
double evaluate(std::span<const double> z, std::span<double> gradient, const Parameters& parameters) {
  const double inverse = 1.0 / parameters[0];
  double f = 0.0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double decay = std::exp(-2.0 * std::abs(z[i]) * inverse);
    const double tanh = std::copysign((1.0 - decay) / (1.0 + decay), z[i]);
    f += tanh * tanh;
    if (!gradient.empty()) gradient[i] = 8.0 * inverse * tanh * decay / ((1.0 + decay) * (1.0 + decay));
  }
  return f;
}

/// The width of the hole.
Parameters sample_parameters(int, Random& random) { return {random.log_uniform(0.5, 3.0)}; }

}  // namespace

extern const AnalyticFunction plateau{
    .name = "plateau",
    .summary = "a hole in a plain: saturated units, whose gradient vanishes exponentially",
    .source = "the squared error of saturated tanh units, after Glorot & Bengio 2010",
    .evaluate = evaluate,
    .lower = -10.0,
    .upper = 10.0,
    .optimum = all_equal<0>,
    .sample_parameters = sample_parameters,
};

}  // namespace scout::analytic
