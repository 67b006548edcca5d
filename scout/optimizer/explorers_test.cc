// What minimize promises of several explorers: everything that it promises of one, and that threads change nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <stdexcept>

#include "scout/optimizer/minimize.h"
#include "scout/policy/test_policy.h"

namespace scout {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

const std::vector<double> kStart{2, -3, 1};

/// Many minima; the least is 0, at 1.
double waves(std::span<const double> theta, std::span<double> gradient) {
  double f = 0;
  for (std::size_t i = 0; i < theta.size(); ++i) {
    const double d = theta[i] - 1;
    f += d * d + 2 * (1 - std::cos(5 * d));
    if (!gradient.empty()) gradient[i] = 2 * d + 10 * std::sin(5 * d);
  }
  return f;
}

MinimizeOptions options_for(std::int64_t budget, int explorers, int threads = 1) {
  MinimizeOptions options;
  options.budget = budget;
  options.explorers = explorers;
  options.threads = threads;
  options.lower.assign(3, -5);
  options.upper.assign(3, 5);
  options.history = true;
  return options;
}

/// As a user who evaluates points at once writes it.
void waves_at_once(std::span<const double> theta, std::span<double> values, std::span<double> gradients) {
  const std::size_t m = theta.size() / values.size();
  for (std::size_t b = 0; b < values.size(); ++b) {
    const bool wanted = b * m < gradients.size();
    values[b] = waves(theta.subspan(b * m, m), wanted ? gradients.subspan(b * m, m) : std::span<double>());
  }
}

void expect_same(const MinimizeSummary& a, const MinimizeSummary& b) {
  EXPECT_EQ(a.best_point, b.best_point);
  EXPECT_EQ(a.best_value, b.best_value);
  EXPECT_EQ(a.values, b.values);
  EXPECT_EQ(a.gradients, b.gradients);
  EXPECT_EQ(a.message, b.message);
  ASSERT_EQ(a.history.size(), b.history.size());
  for (std::size_t k = 0; k < a.history.size(); ++k) {
    ASSERT_EQ(a.history[k].theta, b.history[k].theta) << k;
    ASSERT_EQ(a.history[k].episode, b.history[k].episode) << k;
    ASSERT_EQ(a.history[k].calls, b.history[k].calls) << k;
  }
}

TEST(Explorers, FindTheLeastMinimumTogether) {
  const auto summary = minimize(waves, kStart, options_for(2000, 4));
  EXPECT_LT(summary.best_value, 1e-9);
  EXPECT_EQ(summary.best_value, waves(summary.best_point, {}));
  EXPECT_EQ(summary.status, MinimizeStatus::budget);
  EXPECT_EQ(summary.episodes, 4);
  EXPECT_LT(summary.relative_gradient, 1e-6);
  EXPECT_THAT(summary.message, HasSubstr("the best point is nearly stationary"));
}

TEST(Explorers, ThreadsAndBatchesChangeNothing) {
  const auto alone = minimize(waves, kStart, options_for(601, 5));
  for (const int threads : {2, 4, 0}) expect_same(minimize(waves, kStart, options_for(601, 5, threads)), alone);
  expect_same(minimize(BatchObjective(waves_at_once), kStart, options_for(601, 5)), alone);
  expect_same(minimize(waves_at_once, kStart, options_for(601, 5)), alone);
  expect_same(minimize(waves_at_once, kStart, options_for(200, 1)), minimize(waves, kStart, options_for(200, 1)));
}

TEST(Explorers, ASeedReproducesAllAndAnotherDrawsOtherPoints) {
  MinimizeOptions options = options_for(400, 3);
  const auto first = minimize(waves, kStart, options);
  expect_same(minimize(waves, kStart, options), first);
  options.seed = 1;
  EXPECT_NE(minimize(waves, kStart, options).history[1].theta, first.history[1].theta);
}

TEST(Explorers, AnotherStartDrawsOtherPoints) {
  const auto points = [](const std::vector<double>& start) {
    std::set<std::vector<double>> out;
    for (const auto& evaluation : minimize(waves, start, options_for(90, 3)).history) out.insert(evaluation.theta);
    return out;
  };
  const auto first = points(kStart);
  for (const auto& point : points({2, -3, 1.5})) EXPECT_FALSE(first.contains(point));
}

TEST(Explorers, APointWhoseGradientTurnsOutNotFiniteIsTakenBack) {
  // A value below 2 is told, its gradient is not a number. Runs in which such a gradient is asked for later than its value.
  int asked_later = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    MinimizeOptions options;
    options.seed = seed;
    options.budget = 10 + static_cast<std::int64_t>(seed % 3) * 12;
    options.explorers = 2 + static_cast<int>(seed % 3);
    std::set<double> valued, bad;
    const Objective bowl = [&](std::span<const double> theta, std::span<double> gradient) {
      const double d = theta[0] - 1;
      if (gradient.empty()) {
        valued.insert(theta[0]);
      } else {
        gradient[0] = d * d < 2 ? std::nan("") : 2 * d;
        if (d * d < 2) {
          bad.insert(theta[0]);
          asked_later += static_cast<int>(valued.contains(theta[0]));
        }
      }
      return d * d;
    };
    const auto summary = minimize(bowl, std::vector<double>{3}, options);
    ASSERT_EQ(summary.best_point.size(), 1U);
    EXPECT_FALSE(bad.contains(summary.best_point[0])) << "seed " << seed;
    EXPECT_EQ(summary.best_value, std::pow(summary.best_point[0] - 1, 2));
  }
  EXPECT_GT(asked_later, 0);
}

TEST(Explorers, BeginAtTheStartAndAtPointsOfTheRegion) {
  const auto summary = minimize(waves, kStart, options_for(300, 6));
  std::set<std::vector<double>> points;
  for (std::size_t k = 0; k < 6; ++k) {
    EXPECT_EQ(summary.history[k].episode, static_cast<int>(k) + 1);
    points.insert(summary.history[k].theta);
  }
  EXPECT_EQ(points.size(), 6U);
  EXPECT_EQ(summary.history[0].theta, kStart);
  std::map<int, int> asked;
  for (const auto& evaluation : summary.history) {
    ++asked[evaluation.episode];
    for (const double x : evaluation.theta) ASSERT_LE(std::abs(x), 5);
    points.insert(evaluation.theta);
  }
  for (const auto& [explorer, count] : asked) EXPECT_GE(count, 20) << explorer;
  EXPECT_GT(static_cast<double>(points.size()), 0.9 * static_cast<double>(summary.history.size())) << "they differ";
}

TEST(Explorers, TheBudgetIsThatOfAll) {
  for (const int explorers : {1, 2, 3, 7, 16, 100}) {
    for (const std::int64_t budget : {1, 2, 3, 5, 15, 16, 17, 31, 33, 100, 101, 250}) {
      std::int64_t values = 0, gradients = 0;
      const Objective counted = [&](std::span<const double> theta, std::span<double> gradient) {
        ++values;
        gradients += gradient.empty() ? 0 : 1;
        return waves(theta, gradient);
      };
      const auto summary = minimize(counted, kStart, options_for(budget, explorers));
      EXPECT_EQ(summary.values, values);
      EXPECT_EQ(summary.gradients, gradients);
      EXPECT_LE(summary.calls(), budget);
      EXPECT_GE(summary.calls(), budget - 1) << explorers;
      EXPECT_EQ(summary.episodes, std::min<std::int64_t>(budget, explorers));
      EXPECT_EQ(summary.status, MinimizeStatus::budget);
      EXPECT_EQ(summary.history.size(), static_cast<std::size_t>(values));
      EXPECT_EQ(summary.history.back().calls, summary.calls());
    }
  }
}

TEST(Explorers, ABatchIsARound) {
  std::vector<std::size_t> sizes;
  const auto summary = minimize(
      [&](std::span<const double> theta, std::span<double> values, std::span<double> gradients) {
        sizes.push_back(values.size());
        EXPECT_EQ(theta.size(), 3 * values.size());
        EXPECT_EQ(gradients.size() % 3, 0U);
        EXPECT_LE(gradients.size(), theta.size());
        waves_at_once(theta, values, gradients);
      },
      kStart, options_for(800, 8));
  EXPECT_EQ(sizes.front(), 8U);
  EXPECT_LT(static_cast<double>(sizes.size()), 1.2 * static_cast<double>(summary.values) / 8) << "most are full";
}

TEST(Explorers, TheRestOfTheLastRoundCounts) {
  MinimizeOptions options = options_for(1000, 4);
  int calls = 0;
  options.callback = [&](const MinimizeProgress& progress) {
    ++calls;
    EXPECT_EQ(progress.summary.values, calls);
    EXPECT_EQ(progress.value, waves(progress.theta, {}));
    return calls < 6;
  };
  const auto stopped = minimize(waves, kStart, options);
  EXPECT_EQ(stopped.status, MinimizeStatus::stopped);
  EXPECT_EQ(calls, 6) << "no more after it asked to stop";
  EXPECT_EQ(stopped.values, 8) << "two rounds";
  EXPECT_EQ(stopped.history.size(), 8U);
  EXPECT_THAT(stopped.message, HasSubstr("8 values"));
  double least = INFINITY;
  for (const auto& evaluation : stopped.history) least = std::min(least, evaluation.value);
  EXPECT_EQ(stopped.best_value, least);

  options.callback = nullptr;
  options.target = 5;
  const auto reached = minimize(waves, kStart, options);
  EXPECT_EQ(reached.status, MinimizeStatus::target);
  EXPECT_LE(reached.best_value, 5);
  EXPECT_LT(reached.calls(), 1000);
}

TEST(Explorers, StopForWantOfProgressAtTheToleranceAndInTime) {
  MinimizeOptions options = options_for(100000, 4);
  options.history = false;
  options.patience = 400;
  const auto stagnated = minimize(waves, kStart, options);
  EXPECT_EQ(stagnated.status, MinimizeStatus::stagnated);
  EXPECT_LT(stagnated.calls(), 10000);
  options.patience = 0;
  options.gradient_tolerance = 1e-6;
  const auto converged = minimize(waves, kStart, options);
  EXPECT_EQ(converged.status, MinimizeStatus::converged);
  EXPECT_LE(converged.relative_gradient, 1e-6);
  options = options_for(1000000000, 4, 2);
  options.history = false;
  options.max_seconds = 0.02;
  const auto late = minimize(waves, kStart, options);
  EXPECT_EQ(late.status, MinimizeStatus::time);
  EXPECT_GE(late.seconds, 0.02);
}

TEST(Explorers, KeepToBoundsAndLeaveFixedCoordinates) {
  MinimizeOptions options = options_for(500, 5);
  options.lower = {-INFINITY, -3, 1.5};
  options.upper = {INFINITY, -3, 4};
  const auto summary = minimize(waves, std::vector<double>{2, -3, 2}, options);
  for (const auto& evaluation : summary.history) {
    EXPECT_EQ(evaluation.theta[1], -3);
    EXPECT_GE(evaluation.theta[2], 1.5);
    EXPECT_LE(evaluation.theta[2], 4);
  }
  EXPECT_NEAR(summary.best_point[0], 1, 1e-4);
  const auto edge = minimize(
      [](std::span<const double> theta, std::span<double> gradient) {
        if (!gradient.empty()) gradient[0] = gradient[1] = gradient[2] = 1;
        return theta[0] + theta[1] + theta[2];
      },
      kStart, options_for(300, 5));
  EXPECT_EQ(edge.at_bounds, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(edge.best_value, -15);
}

TEST(Explorers, WhatIsNotFiniteIsCountedAndNeverTheBest) {
  for (const double bad : {std::nan(""), double{INFINITY}, -double{INFINITY}}) {
    std::int64_t met = 0;
    const Objective patchy = [&](std::span<const double> theta, std::span<double> gradient) {
      const double f = waves(theta, gradient);
      const bool slope = theta[1] < 0 && !gradient.empty();
      if (theta[0] > 1.5 || slope) ++met;
      if (slope) gradient[1] = bad;
      return theta[0] > 1.5 ? bad : f;
    };
    const auto summary = minimize(patchy, kStart, options_for(600, 4));
    EXPECT_GT(met, 0);
    EXPECT_EQ(summary.non_finite, met);
    EXPECT_TRUE(std::isfinite(summary.best_value));
    EXPECT_LE(summary.best_point[0], 1.5);
    EXPECT_LT(summary.best_value, 5);
  }
  const auto never = minimize([](auto, auto) { return std::nan(""); }, kStart, options_for(90, 4));
  EXPECT_EQ(never.status, MinimizeStatus::never_finite);
  EXPECT_TRUE(never.best_point.empty());
  EXPECT_EQ(never.non_finite, never.values);
}

TEST(Explorers, AnExceptionComesOutUnchangedWhateverTheThreads) {
  MinimizeSummary first;
  for (const int threads : {1, 2, 4}) {
    // Thrown by the answer, not by the number of the call, which threads change.
    const Objective throwing = [](std::span<const double> theta, std::span<double> gradient) {
      const double f = waves(theta, gradient);
      if (f < 8) throw f;
      return f;
    };
    MinimizeSummary summary;
    try {
      minimize(throwing, kStart, options_for(1000, 4, threads), summary);
      FAIL();
    } catch (const double f) {
      EXPECT_LT(f, 8);
    }
    EXPECT_EQ(summary.status, MinimizeStatus::threw);
    EXPECT_EQ(summary.history.size() + 1, static_cast<std::size_t>(summary.values));
    EXPECT_GE(summary.best_value, 8);
    if (threads == 1) first = summary;
    expect_same(summary, first);
  }
  MinimizeSummary summary;
  const BatchObjective broken = [](std::span<const double> theta, std::span<double> values, std::span<double> gradients) {
    waves_at_once(theta, values, gradients);
    if (!gradients.empty()) throw std::logic_error("broken");
  };
  EXPECT_THROW(minimize(broken, kStart, options_for(1000, 4), summary), std::logic_error);
  EXPECT_EQ(summary.values % 4, 0) << "the whole round is counted";
  EXPECT_EQ(summary.history.size() + 4, static_cast<std::size_t>(summary.values));
  MinimizeOptions options = options_for(1000, 4);
  options.callback = [](const MinimizeProgress&) -> bool { throw std::logic_error("callback"); };
  EXPECT_THROW(minimize(waves, kStart, options), std::logic_error);
}

TEST(Explorers, BadOptionsAreNamed) {
  const auto says = [](const char* a, const char* b, const char* c) {
    return ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr(a), HasSubstr(b), HasSubstr(c)));
  };
  for (const int explorers : {0, -3}) {
    EXPECT_THAT([&] { minimize(waves, kStart, options_for(10, explorers)); },
                says("explorers", std::to_string(explorers).c_str(), "at least 1"));
  }
  EXPECT_THAT([] { minimize(waves, kStart, options_for(10, 2, -1)); }, says("threads", "-1", "0"));
  EXPECT_THAT([] { minimize(BatchObjective(), kStart, options_for(10, 2)); }, says("objective", "empty", "called"));
  MinimizeOptions options = options_for(10, 2);
  options.policy = untrained_policy();
  EXPECT_THAT([&] { minimize(waves, kStart, options); }, says("explorers", "2", "rule 'coordinate'"));
  options.explorers = 1;
  EXPECT_EQ(minimize(waves_at_once, kStart, options).best_value, minimize(waves, kStart, options).best_value);
}

}  // namespace
}  // namespace scout
