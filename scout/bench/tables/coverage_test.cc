#include "scout/bench/tables/coverage.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "scout/optimizer/test_instance.h"

namespace scout::bench {
namespace {

const std::vector<double> kZeros(3, 0.0), kOnes(3, 1.0);

/// In the unit box.
Points unit(const std::vector<double>& theta, std::size_t dimension) {
  return {theta, std::span(kZeros).first(dimension), std::span(kOnes).first(dimension)};
}

/// Σ (θ_i² - 4)²/16 - tilt θ_i: a well near -2 and one near 2 along each coordinate; the latter is deeper.
TestInstance wells(int dimension, double tilt = 0.1) {
  return TestInstance(dimension, [tilt](std::span<const double> theta, std::span<double> gradient) {
    double f = 0;
    for (std::size_t i = 0; i < theta.size(); ++i) {
      const double w = theta[i] * theta[i] - 4;
      f += w * w / 16 - tilt * theta[i];
      gradient[i] = w * theta[i] / 4 - tilt;
    }
    return f;
  });
}

TEST(Entropy, IsTheFormulasOnAFewPoints) {
  // ψ(2) - ψ(1) = 1, the unit ball has length 2, and both distances are 1/2.
  EXPECT_NEAR(nearest_neighbour_entropy(unit({0.25, 0.75}, 1)), 1 + std::log(2.0) + std::log(0.5), 1e-12);
  // Second neighbours at 1, 3/4 and 1; ψ(3) - ψ(2) = 1/2.
  EXPECT_NEAR(nearest_neighbour_entropy(unit({0, 0.25, 1}, 1), 2), 0.5 + std::log(2.0) + std::log(0.75) / 3, 1e-12);
  // In the plane the unit ball has area π.
  EXPECT_NEAR(nearest_neighbour_entropy(unit({0, 0, 0.3, 0.4}, 2)), 1 + std::log(M_PI) + 2 * std::log(0.5), 1e-12);
}

TEST(Entropy, IsThatOfTheDistribution) {
  Random random(Seed(1));
  std::vector<double> whole, part;
  for (int i = 0; i < 2 * 1500; ++i) {
    whole.push_back(random.uniform());
    part.push_back(0.3 + 0.25 * random.uniform());
  }
  EXPECT_NEAR(nearest_neighbour_entropy(unit(whole, 2)), 0, 0.1);
  EXPECT_NEAR(nearest_neighbour_entropy(unit(part, 2)), 2 * std::log(0.25), 0.1);
}

TEST(Entropy, DoesNotDependOnTheBoxesUnit) {
  const std::vector<double> theta{0.1, 0.2, 0.5, 0.9, 0.3, 0.3}, low{-10, 0}, high{10, 5};
  std::vector<double> stretched = theta;
  for (std::size_t i = 0; i < theta.size(); ++i) stretched[i] = i % 2 == 0 ? -10 + 20 * theta[i] : 5 * theta[i];
  EXPECT_NEAR(nearest_neighbour_entropy({stretched, low, high}), nearest_neighbour_entropy(unit(theta, 2)), 1e-12);
}

TEST(Entropy, OfFewPointsOrEqualOnes) {
  EXPECT_EQ(nearest_neighbour_entropy(unit({0.5}, 1)), -std::numeric_limits<double>::infinity());
  EXPECT_NEAR(nearest_neighbour_entropy(unit({0.5, 0.5}, 1)), 1 + std::log(2.0) + std::log(1e-9), 1e-12);
}

TEST(Cells, AreCountedOnce) {
  EXPECT_EQ(occupied_cells(unit({0, 0, 0.4, 0.4, 1, 1, 0.6, 0.1}, 2), 2), 3);
  EXPECT_EQ(occupied_cells(unit({0.1, 0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9}, 3), 2), 3);
  EXPECT_EQ(occupied_cells(unit({-0.1, 0.5, 0.5, 1.1}, 2), 2), 0) << "outside the box";
}

TEST(Spread, IsTheDistanceFromTheCentre) {
  EXPECT_DOUBLE_EQ(spread(unit({0, 1}, 1)), 0.5);
  EXPECT_DOUBLE_EQ(spread(unit({0, 0, 0.6, 0.8}, 2)), 0.5);
  EXPECT_DOUBLE_EQ(spread(unit({0.7, 0.7}, 2)), 0);
}

TEST(PointsInBox, LeavesOutWhatIsElsewhereOrNotFinite) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const TestInstance instance = wells(2);
  const std::vector<double> theta{1, 2, 1, 6, nan, 0, -5, 5};
  EXPECT_EQ(points_in_box(theta, instance), (std::vector<double>{1, 2, -5, 5}));
}

TEST(Descend, StaysInItsWell) {
  const TestInstance instance = wells(2, 0);
  for (const double start : {-4.9, -0.2, 0.2, 4.9}) {
    const std::vector<double> end = descend(instance, std::vector<double>{start, 1.0});
    EXPECT_NEAR(end[0], start < 0 ? -2 : 2, 1e-4);
    EXPECT_NEAR(end[1], 2, 1e-4);
  }
}

TEST(Descend, FollowsAValley) {
  const TestInstance valley(2, [](std::span<const double> theta, std::span<double> gradient) {
    gradient[0] = 2 * theta[0];
    gradient[1] = 200 * theta[1];
    return theta[0] * theta[0] + 100 * theta[1] * theta[1];
  });
  const std::vector<double> end = descend(valley, std::vector<double>{4.0, 3.0});
  EXPECT_NEAR(end[0], 0, 0.05);
  EXPECT_NEAR(end[1], 0, 0.05);
}

TEST(Minima, AreToldApart) {
  const TestInstance instance = wells(2);
  Minima minima(instance);
  EXPECT_EQ(minima.from(std::vector<double>{1.0, 1.0}), 0U);
  EXPECT_EQ(minima.from(std::vector<double>{-1.0, 1.0}), 1U);
  EXPECT_EQ(minima.from(std::vector<double>{3.0, 4.0}), 0U);
  EXPECT_EQ(minima.count(), 2U);
  EXPECT_LT(minima.value(0), minima.value(1));
}

TEST(Minima, OutsideTheBoxDoNotCount) {
  const TestInstance slope(1, [](std::span<const double> theta, std::span<double> gradient) {
    gradient[0] = -1;
    return -theta[0];
  });
  Minima minima(slope);
  EXPECT_FALSE(minima.from(std::vector<double>{4.0}).has_value());
  EXPECT_EQ(minima.count(), 0U);
}

TEST(Basins, AreVisitedAndFound) {
  // Four wells: the deepest is a quarter of the box, and so the lowest tenth is that one.
  const TestInstance instance = wells(2, 0.3);
  Minima minima(instance);
  Random random(Seed(1));
  const Level level = measure_level(instance, minima, 200, random);
  EXPECT_EQ(minima.count(), 4U);
  EXPECT_NEAR(level.low, instance.true_value(descend(instance, std::vector<double>{2.0, 2.0})), 1e-6);
  EXPECT_GT(level.usual, level.low + 1);
  const auto count = [&](const std::vector<double>& theta) { return count_basins(theta, instance, minima, level); };
  const BasinCount elsewhere = count({-2, -2, -2, 2, 2, -2});
  EXPECT_EQ(elsewhere.visited, 3);
  EXPECT_EQ(elsewhere.low_visited, 0);
  const BasinCount wall = count({4.9, 4.9});  // high up: the basin is the best one, and nothing shows it
  EXPECT_EQ(wall.low_visited, 1);
  EXPECT_EQ(wall.low_found, 0);
  const BasinCount bottom = count({4.9, 4.9, 2.1, 2.1, 2.1, 2.2});
  EXPECT_EQ(bottom.visited, 1);
  EXPECT_EQ(bottom.low_found, 1);
}

}  // namespace
}  // namespace scout::bench
