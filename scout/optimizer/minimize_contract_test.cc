// What minimize promises whatever the policy, and what it does with the one that comes with the library.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "scout/optimizer/minimize.h"
#include "scout/policy/test_policy.h"

namespace scout {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::vector<double> kStart{2, -3, 1};

double sphere(std::span<const double> theta, std::span<double> gradient) {
  double f = 0;
  for (std::size_t i = 0; i < theta.size(); ++i) {
    f += (theta[i] - 1) * (theta[i] - 1);
    if (!gradient.empty()) gradient[i] = 2 * (theta[i] - 1);
  }
  return f;
}

MinimizeOptions options_for(std::int64_t budget, std::shared_ptr<const Policy> policy = nullptr) {
  MinimizeOptions options;
  options.policy = std::move(policy);
  options.budget = budget;
  options.history = true;
  return options;
}

TEST(MinimizeContract, AWarmStartMayLieInTheSummaryItself) {
  MinimizeSummary summary;
  minimize(sphere, kStart, options_for(100, untrained_policy()), summary);
  const auto best = summary.best_point;
  minimize(sphere, summary.best_point, options_for(100, untrained_policy()), summary);
  EXPECT_EQ(summary.history.front().theta, best);
}

TEST(MinimizeContract, ARefusedCallLeavesTheSummary) {
  MinimizeSummary summary;
  MinimizeOptions options;
  options.budget = 100;
  minimize(sphere, kStart, options, summary);
  const MinimizeSummary before = summary;
  const auto refused = [&](const MinimizeOptions& bad) {
    EXPECT_THROW(minimize(sphere, summary.best_point, bad, summary), std::invalid_argument);
    EXPECT_EQ(summary.best_point, before.best_point);
    EXPECT_EQ(summary.message, before.message);
    EXPECT_EQ(summary.status, before.status);
  };
  MinimizeOptions bad = options;
  bad.budget = 0;
  refused(bad);
  bad = options;
  bad.lower.assign(kStart.size(), 1e6);
  bad.upper.assign(kStart.size(), 2e6);
  refused(bad);
  bad = options_for(100, untrained_policy());
  bad.explorers = 3;
  refused(bad);
}

TEST(MinimizeContract, EqualBoundsFixACoordinateAndInfiniteOnesAreNone) {
  MinimizeOptions options = options_for(400);
  options.lower = {-INFINITY, -3, 1.5};
  options.upper = {INFINITY, -3, INFINITY};
  const auto summary = minimize(sphere, std::vector<double>{2, -3, 4}, options);
  for (const auto& evaluation : summary.history) {
    EXPECT_EQ(evaluation.theta[1], -3);
    EXPECT_GE(evaluation.theta[2], 1.5);
  }
  EXPECT_NEAR(summary.best_point[0], 1, 1e-6);
  EXPECT_EQ(summary.best_point[2], 1.5);
  EXPECT_EQ(summary.at_bounds, std::vector<int>{2});
  EXPECT_THAT(summary.message, HasSubstr("1 coordinate lies on a bound"));
}

// The policy that comes with the library.
TEST(MinimizeContract, WithoutAPolicyItFindsMinimaFarAwayAndOfAnyScale) {
  const Objective far = [](std::span<const double> theta, std::span<double> gradient) {
    const double d[]{theta[0] - 1e4, theta[1] - 3e-5};
    if (!gradient.empty()) gradient[0] = 2 * d[0], gradient[1] = 2e18 * d[1];
    return d[0] * d[0] + 1e18 * d[1] * d[1];
  };
  MinimizeOptions options = options_for(500);
  const auto summary = minimize(far, std::vector<double>{0, 1e-5}, options);
  EXPECT_LT(summary.best_value, 1e-8);
  EXPECT_LT(summary.relative_gradient, 1e-6);
  EXPECT_THAT(summary.message, HasSubstr("the best point is nearly stationary"));
  options.budget = 4;
  EXPECT_THAT(minimize(far, std::vector<double>{0, 1e-5}, options).message, Not(HasSubstr("nearly")));
}

TEST(MinimizeContract, WithoutAPolicyTheScalesOfThetaAndFDoNotMatter) {
  const auto solved = [](double theta_scale, double f_scale, double shift) {
    const Objective objective = [=](std::span<const double> theta, std::span<double> gradient) {
      double f = 0;
      for (std::size_t i = 0; i < theta.size(); ++i) {
        const double z = theta[i] / (i % 2 == 0 ? theta_scale : 1 / theta_scale) - 1;
        f += z * z + 0.2 * (1 - std::cos(8 * z));
        if (!gradient.empty()) {
          gradient[i] = f_scale * (2 * z + 1.6 * std::sin(8 * z)) / (i % 2 == 0 ? theta_scale : 1 / theta_scale);
        }
      }
      return shift + f_scale * f;
    };
    const std::vector<double> x0{3 * theta_scale, -2 / theta_scale, 1.7 * theta_scale, 0.4 / theta_scale};
    return (minimize(objective, x0, options_for(600)).best_value - shift) / f_scale;
  };
  for (const double theta_scale : {1.0, 1e-6, 1e6}) EXPECT_LT(solved(theta_scale, 1, 0), 1e-9) << theta_scale;
  for (const double f_scale : {1e-6, 1e6}) EXPECT_LT(solved(1, f_scale, 0), 1e-9) << f_scale;
  EXPECT_LT(solved(1, 1, 1e6), 1e-8);
}

TEST(MinimizeContract, AGradientThatIsToldLaterCounts) {
  MinimizeOptions options = options_for(400);
  options.gradient_tolerance = 1e-6;
  for (const std::vector<double>& start : {std::vector<double>{1, 1, 1}, kStart}) {
    EXPECT_EQ(minimize(sphere, start, options).status, MinimizeStatus::converged);
  }
  const Objective top = [](std::span<const double> theta, std::span<double> gradient) {  // a maximum at the start
    if (!gradient.empty()) gradient[0] = -std::sin(theta[0]);
    return std::cos(theta[0]);
  };
  EXPECT_EQ(minimize(top, std::vector<double>{0}, options).status, MinimizeStatus::converged);
}

TEST(MinimizeContract, ATargetIsReachedByAValueAlone) {
  MinimizeOptions options = options_for(20);
  options.target = INFINITY;
  int calls = 0;
  options.callback = [&](const MinimizeProgress&) { return ++calls, true; };
  EXPECT_EQ(minimize([](auto, auto) { return NAN; }, kStart, options).status, MinimizeStatus::never_finite);
  calls = 0;
  EXPECT_EQ(minimize(sphere, kStart, options).status, MinimizeStatus::target);
  EXPECT_EQ(calls, 1) << "the callback sees that evaluation too";
}

TEST(MinimizeContract, WhereFFallsForEverThetaStaysANumber) {
  const Objective falling = [](std::span<const double> theta, std::span<double> gradient) {
    if (!gradient.empty()) gradient[0] = -1e-299;
    return -theta[0] * 1e-299;
  };
  const auto summary = minimize(falling, std::vector<double>{1e299}, options_for(300));
  for (const auto& evaluation : summary.history) ASSERT_TRUE(std::isfinite(evaluation.theta[0]));
}

TEST(MinimizeContract, StopsWhereNothingIsGained) {
  MinimizeOptions options = options_for(100000);
  options.patience = 300;
  const auto stagnated = minimize(sphere, kStart, options);
  EXPECT_EQ(stagnated.status, MinimizeStatus::stagnated);
  EXPECT_LT(stagnated.calls(), 1000);
  EXPECT_THAT(stagnated.message, HasSubstr("300 calls brought no lower value"));
  options.patience = 0;
  options.gradient_tolerance = 1e-8;
  const auto converged = minimize(sphere, kStart, options);
  EXPECT_EQ(converged.status, MinimizeStatus::converged);
  EXPECT_LE(converged.relative_gradient, 1e-8);
  EXPECT_LT(converged.calls(), 100);
}

TEST(MinimizeContract, WhereFFallsForEverPointsStayNumbers) {
  const auto sum = [](std::span<const double> x, std::span<double> gradient) {
    double f = 0;
    for (const double z : x) {
      EXPECT_FALSE(std::isnan(z));
      f += z;
    }
    std::ranges::fill(gradient, 1.0);
    return f;
  };
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    MinimizeOptions options;
    options.budget = 500;
    options.seed = seed;
    minimize(sum, std::vector<double>(6, 1.0), options);
  }
}

}  // namespace
}  // namespace scout
