// For tests only: what every family of classifiers must do. INSTANTIATE_TEST_SUITE_P(..., ClassifierConformance, names,
// label_of).
#pragma once

#include <gtest/gtest.h>

#include <cctype>
#include <cmath>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "scout/problem/catalog/family.h"
#include "scout/problem/instance.h"

namespace scout {

inline std::vector<double> start_of(const Instance& instance, std::uint64_t number = 0) {
  Random random(Seed(1).derive(number));
  std::vector<double> theta(static_cast<std::size_t>(instance.dimension()));
  instance.sample_start(random, theta);
  return theta;
}

inline double minibatch_value(const Instance& instance, std::uint64_t minibatch, std::span<const double> theta) {
  double f = 0;
  instance.evaluate_minibatch(minibatch, theta, {&f, 1}, {});
  return f;
}

inline std::map<std::string, double> metrics_of(const Instance& instance, std::span<const double> theta) {
  std::map<std::string, double> out;
  for (const auto& metric : instance.metrics(theta)) out[metric.name] = metric.value;
  return out;
}

/// By family name.
class ClassifierConformance : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Instance> sample(std::uint64_t index = 0, Split split = Split::validation) const {
    return family(GetParam())->sample(split, index, 7);
  }
};

TEST_P(ClassifierConformance, GradientMatchesDirectionalDifferences) {
  const auto instance = sample();
  const auto m = static_cast<std::size_t>(instance->dimension());
  for (const bool minibatch : {false, true}) {
    const auto evaluate = [&](std::span<const double> theta, std::span<double> f, std::span<double> gradient) {
      if (minibatch) return instance->evaluate_minibatch(3, theta, f, gradient);
      instance->evaluate(theta, f, gradient);
    };
    const auto theta = start_of(*instance);
    std::vector<double> gradient(m);
    evaluate(theta, {}, gradient);
    double norm = 0;
    for (const double g : gradient) norm += g * g;
    norm = std::sqrt(norm);
    ASSERT_GT(norm, 0);
    // Along the gradient, over a step that changes f by much more than single precision loses.
    const double step = 3e-3 / std::max(norm, 0.3);
    double f[2];
    for (const int side : {0, 1}) {
      auto moved = theta;
      for (std::size_t i = 0; i < m; ++i) moved[i] += (side == 0 ? -step : step) * gradient[i] / norm;
      evaluate(moved, {&f[side], 1}, {});
    }
    EXPECT_NEAR((f[1] - f[0]) / (2 * step), norm, 0.01 * norm + 2e-4);
  }
}

TEST_P(ClassifierConformance, BatchEqualsOneByOne) {
  const auto instance = sample();
  const auto m = static_cast<std::size_t>(instance->dimension());
  std::vector<double> theta;
  for (std::uint64_t b = 0; b < 3; ++b) {
    for (const double x : start_of(*instance, b)) theta.push_back(x);
  }
  std::vector<double> f(3), g(3 * m), f_alone(3), g_alone(3 * m), one(m);
  instance->evaluate_minibatch(5, theta, f, g);
  instance->evaluate_minibatch(5, theta, f_alone, {});
  instance->evaluate_minibatch(5, theta, {}, g_alone);
  EXPECT_EQ(f, f_alone);
  EXPECT_EQ(g, g_alone);
  for (std::size_t b = 0; b < 3; ++b) {
    const auto point = std::span(theta).subspan(b * m, m);
    EXPECT_EQ(minibatch_value(*instance, 5, point), f[b]);
    instance->evaluate_minibatch(5, point, {}, one);
    EXPECT_TRUE(std::equal(one.begin(), one.end(), g.begin() + static_cast<std::ptrdiff_t>(b * m)));
  }
}

TEST_P(ClassifierConformance, MinibatchesAreDeterministicDifferAndAverageToTheLoss) {
  const auto instance = sample();
  const auto theta = start_of(*instance);
  EXPECT_EQ(minibatch_value(*sample(), 2, theta), minibatch_value(*instance, 2, theta));
  EXPECT_NE(minibatch_value(*instance, 3, theta), minibatch_value(*instance, 2, theta));
  double sum = 0;
  double square = 0;
  constexpr int count = 100;
  for (std::uint64_t b = 0; b < count; ++b) {
    const double f = minibatch_value(*instance, b, theta);
    sum += f;
    square += f * f;
  }
  const double mean = sum / count;
  const double deviation = std::sqrt(square / count - mean * mean);
  EXPECT_NEAR(mean, instance->true_value(theta), 4 * deviation / std::sqrt(count)) << "all 1,024 examples are judged";
}

TEST_P(ClassifierConformance, InstancesDifferAndStartsLieInTheBox) {
  const auto instance = sample();
  const auto theta = start_of(*instance);
  for (const auto& other : {sample(1), sample(0, Split::test), sample(0, Split::train)}) {
    ASSERT_EQ(other->dimension(), instance->dimension());
    EXPECT_NE(other->true_value(theta), instance->true_value(theta));
  }
  for (std::uint64_t number = 0; number < 3; ++number) {
    const auto start = start_of(*instance, number);
    for (std::size_t i = 0; i < start.size(); ++i) {
      ASSERT_GE(start[i], instance->lower()[i]);
      ASSERT_LE(start[i], instance->upper()[i]);
    }
  }
  EXPECT_NE(start_of(*instance, 1), start_of(*instance, 2));
  std::vector<double> wrong(start_of(*instance).size() - 1);
  Random random(Seed(1));
  EXPECT_THROW(instance->sample_start(random, wrong), std::invalid_argument);
}

TEST_P(ClassifierConformance, GradientDescentOnMinibatchesLearns) {
  const auto instance = sample();
  auto theta = start_of(*instance);
  const double before = instance->true_value(theta);
  std::vector<double> gradient(theta.size());
  for (std::uint64_t step = 0; step < 150; ++step) {
    instance->evaluate_minibatch(step, theta, {}, gradient);
    for (std::size_t i = 0; i < theta.size(); ++i) theta[i] -= 0.2 * gradient[i];
  }
  EXPECT_LT(instance->true_value(theta), before);
  const auto metrics = metrics_of(*instance, theta);
  EXPECT_NEAR(metrics.at("train-loss"), instance->true_value(theta), 1e-5);
  EXPECT_GE(metrics.at("held-out-accuracy"), 0);
  EXPECT_LE(metrics.at("train-accuracy"), 1);
}

inline std::string label_of(const testing::TestParamInfo<std::string>& name) {
  std::string label;
  for (const char c : name.param) label += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return label;
}

}  // namespace scout
