// What the optimizers that explore do besides the conformance suite of table_test.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "scout/baseline/table.h"
#include "scout/baseline/test_optimizer.h"
#include "scout/optimizer/test_instance.h"

namespace scout {
namespace {

using Points = std::vector<std::vector<double>>;

/// The points that it asks about, from (-3, ..., -3).
Points visited(const std::string& name, const nlohmann::json& settings, const Instance& instance, int budget) {
  Oracle oracle(instance, budget);
  oracle.keep_trajectory();
  const auto m = static_cast<std::size_t>(instance.dimension());
  EXPECT_THROW(make_optimizer(name, settings)->run(oracle, std::vector<double>(m, -3.0), Seed(1)), BudgetExhausted);
  Points out;
  for (auto at = oracle.trajectory().begin(); at != oracle.trajectory().end(); at += static_cast<std::ptrdiff_t>(m)) {
    out.emplace_back(at, at + static_cast<std::ptrdiff_t>(m));
  }
  return out;
}

/// The coordinates in which they differ.
std::vector<std::size_t> differing(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i]) out.push_back(i);
  }
  return out;
}

TEST(ExplorerEnsemble, EachExplorerMovesAlongACoordinateOfItsOwn) {
  const TestInstance bowl = shifted_sphere(4);
  const nlohmann::json settings{{"explorers", 3},
                                {"coordinate_probability", 1e9},  // certain for most of the run
                                {"coordinate_probability_end", 0.99},
                                {"prune_after", 1000},
                                {"reset_after", 1000}};
  const Points points = visited("explorer-ensemble", settings, bowl, 120);
  ASSERT_EQ(points.size(), 60U) << "f and the gradient at each";
  EXPECT_EQ(points[0], std::vector<double>(4, -3.0)) << "the first starts where the run does";
  std::set<std::size_t> held;
  for (std::size_t explorer = 0; explorer < 3; ++explorer) {
    std::set<std::size_t> own;
    for (std::size_t k = explorer + 3; k < 45; k += 3) {
      const auto moved = differing(points[k], points[k - 3]);
      ASSERT_EQ(moved.size(), 1U);
      own.insert(moved.front());
    }
    EXPECT_EQ(own.size(), 1U);
    held.insert(own.begin(), own.end());
  }
  EXPECT_EQ(held.size(), 3U);
}

TEST(ExplorerEnsemble, SettlesByTheGradient) {
  const TestInstance bowl = shifted_sphere(3);
  Oracle oracle(bowl, 400);
  EXPECT_THROW(make_optimizer("explorer-ensemble", {{"explorers", 2}})->run(oracle, std::vector<double>(3, -3.0), Seed(1)),
               BudgetExhausted);
  EXPECT_LT(oracle.best_value(), 1e-3);
  EXPECT_EQ(oracle.calls(), 400);
}

TEST(Langevin, WithoutHeatIsGradientDescent) {
  const TestInstance bowl = shifted_sphere(2);
  const nlohmann::json rate{{"lr", 0.03}, {"schedule", "cosine"}};
  nlohmann::json cold = rate;
  cold["temperature"] = 0;
  const Points chain = visited("langevin", cold, bowl, 50), descent = visited("sgd", rate, bowl, 50);
  ASSERT_EQ(chain.size(), descent.size());
  for (std::size_t k = 0; k < chain.size(); ++k) {
    for (std::size_t i = 0; i < 2; ++i) EXPECT_NEAR(chain[k][i], descent[k][i], 1e-9);
  }
}

TEST(Langevin, TheNoiseHasVariance2hT) {
  // On a slope of 1 a step is h box widths down, and noise of sqrt(2 h T) box widths.
  const TestInstance slope(1, [](std::span<const double> theta, std::span<double> gradient) {
    gradient[0] = 1;
    return theta[0];
  });
  const double h = 0.01, temperature = 0.05, width = 10;
  const Points points =
      visited("langevin", {{"lr", h}, {"schedule", "constant"}, {"temperature", temperature}, {"cooling", 1}}, slope, 4001);
  double sum = 0, square = 0;
  for (std::size_t k = 1; k < points.size(); ++k) {
    const double step = (points[k][0] - points[k - 1][0]) / width;
    sum += step / 4000;
    square += step * step / 4000;
  }
  const double deviation = std::sqrt(2 * h * temperature);
  EXPECT_NEAR(sum, -h, 4 * deviation / std::sqrt(4000.0));
  EXPECT_NEAR(std::sqrt(square - sum * sum), deviation, 0.05 * deviation);
}

TEST(Langevin, CoolsDown) {
  const TestInstance bowl = shifted_sphere(2);
  const nlohmann::json settings{{"lr", 0.03}, {"schedule", "constant"}, {"temperature", 0.1}, {"cooling", 1e-6}};
  const Points points = visited("langevin", settings, bowl, 400);
  const auto step = [&](std::size_t k) {
    return std::hypot(points[k][0] - points[k - 1][0], points[k][1] - points[k - 1][1]);
  };
  EXPECT_GT(step(5), 100 * step(395));
}

TEST(CoverageSearch, LeavesNoTwoPointsNear) {
  const TestInstance bowl = shifted_sphere(2);
  const auto least_distance = [](const Points& points) {
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t a = 0; a < points.size(); ++a) {
      for (std::size_t b = 0; b < a; ++b) {
        least = std::min(least, std::hypot(points[a][0] - points[b][0], points[a][1] - points[b][1]));
      }
    }
    return least;
  };
  const double random = least_distance(visited("random-search", nlohmann::json::object(), bowl, 200));
  const double covering =
      least_distance(visited("coverage-search", {{"lr", 1e-4}, {"descent", 1}, {"candidates", 64}}, bowl, 200));
  EXPECT_GT(covering, 4 * random);
}

TEST(CoverageSearch, DescendsFromEachPlace) {
  const TestInstance bowl = shifted_sphere(2);
  const nlohmann::json settings{{"lr", 0.1}, {"schedule", "constant"}, {"descent", 10}, {"candidates", 8}};
  const Points points = visited("coverage-search", settings, bowl, 60);
  const auto f = [&](std::size_t k) { return bowl.true_value(points[k]); };
  for (std::size_t k = 0; k < 60; k += 10) EXPECT_LT(f(k + 9), f(k));
}

}  // namespace
}  // namespace scout
