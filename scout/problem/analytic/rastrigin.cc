#include <cmath>
#include <numbers>

#include "scout/problem/analytic/function.h"

namespace scout::analytic {

static double term(double z, double& slope, const Parameters& parameters) {
  const double amplitude = parameters[0];
  constexpr double omega = 2.0 * std::numbers::pi;
  slope = 2.0 * z + amplitude * omega * std::sin(omega * z);
  return z * z + amplitude * (1.0 - std::cos(omega * z));
}

extern const AnalyticFunction rastrigin{
    .name = "rastrigin",
    .summary = "a bowl under a regular lattice of about 11^M local minima",
    .source = "Rastrigin 1974; Mühlenbein, Schomisch & Born 1991",
    .evaluate = sum_of<term>,
    .domain = {-5.12, 5.12},
    .optimum = all_equal<0>,
    // The height of the ripples, from gentle to the textbook's 10.
    .sample_parameters = [](int, Random& random) { return Parameters{random.log_uniform(1.0, 10.0)}; },
};

}  // namespace scout::analytic
