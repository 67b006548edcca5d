#include "scout/policy/network_run.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "scout/optimizer/test_policy.h"

namespace scout {
namespace {

/// Runs `steps` on f = Σ c_i θ_i², c_i = 1 + i mod 7, and returns θ.
std::vector<double> run_quadratic(std::size_t size, int steps, double unit = 1) {
  NetworkRun run(untrained_network_policy(), size, steps);
  std::vector<double> theta(size, 1.0);
  std::vector<double> gradient(size);
  for (int t = 0; t < steps; ++t) {
    double f = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const double c = 1.0 + static_cast<double>(i % 7);
      f += unit * c * theta[i] * theta[i];
      gradient[i] = unit * 2 * c * theta[i];
    }
    run.step(theta, gradient, f);
  }
  return theta;
}

TEST(NetworkRun, DescendsWhateverTheSizeAndTheUnitOfGradients) {
  for (std::size_t size : {1U, 3U, 16U, 17U, 1000U}) {
    const auto theta = run_quadratic(size, 200);
    for (double x : theta) EXPECT_LT(std::abs(x), 0.2) << size;
    EXPECT_EQ(run_quadratic(size, 200, 1024), theta) << "a power of two is exact";
  }
}

TEST(NetworkRun, PassesOverWhatIsNotFinite) {
  NetworkRun run(untrained_network_policy(), 2, 10);
  std::vector<double> theta{1, 1};
  run.step(theta, std::vector<double>{1, std::numeric_limits<double>::quiet_NaN()}, std::numeric_limits<double>::infinity());
  EXPECT_LT(theta[0], 1);
  EXPECT_EQ(theta[1], 1);
}

TEST(NetworkRun, TakesNoOtherPolicy) {
  EXPECT_THROW(NetworkRun(untrained_policy(), 2, 10), std::invalid_argument);
  EXPECT_THROW(NetworkRun(nullptr, 2, 10), std::invalid_argument);
}

}  // namespace
}  // namespace scout
