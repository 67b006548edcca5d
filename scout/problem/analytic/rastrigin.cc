#include <cmath>
#include <numbers>

#include "scout/problem/analytic/function.h"

namespace scout::analytic {
namespace {

double evaluate(std::span<const double> z, std::span<double> gradient, const Parameters& parameters) {
  const double amplitude = parameters[0];
  constexpr double omega = 2.0 * std::numbers::pi;
  double f = 0.0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    f += z[i] * z[i] + amplitude * (1.0 - std::cos(omega * z[i]));
    if (!gradient.empty()) gradient[i] = 2.0 * z[i] + amplitude * omega * std::sin(omega * z[i]);
  }
  return f;
}

/// The height of the ripples, from gentle to the textbook's 10.
Parameters sample_parameters(int, Random& random) { return {random.log_uniform(1.0, 10.0)}; }

}  // namespace

extern const AnalyticFunction rastrigin{
    .name = "rastrigin",
    .summary = "a bowl under a regular lattice of about 11^M local minima",
    .source = "Rastrigin 1974; Mühlenbein, Schomisch & Born 1991",
    .evaluate = evaluate,
    .lower = -5.12,
    .upper = 5.12,
    .optimum = all_equal<0>,
    .sample_parameters = sample_parameters,
};

}  // namespace scout::analytic
