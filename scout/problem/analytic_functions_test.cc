// Each textbook function against values that its definition gives by hand or that the literature states.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string_view>

#include "scout/problem/analytic/function.h"

namespace scout {
namespace {

const AnalyticFunction& function(std::string_view name) {
  for (const AnalyticFunction* f : analytic_functions()) {
    if (name == f->name) return *f;
  }
  throw std::invalid_argument("no such function");
}

double value(std::string_view name, const std::vector<double>& z, const Parameters& parameters = {}) {
  return function(name).evaluate(z, {}, parameters);
}

double least(std::string_view name, int dimension, const Parameters& parameters) {
  return value(name, function(name).optimum(dimension, parameters), parameters);
}

TEST(AnalyticFunctions, Bowls) {
  EXPECT_DOUBLE_EQ(value("sphere", {1, -2, 3}), 14);
  EXPECT_DOUBLE_EQ(value("ellipsoid", {1, -2, 3}, {1, 1e3, 1e6}), 1 + 4e3 + 9e6);
}

TEST(AnalyticFunctions, EllipsoidCurvaturesSpanTheCondition) {
  Random random(Seed(1));
  const Parameters curvatures = function("ellipsoid").sample_parameters(3, random);
  ASSERT_EQ(curvatures.size(), 3U);
  EXPECT_EQ(curvatures[0], 1.0);
  EXPECT_NEAR(curvatures[1] * curvatures[1], curvatures[2], 1e-9 * curvatures[2]);
  EXPECT_EQ(function("ellipsoid").sample_parameters(1, random), Parameters{1.0});
}

TEST(AnalyticFunctions, Rosenbrock) {
  EXPECT_DOUBLE_EQ(value("rosenbrock", {0, 0, 0}, {100}), 2);
  EXPECT_DOUBLE_EQ(value("rosenbrock", {-1.2, 1}, {100}), 24.2);
}

TEST(AnalyticFunctions, Rastrigin) {
  EXPECT_NEAR(value("rastrigin", {1, 1}, {10}), 2, 1e-12);
  EXPECT_NEAR(value("rastrigin", {0.5, 0}, {10}), 20.25, 1e-12);
}

TEST(AnalyticFunctions, Ackley) {
  EXPECT_NEAR(value("ackley", {1, 1}, {20}), 20 - 20 * std::exp(-0.2), 1e-12);
  std::vector<double> gradient(2, 1.0);
  function("ackley").evaluate(std::vector<double>{0, 0}, gradient, {20});
  EXPECT_EQ(gradient, std::vector<double>({0, 0}));
}

TEST(AnalyticFunctions, Griewank) {
  const Parameters frequencies{1, 1 / std::sqrt(2.0)};
  const double pi = std::numbers::pi;
  EXPECT_NEAR(value("griewank", {pi, 0}, frequencies), 2 + pi * pi / 4000, 1e-12);
  EXPECT_NEAR(value("griewank", {pi, pi * std::sqrt(2.0)}, frequencies), 3 * pi * pi / 4000, 1e-12);
}

TEST(AnalyticFunctions, Schwefel) {
  EXPECT_NEAR(value("schwefel", {0, 0}), 2 * 418.9828872724338, 1e-9);
  EXPECT_NEAR(least("schwefel", 1, {}), 0, 1e-12);
  EXPECT_NEAR(value("schwefel", {-302.5249}), 118.4384, 1e-4);  // the second best minimum
  EXPECT_NEAR(value("schwefel", {500.0 - 1e-9}), value("schwefel", {500.0 + 1e-9}), 1e-6);
  EXPECT_GT(value("schwefel", {-521.5}), 118);
}

TEST(AnalyticFunctions, StyblinskiTang) {
  EXPECT_NEAR(least("styblinski-tang", 3, {5}), -39.16616570377141 * 3, 1e-10);
  EXPECT_NEAR(function("styblinski-tang").optimum(1, {5})[0], -2.903534027771177, 1e-12);
}

TEST(AnalyticFunctions, Levy) {
  EXPECT_NEAR(value("levy", {-3}, {10}), 1, 1e-12);
  EXPECT_NEAR(value("levy", {-3, -3}, {10}), 2 + 10 * std::pow(std::sin(1.0), 2), 1e-12);
}

TEST(AnalyticFunctions, MichalewiczPublishedOptima) {
  EXPECT_NEAR(least("michalewicz", 2, {10}), -1.8013034, 1e-6);
  EXPECT_NEAR(least("michalewicz", 5, {10}), -4.6876582, 1e-6);
  EXPECT_NEAR(least("michalewicz", 10, {10}), -9.6601517, 1e-6);
}

TEST(AnalyticFunctions, MichalewiczOptimumAgainstScan) {
  constexpr int dimension = 41;
  constexpr int points = 20000;
  for (double m : {2.0, 4.5, 10.0}) {
    const std::vector<double> best = function("michalewicz").optimum(dimension, {m});
    for (std::size_t i : {0, 1, 2, 3, 4, 5, 6, 7, 20, 40}) {
      std::vector<double> z(dimension, 0.0);
      z[i] = best[i];
      const double found = value("michalewicz", z, {m});
      for (int k = -points; k <= 3 * points; ++k) {
        z.resize(i + 1);
        z[i] = std::numbers::pi * k / points;
        ASSERT_GE(value("michalewicz", z, {m}), found - 1e-13) << "coordinate " << i << ", m " << m;
      }
    }
  }
}

TEST(AnalyticFunctions, Plateau) {
  EXPECT_NEAR(value("plateau", {2 * std::atanh(0.5), -2 * std::atanh(0.3)}, {2}), 0.25 + 0.09, 1e-12);
  std::vector<double> gradient(1);
  function("plateau").evaluate(std::vector<double>{-30}, gradient, {1});
  EXPECT_LT(gradient[0], 0);
  EXPECT_NEAR(gradient[0] / (-8 * std::exp(-60.0)), 1, 1e-12);
}

TEST(AnalyticFunctions, Cliff) {
  const Parameters wall{20, 0.1};
  EXPECT_NEAR(value("cliff", {-3}, wall), std::sqrt(10.0) - 1, 1e-12);
  EXPECT_NEAR(value("cliff", {3}, wall), std::sqrt(10.0) - 1 + 20, 1e-12);
  std::vector<double> gradient(1);
  function("cliff").evaluate(std::vector<double>{2.05}, gradient, wall);
  EXPECT_NEAR(gradient[0], 1.5 * 20 / 0.1 + 2.05 / std::hypot(1.0, 2.05), 1e-9);
}

TEST(AnalyticFunctions, RavineFloor) {
  const double second = std::sin(2 * 1.5);
  EXPECT_NEAR(value("ravine", {1.5, second, std::sin(2 * second)}, {1e4, 2}), 2.25, 1e-12);
  EXPECT_NEAR(value("ravine", {1.5, second + 0.1}, {1e4, 2}), 2.25 + 1e4 * 0.01, 1e-9);
}

TEST(AnalyticFunctions, LunacekFunnels) {
  const double width = 1 - 1 / (2 * std::sqrt(22.0) - 8.2);
  const double other = -std::sqrt((6.25 - 1) / width);
  const double ripples = 2 * 10 * (1 - std::cos(2 * std::numbers::pi * (other - 2.5)));
  EXPECT_NEAR(value("lunacek", {other, other}, {1}), 2 + ripples, 1e-9);
  EXPECT_NEAR(value("lunacek", {2.5, 1.5}, {1}), 1, 1e-9);
}

TEST(AnalyticFunctions, GallagherPeaks) {
  const Parameters peaks{std::log(10.0), 1, 2, 1, 4, std::log(5.0), -3, -3, 1, 1};
  EXPECT_NEAR(value("gallagher", {1, 2}, peaks), 0, 1e-12);
  EXPECT_NEAR(value("gallagher", {-3, -3}, peaks), 5, 1e-12);
  EXPECT_NEAR(value("gallagher", {1, 3}, peaks), 10 - 10 * std::exp(-1.0), 1e-12);
  EXPECT_EQ(function("gallagher").optimum(2, peaks), std::vector<double>({1, 2}));
}

TEST(AnalyticFunctions, GaussianProcess) {
  const Parameters one{2, 0.5, 3, 0.2, 1.5};  // curvature, centre, and a wave
  const auto wave = [](double z) { return std::sqrt(2.0 / 64) * 3 * std::cos(0.2 + 1.5 * z); };
  EXPECT_NEAR(value("gaussian-process", {-0.3}, one), wave(-0.3) + 0.64, 1e-12);
  EXPECT_NEAR(value("gaussian-process", {1.5}, one), wave(1.5) + 1 + 50 * 0.25, 1e-12);
  Random random(Seed(1));
  EXPECT_TRUE(function("gaussian-process").optimum(3, function("gaussian-process").sample_parameters(3, random)).empty());
}

// Without the bowl: the covariance of the kernel exp(-d²/2l²), the mean over the law of l.
TEST(AnalyticFunctions, GaussianProcessHasTheKernelsCovariance) {
  constexpr int kDraws = 4000;
  Random random(Seed(1));
  double variance = 0, covariance = 0;
  for (int k = 0; k < kDraws; ++k) {
    Parameters drawn = function("gaussian-process").sample_parameters(2, random);
    drawn[0] = drawn[1] = 0;
    const double here = value("gaussian-process", {0.1, -0.2}, drawn), there = value("gaussian-process", {0.1, 0.3}, drawn);
    variance += here * here / kDraws;
    covariance += here * there / kDraws;
  }
  double expected = 0;
  for (int k = 0; k < 1000; ++k) {
    const double length = 0.2 * std::pow(10.0, (k + 0.5) / 1000);
    expected += std::exp(-0.125 / (length * length)) / 1000;
  }
  EXPECT_NEAR(variance, 1, 0.07);
  EXPECT_NEAR(covariance, expected, 0.07);
}

TEST(AnalyticFunctions, SaddleChain) {
  EXPECT_DOUBLE_EQ(value("saddle", {-1, -1, -1}, {0.5}), 0);
  EXPECT_DOUBLE_EQ(value("saddle", {1, -1}, {0.5}), 2);
  std::vector<double> gradient(2, 1.0);
  function("saddle").evaluate(std::vector<double>{0, 0}, gradient, {0.5});
  EXPECT_EQ(gradient, std::vector<double>({0, 0}));
}

}  // namespace
}  // namespace scout
