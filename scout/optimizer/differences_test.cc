// What minimize promises of an objective that gives values alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "scout/optimizer/minimize.h"
#include "scout/policy/test_policy.h"

namespace scout {
namespace {

double rosenbrock(std::span<const double> x) {
  double f = 0;
  for (std::size_t i = 0; i + 1 < x.size(); ++i) {
    f += 100 * std::pow(x[i + 1] - x[i] * x[i], 2) + std::pow(1 - x[i], 2);
  }
  return f;
}

MinimizeOptions options_for(std::int64_t budget) {
  MinimizeOptions options;
  options.budget = budget;
  options.differences = true;
  options.history = true;
  return options;
}

TEST(MinimizeByDifferences, NeedsNoGradient) {
  std::int64_t calls = 0;
  const auto f = [&](std::span<const double> x, std::span<double> gradient) {
    EXPECT_TRUE(gradient.empty());
    ++calls;
    return rosenbrock(x);
  };
  const auto summary = minimize(f, std::vector<double>{-1.2, 1, -1.2, 1}, options_for(3000));
  EXPECT_LT(summary.best_value, 1e-9);
  EXPECT_EQ(summary.values, calls);
  EXPECT_EQ(summary.gradients, 0);
  EXPECT_LE(calls, 3000);
  EXPECT_GT(calls, 3000 - 5) << "a value and its gradient cost five";
}

TEST(MinimizeByDifferences, StaysWithinBoundsAndLeavesFixedCoordinates) {
  MinimizeOptions options = options_for(400);
  options.lower = {-2, 0.5, -2};
  options.upper = {0, 0.5, 2};
  const auto f = [&](std::span<const double> x, std::span<double>) {
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_GE(x[i], options.lower[i]);
      EXPECT_LE(x[i], options.upper[i]);
    }
    return (x[0] - 1) * (x[0] - 1) + x[2] * x[2];
  };
  const auto summary = minimize(f, std::vector<double>{0, 0.5, 1}, options);
  EXPECT_NEAR(summary.best_value, 1, 1e-9);
  EXPECT_THAT(summary.at_bounds, testing::ElementsAre(0));
}

TEST(MinimizeByDifferences, ThreadsAndBatchesChangeNothing) {
  const std::vector<double> start{2, -1, 3};
  const auto f = [](std::span<const double> x, std::span<double>) { return rosenbrock(x); };
  const auto usual = minimize(f, start, options_for(500));
  for (const int threads : {2, 4}) {
    MinimizeOptions options = options_for(500);
    options.threads = threads;
    EXPECT_EQ(minimize(f, start, options).best_point, usual.best_point) << threads;
  }
  const BatchObjective batch = [](std::span<const double> theta, std::span<double> values, std::span<double> gradients) {
    EXPECT_TRUE(gradients.empty());
    for (std::size_t b = 0; b < values.size(); ++b) values[b] = rosenbrock(theta.subspan(3 * b, 3));
  };
  EXPECT_EQ(minimize(batch, start, options_for(500)).best_point, usual.best_point);
}

TEST(MinimizeByDifferences, WhatTheObjectiveThrowsComesOut) {
  for (const int last : {0, 7, 30}) {
    std::atomic<int> calls = 0;
    const auto f = [&](std::span<const double> x, std::span<double>) {
      if (calls++ == last) throw std::runtime_error("out of order");
      return rosenbrock(x);
    };
    MinimizeSummary summary;
    EXPECT_THROW(minimize(f, std::vector<double>{1, 2}, options_for(100), summary), std::runtime_error);
    EXPECT_EQ(summary.status, MinimizeStatus::threw);
  }
}

TEST(MinimizeByDifferences, WhereNothingIsFiniteItSaysSo) {
  const auto f = [](std::span<const double>, std::span<double>) { return std::nan(""); };
  EXPECT_EQ(minimize(f, std::vector<double>{1, 2}, options_for(100)).status, MinimizeStatus::never_finite);
}

TEST(MinimizeByDifferences, NarrowBoxesFarFromZeroAreKept) {
  for (const double width : {1000.0, 1.0, 0.02, 1e-9}) {
    const double low = 2451545, high = low + width;  // days
    ASSERT_GT(high, low);
    MinimizeOptions options = options_for(300);
    options.lower = {low, -1};
    options.upper = {high, 1};
    const auto f = [&](std::span<const double> x, std::span<double>) {
      EXPECT_TRUE(x[0] >= low && x[0] <= high) << x[0] - low << " of " << width;
      const double z = (x[0] - low) / (high - low) - 0.3;
      return z * z + (z + x[1]) * (z + x[1]);
    };
    const auto summary = minimize(f, std::vector<double>{high, 0.5}, options);
    EXPECT_LT(summary.best_value, width < 1e-6 ? 0.1 : 1e-6) << width;
  }
}

TEST(MinimizeByDifferences, CallsThatCoverNoGradientGoToValues) {
  for (const int budget : {1, 13, 60, 120}) {
    const std::vector<double> start(60, 1.0);
    const auto sphere = [](std::span<const double> x, std::span<double>) {
      double f = 0;
      for (const double z : x) f += z * z;
      return f;
    };
    EXPECT_EQ(minimize(sphere, start, options_for(budget)).values, budget);
  }
}

TEST(MinimizeByDifferences, AfterAnErrorThreadsChangeNothing) {
  for (int last = 0; last < 60; ++last) {
    std::vector<std::pair<double, std::int64_t>> ends;
    for (const int threads : {1, 3}) {
      MinimizeOptions options = options_for(200);
      options.explorers = 3;
      options.threads = threads;
      options.lower.assign(2, 0);
      options.upper.assign(2, 1);
      MinimizeSummary summary;
      const auto f = [&](std::span<const double> x, std::span<double>) {
        if (x[0] + x[1] < 0.02 * last) throw std::runtime_error("out of order");
        return (x[0] - 0.3) * (x[0] - 0.3) + 3 * (x[1] - 0.6) * (x[1] - 0.6);
      };
      try {
        minimize(f, std::vector<double>{0.5, 0.5}, options, summary);
      } catch (const std::runtime_error&) {
      }
      ends.emplace_back(summary.best_value, summary.values);
    }
    EXPECT_EQ(ends[0], ends[1]) << last;
  }
}

TEST(MinimizeByDifferences, APointIsNoWorseForWhatIsBesideIt) {
  MinimizeOptions options = options_for(60);
  const auto f = [](std::span<const double> x, std::span<double>) {
    return x[0] > 1 && x[0] < 1 + 1e-6 ? std::nan("") : x[0] * x[0] + 1;
  };
  const auto summary = minimize(f, std::vector<double>{1}, options);
  EXPECT_LE(summary.best_value, 2);
}

TEST(MinimizeByDifferences, PoliciesThatStepAreRefused) {
  MinimizeOptions options = options_for(100);
  options.policy = untrained_policy(20);
  const auto f = [](std::span<const double> x, std::span<double>) { return rosenbrock(x); };
  EXPECT_THAT(
      [&] {
        minimize(f, std::vector<double>{1, 2}, options);
      },
      testing::ThrowsMessage<std::invalid_argument>(testing::HasSubstr("differences")));
}

}  // namespace
}  // namespace scout
