#include "scout/problem/analytic_family.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "scout/problem/catalog/family.h"

namespace scout {
namespace {

double distance_squared(std::span<const double> a, std::span<const double> b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

/// The largest mixed term ∂²f/∂θ_i∂θ_j over i != j, relative to the largest ∂²f/∂θ_i², of a quadratic.
double coupling(const Instance& instance) {
  const auto m = static_cast<std::size_t>(instance.dimension());
  std::vector<double> theta(instance.optimum().begin(), instance.optimum().end());
  std::vector<double> gradient(m);
  double mixed = 0.0;
  double own = 0.0;
  for (std::size_t i = 0; i < m; ++i) {
    theta[i] += 1.0;
    instance.evaluate(theta, {}, gradient);
    theta[i] = instance.optimum()[i];
    for (std::size_t j = 0; j < m; ++j) (i == j ? own : mixed) = std::max(i == j ? own : mixed, std::abs(gradient[j]));
  }
  return mixed / own;
}

TEST(AnalyticFamily, RotationKeepsDistances) {
  for (const char* name : {"sphere", "sphere-rotated"}) {
    for (int dimension : {2, 300}) {
      const auto instance = family(name)->sample(Split::train, 7, dimension);
      Random random(Seed(1));
      std::vector<double> theta(static_cast<std::size_t>(dimension));
      std::vector<double> ratios;
      for (int k = 0; k < 5; ++k) {
        instance->sample_start(random, theta);
        const double rise = instance->true_value(theta) - *instance->optimum_value();
        ratios.push_back(rise / distance_squared(theta, instance->optimum()));
      }
      for (double ratio : ratios) EXPECT_NEAR(ratio / ratios[0], 1.0, 1e-10);
    }
  }
}

TEST(AnalyticFamily, GapOverValueScaleIsTheTextbookFunction) {
  for (const char* name : {"sphere", "sphere-rotated", "sphere-noisy"}) {
    const auto instance = family(name)->sample(Split::test, 2, 3);
    const double scale = (instance->upper()[0] - instance->lower()[0]) / 10.24;
    Random random(Seed(1));
    std::vector<double> theta(3);
    instance->sample_start(random, theta);
    const double expected = distance_squared(theta, instance->optimum()) / (scale * scale);
    const double gap = (instance->true_value(theta) - *instance->optimum_value()) / instance->value_scale();
    EXPECT_NEAR(gap / expected, 1.0, 1e-10) << name;
  }
}

TEST(AnalyticFamily, OnlyTheRotatedTwinCouplesCoordinates) {
  for (std::uint64_t index = 0; index < 5; ++index) {
    EXPECT_LT(coupling(*family("ellipsoid")->sample(Split::train, index, 6)), 1e-12);
    EXPECT_GT(coupling(*family("ellipsoid-rotated")->sample(Split::train, index, 6)), 0.01);
  }
}

TEST(AnalyticFamily, BoxesAreCubesOfTheDocumentedSizesAndPlaces) {
  double least = INFINITY;
  double most = 0.0;
  double furthest = 0.0;
  double mean_place = 0.0;
  constexpr std::uint64_t count = 200;
  for (std::uint64_t index = 0; index < count; ++index) {
    const auto instance = family("sphere")->sample(Split::train, index, 2);
    const double width = instance->upper()[0] - instance->lower()[0];
    EXPECT_NEAR(instance->upper()[1] - instance->lower()[1], width, 1e-12 * width);
    least = std::min(least, width / 10.24);
    most = std::max(most, width / 10.24);
    const double place = 2.0 * (instance->optimum()[0] - instance->lower()[0]) / width - 1.0;  // in [-1, 1]
    furthest = std::max(furthest, std::abs(place));
    mean_place += place / count;
  }
  EXPECT_GE(least, 0.1 - 1e-9);
  EXPECT_LT(least, 0.2);
  EXPECT_LE(most, 10.0 + 1e-9);
  EXPECT_GT(most, 5.0);
  EXPECT_LE(furthest, 0.6 + 1e-9);
  EXPECT_GT(furthest, 0.5);
  EXPECT_NEAR(mean_place, 0.0, 0.1);
}

TEST(AnalyticFamily, AnOptimumFarFromTheCentreStaysThere) {
  int left = 0;
  for (std::uint64_t index = 0; index < 100; ++index) {
    const auto instance = family("schwefel")->sample(Split::train, index, 1);
    const double place =
        2.0 * (instance->optimum()[0] - instance->lower()[0]) / (instance->upper()[0] - instance->lower()[0]) - 1.0;
    EXPECT_NEAR(std::abs(place), 420.9687 / 500.0, 0.6 * 79.1 / 500.0);
    left += place < 0.0 ? 1 : 0;
  }
  EXPECT_GT(left, 30);
  EXPECT_LT(left, 70);
}

}  // namespace
}  // namespace scout
