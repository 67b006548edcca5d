// Minimises a function of two parameters within bounds, by the policy that comes with the library.
#include "scout/optimizer/minimize.h"

#include <cmath>
#include <cstdio>
#include <exception>

// Himmelblau's function: four minima, f = 0 at each.
double himmelblau(std::span<const double> theta, std::span<double> gradient) {
  const double a = theta[0] * theta[0] + theta[1] - 11;
  const double b = theta[0] + theta[1] * theta[1] - 7;
  if (!gradient.empty()) {
    gradient[0] = 4 * theta[0] * a + 2 * b;
    gradient[1] = 2 * a + 4 * theta[1] * b;
  }
  return a * a + b * b;
}

int main() try {
  scout::MinimizeOptions options;
  options.budget = 600;
  options.lower = {-6, -6};
  options.upper = {6, 6};
  const auto summary = scout::minimize(himmelblau, std::vector<double>{-0.3, -0.9}, options);
  std::printf("f = %.3g at (%.5f, %.5f): %s\n", summary.best_value, summary.best_point[0], summary.best_point[1],
              summary.message.c_str());
} catch (const std::exception& error) {
  return std::fprintf(stderr, "error: %s\n", error.what()), 1;
}
