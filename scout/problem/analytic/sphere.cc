#include "scout/problem/analytic/function.h"

namespace scout::analytic {
namespace {

double evaluate(std::span<const double> z, std::span<double> gradient, const Parameters&) {
  double f = 0.0;
  for (std::size_t i = 0; i < z.size(); ++i) f += z[i] * z[i];
  for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = 2.0 * z[i];
  return f;
}

}  // namespace

extern const AnalyticFunction sphere{
    .name = "sphere",
    .summary = "the simplest bowl",
    .source = "De Jong 1975",
    .evaluate = evaluate,
    .lower = -5.12,
    .upper = 5.12,
    .optimum = all_equal<0>,
};

}  // namespace scout::analytic
