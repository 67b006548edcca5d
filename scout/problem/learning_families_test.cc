// The families of Li & Malik 2016. That all families do what they promise is tested elsewhere for those of any dimension;
// these have their own.
#include "scout/problem/learning_families.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "scout/problem/catalog/family.h"

namespace scout {
namespace {

class LearningFamilies : public testing::TestWithParam<std::shared_ptr<const Family>> {
 protected:
  std::unique_ptr<Instance> sample(Split split, std::uint64_t index) const { return GetParam()->sample(split, index, 0); }
  static std::vector<double> start(const Instance& instance, std::uint64_t number) {
    std::vector<double> out(static_cast<std::size_t>(instance.dimension()));
    Random random(Seed(1).derive(number));
    instance.sample_start(random, out);
    return out;
  }
};

TEST_P(LearningFamilies, AreFoundByTheirNames) {
  EXPECT_EQ(family(GetParam()->name()), GetParam());
  const auto names = family_names();
  EXPECT_EQ(std::ranges::count(names, GetParam()->name()), 1);
}

TEST_P(LearningFamilies, GradientMatchesCentralDifferences) {
  for (std::uint64_t index = 0; index < 5; ++index) {
    const auto instance = sample(Split::train, index);
    std::vector<double> theta = start(*instance, index), gradient(theta.size());
    double f = 0;
    instance->evaluate(theta, {&f, 1}, gradient);
    EXPECT_EQ(f, instance->true_value(theta));
    for (std::size_t i = 0; i < theta.size(); ++i) {
      constexpr double kStep = 1e-6;
      const double x = theta[i];
      theta[i] = x + kStep;
      const double above = instance->true_value(theta);
      theta[i] = x - kStep;
      const double below = instance->true_value(theta);
      theta[i] = x;
      EXPECT_NEAR(gradient[i], (above - below) / (2 * kStep), 1e-7) << "coordinate " << i;
    }
  }
}

TEST_P(LearningFamilies, InstancesArePermanentAndSplitsDiffer) {
  const std::vector<double> theta = start(*sample(Split::train, 0), 0);
  const double f = sample(Split::train, 0)->true_value(theta);
  EXPECT_EQ(sample(Split::train, 0)->true_value(theta), f);
  EXPECT_NE(sample(Split::train, 1)->true_value(theta), f);
  EXPECT_NE(sample(Split::test, 0)->true_value(theta), f);
}

TEST_P(LearningFamilies, AreFiniteFarOutsideAndHoldTheirStarts) {
  const auto instance = sample(Split::train, 3);
  std::vector<double> theta(static_cast<std::size_t>(instance->dimension())), gradient(theta.size());
  for (const double x : {-1e6, 1e6, 1e150}) {
    std::ranges::fill(theta, x);
    theta[0] = -0.7 * x;
    double f = 0;
    instance->evaluate(theta, {&f, 1}, gradient);
    EXPECT_TRUE(std::isfinite(f) || std::abs(x) > 1e100);
    for (const double g : gradient) EXPECT_FALSE(std::isnan(g)) << x;
  }
  for (std::uint64_t number = 0; number < 20; ++number) {
    const std::vector<double> first = start(*instance, number);
    for (std::size_t i = 0; i < first.size(); ++i) {
      EXPECT_GE(first[i], instance->lower()[i]);
      EXPECT_LE(first[i], instance->upper()[i]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, LearningFamilies, testing::ValuesIn(learning_families()), [](const auto& one) {
  std::string label = one.param->name();
  std::ranges::replace(label, '-', '_');
  return label;
});

/// f* is where f, which is convex, has no slope; and it is in the box.
TEST(LogisticRegression, TheOptimumIsCertified) {
  for (std::uint64_t index = 0; index < 200; ++index) {
    const auto instance = learning_families()[0]->sample(Split::train, index, 0);
    const std::vector<double> best(instance->optimum().begin(), instance->optimum().end());
    std::vector<double> gradient(4);
    double f = 0;
    instance->evaluate(best, {&f, 1}, gradient);
    EXPECT_EQ(f, instance->optimum_value());
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_LT(std::abs(gradient[i]), 1e-8) << index;
      EXPECT_LT(std::abs(best[i]), instance->upper()[i]);
    }
    Random random(Seed(2).derive(index));
    for (int trial = 0; trial < 20; ++trial) {
      std::vector<double> other = best;
      for (double& x : other) x += 0.1 * random.normal();
      EXPECT_GT(instance->true_value(other), f);
    }
  }
}

/// At θ = 0 a classifier of two classes loses log 2, and has no slope but by the shares of the classes.
TEST(TwoLayerNetwork, KnowsNothingAtTheOrigin) {
  const auto instance = learning_families()[2]->sample(Split::train, 0, 0);
  EXPECT_EQ(instance->dimension(), 12);
  EXPECT_NEAR(instance->true_value(std::vector<double>(12)), std::log(2), 1e-12);
}

/// However far off an example is, it costs at most 1/n.
TEST(RobustRegression, IsBounded) {
  const auto instance = learning_families()[1]->sample(Split::train, 0, 0);
  std::vector<double> theta{1e3, -1e3, 1e3, 0};
  EXPECT_LT(instance->true_value(theta), 1);
  EXPECT_GT(instance->true_value(theta), 0.9);
}

}  // namespace
}  // namespace scout
