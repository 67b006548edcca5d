#include "scout/policy/coordinate/quadratic_surrogate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "scout/base/random.h"

namespace scout {
namespace {

/// Points uniform in [-1, 1]^M + offset.
std::vector<float> point(Random& random, std::size_t m, double offset = 0) {
  std::vector<float> x(m);
  for (float& v : x) v = static_cast<float>(offset + random.uniform(-1, 1));
  return x;
}

/// 5 + 3 |x - c|², c_i = 0.1 i - 0.2.
double quadratic(const std::vector<float>& x) {
  double sum = 5;
  for (std::size_t i = 0; i < x.size(); ++i)
    sum += 3 * std::pow(static_cast<double>(x[i]) - 0.1 * static_cast<double>(i) + 0.2, 2);
  return sum;
}

TEST(QuadraticSurrogate, FindsTheCentreExactlyWhicheverWayTheMatrixIsApplied) {
  for (const auto& [dimension, capacity] : {std::pair{1, 128}, {5, 128}, {10, 128}, {12, 16}, {15, 20}}) {
    Random random(Seed(1));
    QuadraticSurrogate fit;
    fit.start(dimension, capacity);
    const auto m = static_cast<std::size_t>(dimension);
    // The first points, with values of something else, have been overwritten by the end.
    for (int t = 0; t < capacity; ++t) fit.add(point(random, m, 1), random.normal());
    for (int t = 0; t < capacity; ++t) {
      const auto x = point(random, m, 0.3);
      fit.add(x, quadratic(x));
    }
    for (std::size_t i = 0; i < m; ++i) EXPECT_NEAR(fit.centre()[i], 0.1 * static_cast<double>(i) - 0.2, 1e-3);
    if (capacity > dimension + 2) {
      EXPECT_LT(fit.unexplained(), 1e-6) << dimension << ", " << capacity;
    }
  }
}

TEST(QuadraticSurrogate, SeesTheBowlUnderRipples) {
  Random random(Seed(2));
  QuadraticSurrogate fit;
  fit.start(8, 128);
  for (int t = 0; t < 100; ++t) {
    const auto x = point(random, 8);
    fit.add(x, quadratic(x) + 0.1 * random.normal());
  }
  // Ripples 0.1, h = 3, R = 0.6, N = 100: some 0.1 / (2 · 3 · 0.6 · 10) a coordinate.
  for (std::size_t i = 0; i < 8; ++i) EXPECT_NEAR(fit.centre()[i], 0.1 * static_cast<double>(i) - 0.2, 0.02);
  // The variance of f is some 18.
  EXPECT_GT(fit.unexplained(), 1e-4);
  EXPECT_LT(fit.unexplained(), 3e-3);
}

TEST(QuadraticSurrogate, ExplainsNothingOfNoise) {
  Random random(Seed(3));
  QuadraticSurrogate fit;
  fit.start(10, 128);
  double sum = 0;
  for (int t = 0; t < 100; ++t) {
    fit.add(point(random, 10), random.normal());
    if (t <= 11) {
      EXPECT_EQ(fit.unexplained(), 1) << "no more points than unknowns";
    }
    if (t >= 50) sum += fit.unexplained() / 50;
  }
  EXPECT_GT(sum, 0.7);
}

TEST(QuadraticSurrogate, LeavesAHillDownhillAndNotTooFar) {
  Random random(Seed(4));
  QuadraticSurrogate fit;
  fit.start(4, 128);
  for (int t = 0; t < 60; ++t) {
    const auto x = point(random, 4);
    fit.add(x, -quadratic(x));
  }
  // The summit is at (-0.2, -0.1, 0, 0.1); the points' mean is near the origin, so that downhill is away from it.
  const auto centre = fit.centre();
  EXPECT_GT(centre[0], 0.3);
  EXPECT_LT(centre[3], -0.1);
  double square = 0;
  for (float c : centre) square += static_cast<double>(c * c) / 4;
  EXPECT_NEAR(std::sqrt(square), 3 * std::sqrt(1.0 / 3), 0.2);
}

TEST(QuadraticSurrogate, StaysFiniteWhereThereIsNothingToFit) {
  for (double value : {0.0, 1e150, -1e150, 1e-300}) {
    QuadraticSurrogate fit;
    fit.start(3, 16);
    for (int t = 0; t < 40; ++t) fit.add(std::vector<float>{1, 2, 3}, t % 2 == 0 ? value : -value);
    for (float c : fit.centre()) EXPECT_TRUE(std::isfinite(c));
    fit.start(3, 16);
    Random random(Seed(5));
    for (int t = 0; t < 40; ++t) fit.add(point(random, 3), value);
    for (float c : fit.centre()) EXPECT_TRUE(std::isfinite(c));
    EXPECT_EQ(fit.unexplained(), 1);
  }
}

}  // namespace
}  // namespace scout
