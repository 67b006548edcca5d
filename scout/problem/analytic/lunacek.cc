#include <cmath>
#include <numbers>

#include "scout/problem/analytic/function.h"

namespace scout::analytic {

constexpr double kOptimum = 2.5;

/// Both funnels are >= 0, and so are the ripples: f >= 0, and it is 0 at the bottom of the first funnel only.
static double evaluate(std::span<const double> z, std::span<double> gradient, const Parameters& parameters) {
  const double depth = parameters[0];
  const double m = static_cast<double>(z.size());
  const double width = 1.0 - 1.0 / (2.0 * std::sqrt(m + 20.0) - 8.2);
  const double other = -std::sqrt((kOptimum * kOptimum - depth) / width);
  constexpr double omega = 2.0 * std::numbers::pi;
  double narrow = 0.0, wide = 0.0, ripples = 0.0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double near = z[i] - kOptimum;
    const double far = z[i] - other;
    narrow += near * near;
    wide += far * far;
    ripples += 1.0 - std::cos(omega * near);
    if (!gradient.empty()) gradient[i] = 10.0 * omega * std::sin(omega * near);
  }
  const double second = depth * m + width * wide;
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    gradient[i] += narrow <= second ? 2.0 * (z[i] - kOptimum) : 2.0 * width * (z[i] - other);
  }
  return std::fmin(narrow, second) + 10.0 * ripples;
}

extern const AnalyticFunction lunacek{
    .name = "lunacek",
    .summary = "Rastrigin's ripples over two funnels: the wider one leads away from the optimum",
    .source = "Lunacek, Whitley & Sutton 2008, bi-Rastrigin",
    .evaluate = evaluate,
    .domain = {-5.0, 5.0},
    .optimum = [](int dimension,
                  const Parameters&) { return std::vector<double>(static_cast<std::size_t>(dimension), kOptimum); },
    // How much higher the floor of the wide funnel is, per coordinate: 1 in the textbook.
    .sample_parameters = [](int, Random& random) { return Parameters{random.uniform(0.5, 4.0)}; },
    .minimum_dimension = 2,
};

}  // namespace scout::analytic
