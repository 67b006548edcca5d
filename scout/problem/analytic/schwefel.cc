#include <cmath>

#include "scout/problem/analytic/function.h"

namespace scout::analytic {

constexpr double kWall = 500.0;
/// The minimum over [-500, 500] of -z sin(sqrt(|z|)), negated, and where it is.
constexpr double kLevel = 418.98288727243380;
constexpr double kOptimum = 420.96874635998202;

/// Beyond the domain the textbook function falls without bound; here its tangent at the wall plus a parabola continues it.
static double term(double z, double& slope, const Parameters&) {
  const double inside = std::fmax(-kWall, std::fmin(kWall, z));
  const double beyond = z - inside;
  const double root = std::sqrt(std::abs(inside));
  const double sine = std::sin(root);
  const double tangent = -sine - 0.5 * root * std::cos(root);
  slope = tangent + 0.5 * beyond;
  return kLevel - inside * sine + beyond * (tangent + 0.25 * beyond);
}

extern const AnalyticFunction schwefel{
    .name = "schwefel",
    .summary = "waves that grow outwards: the best minimum is near a corner, far from the next best",
    .source = "Schwefel 1981, 2.26, continued beyond the domain",
    .evaluate = sum_of<term>,
    .domain = {-kWall, kWall},
    .optimum = [](int dimension,
                  const Parameters&) { return std::vector<double>(static_cast<std::size_t>(dimension), kOptimum); },
};

}  // namespace scout::analytic
