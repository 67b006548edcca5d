#include <cmath>

#include "scout/problem/analytic/function.h"

namespace scout::analytic {
namespace {

constexpr double kWall = 500.0;
/// The minimum over [-500, 500] of -z sin(sqrt(|z|)), negated, and where it is.
constexpr double kLevel = 418.98288727243380;
constexpr double kOptimum = 420.96874635998202;

/// Beyond the domain the textbook function falls without bound; here its tangent at the wall plus a parabola continues it.
double evaluate(std::span<const double> z, std::span<double> gradient, const Parameters&) {
  double f = 0.0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double inside = std::fmax(-kWall, std::fmin(kWall, z[i]));
    const double beyond = z[i] - inside;
    const double root = std::sqrt(std::abs(inside));
    const double sine = std::sin(root);
    const double slope = -sine - 0.5 * root * std::cos(root);
    f += kLevel - inside * sine + beyond * (slope + 0.25 * beyond);
    if (!gradient.empty()) gradient[i] = slope + 0.5 * beyond;
  }
  return f;
}

std::vector<double> optimum(int dimension, const Parameters&) {
  return std::vector<double>(static_cast<std::size_t>(dimension), kOptimum);
}

}  // namespace

extern const AnalyticFunction schwefel{
    .name = "schwefel",
    .summary = "waves that grow outwards: the best minimum is near a corner, far from the next best",
    .source = "Schwefel 1981, 2.26, continued beyond the domain",
    .evaluate = evaluate,
    .lower = -kWall,
    .upper = kWall,
    .optimum = optimum,
};

}  // namespace scout::analytic
