#include "scout/problem/quadratic_family.h"

#include <gtest/gtest.h>

#include <cmath>

namespace scout {
namespace {

/// Of f over many instances, at the origin (Σ y²) and along a unit vector away from there (Σ (w - y)²).
TEST(QuadraticFamily, EntriesHaveTheMomentsOfTheirLaws) {
  constexpr int kDimension = 10;
  constexpr std::uint64_t kInstances = 2000;
  for (const bool uniform : {false, true}) {
    const auto family = quadratic_family(uniform);
    double at_origin = 0, at_unit = 0, slope = 0;
    for (std::uint64_t index = 0; index < kInstances; ++index) {
      const auto instance = family->sample(Split::train, index, kDimension);
      std::vector<double> theta(kDimension), gradient(kDimension);
      double f = 0;
      instance->evaluate(theta, {&f, 1}, gradient);
      at_origin += f / (kDimension * kInstances);
      slope += gradient[3] / (kDimension * kInstances);
      theta[3] = 1;
      at_unit += instance->true_value(theta) / (kDimension * kInstances);
    }
    // E y², E (w - y)², E -2 w y.
    EXPECT_NEAR(at_origin, uniform ? 1.0 / 3 : 1.0, 0.04);
    EXPECT_NEAR(at_unit, uniform ? 1.0 / 6 : 2.0, 0.08);
    EXPECT_NEAR(slope, uniform ? -0.5 : 0.0, 0.05);
  }
}

TEST(QuadraticFamily, StartsNearTheOrigin) {
  const auto instance = quadratic_family(false)->sample(Split::test, 0, 10);
  Random random(Seed(1));
  double square = 0;
  std::vector<double> theta(10);
  for (int k = 0; k < 200; ++k) {
    instance->sample_start(random, theta);
    for (const double x : theta) square += x * x / 2000;
  }
  EXPECT_NEAR(std::sqrt(square), 0.01, 0.001);
  EXPECT_EQ(instance->optimum_value(), 0.0);
  EXPECT_TRUE(instance->optimum().empty());
}

}  // namespace
}  // namespace scout
