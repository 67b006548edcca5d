#include "scout/policy/coordinate/separable_surrogate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "scout/base/random.h"

namespace scout {
namespace {

/// Rippled quadratics: d/dx of (x - 0.3)² + 0.3 cos(6 π x), whose lowest point is near 0.17 or 0.5.
float rippled(float x) {
  const auto at = static_cast<double>(x);
  return static_cast<float>(2 * (at - 0.3) - 0.3 * 6 * std::numbers::pi * std::sin(6 * std::numbers::pi * at));
}
double value(double x) { return std::pow(x - 0.3, 2) + 0.3 * std::cos(6 * std::numbers::pi * x); }

TEST(SeparableSurrogate, FindTheLowestPlaceOfEveryCoordinateAtOnce) {
  SeparableSurrogate surrogate;
  surrogate.start(3, 128);
  std::vector<float> x(3);
  std::vector<float> g(3);
  for (int t = 0; t < 100; ++t) {
    // Evenly spread, and each coordinate at another place.
    for (std::size_t i = 0; i < 3; ++i)
      x[i] = static_cast<float>(2 * std::fmod(0.6180339887 * (t + 10.0 * static_cast<double>(i)), 1.0) - 1);
    g = {x[0] - 0.5F, rippled(x[1]), 2.0F};
    surrogate.add(x, g);
  }
  EXPECT_NEAR(surrogate.minimum()[0], 0.5, 1e-3);
  double lowest = -1;
  for (double at = -1; at < 1; at += 1e-3) lowest = value(at) < value(lowest) ? at : lowest;
  EXPECT_NEAR(value(static_cast<double>(surrogate.minimum()[1])), value(lowest), 0.05);
  EXPECT_LT(surrogate.minimum()[2], -0.9) << "a constant slope is lowest at its end";
  EXPECT_LT(surrogate.unexplained()[0], 1e-3);
  EXPECT_LT(surrogate.unexplained()[1], 0.3);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_GE(surrogate.height()[i], 0);
    EXPECT_LE(surrogate.height()[i], 1);
  }
  EXPECT_NEAR(surrogate.height()[2], (x[2] + 1) / 2, 0.05);
}

TEST(SeparableSurrogate, KnowWhatTheyCannotPredict) {
  SeparableSurrogate surrogate;
  surrogate.start(2, 64);
  Random random(Seed(2));
  for (int t = 0; t < 60; ++t) {
    const std::vector<float> x{static_cast<float>(random.normal()), static_cast<float>(random.normal())};
    // The first is a function of its own place; the second of the other's.
    surrogate.add(x, std::vector<float>{x[0], x[0]});
    if (t < 2) {
      EXPECT_EQ(surrogate.unexplained()[0], 1);
    }
  }
  EXPECT_LT(surrogate.unexplained()[0], 0.05);
  EXPECT_GT(surrogate.unexplained()[1], 0.5);
  EXPECT_NEAR(surrogate.mean_unexplained(),
              0.5 * static_cast<double>(surrogate.unexplained()[0] + surrogate.unexplained()[1]), 1e-6);
}

TEST(SeparableSurrogate, ForgetTheOldestSamples) {
  for (int capacity : {1, 2, 7}) {
    SeparableSurrogate full;
    SeparableSurrogate fresh;
    full.start(1, capacity);
    fresh.start(1, capacity);
    Random random(Seed(3));
    for (int t = 0; t < 50; ++t) full.add(std::vector<float>{static_cast<float>(random.normal())}, std::vector<float>{1});
    for (int t = 0; t < capacity; ++t) {
      const std::vector<float> x{static_cast<float>(random.normal())};
      const std::vector<float> g{static_cast<float>(random.normal())};
      full.add(x, g);
      fresh.add(x, g);
    }
    EXPECT_EQ(full.minimum()[0], fresh.minimum()[0]);
    EXPECT_FLOAT_EQ(full.height()[0], fresh.height()[0]);
  }
}

TEST(SeparableSurrogate, TakeAPointThatDoesNotMove) {
  SeparableSurrogate surrogate;
  surrogate.start(1, 8);
  for (int t = 0; t < 20; ++t) surrogate.add(std::vector<float>{1}, std::vector<float>{t % 2 == 0 ? 1.0F : -1.0F});
  EXPECT_EQ(surrogate.minimum()[0], 1);
  EXPECT_EQ(surrogate.height()[0], 0);
}

}  // namespace
}  // namespace scout
