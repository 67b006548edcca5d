#include "scout/train/episode/environment.h"
#include "scout/problem/catalog/family.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "scout/optimizer/test_instance.h"
#include "scout/policy/rule/action.h"

namespace scout {
namespace {

/// A TestInstance of known optimum 0, at 0.
class Solved : public TestInstance {
 public:
  Solved(int dimension, Function evaluate)
      : TestInstance(dimension, std::move(evaluate)), optimum_(static_cast<std::size_t>(dimension), 0.0) {}
  std::optional<double> optimum_value() const override { return 0.0; }
  std::span<const double> optimum() const override { return optimum_; }

 private:
  std::vector<double> optimum_;
};

double ripple(std::size_t i, double x, double& slope) {
  const double weight = 1.0 + static_cast<double>(i);
  slope = weight * (2 * x + 6 * std::sin(3 * x));
  return weight * (x * x + 2 * (1 - std::cos(3 * x)));
}

std::shared_ptr<const Instance> separable(int dimension) {
  return std::make_shared<Solved>(dimension, [](std::span<const double> theta, std::span<double> gradient) {
    double f = 0;
    for (std::size_t i = 0; i < theta.size(); ++i) f += ripple(i, theta[i], gradient[i]);
    return f;
  });
}

RewardOptions rewards() {
  RewardOptions options;
  options.of = "current";
  options.floor = 1e-4;
  options.path_points = 200;
  return options;
}

constexpr double kStepScale = 0.2;
const std::vector<double> kStart{3.1, -2.2, 1.7};

/// Rolls `steps` random moves and returns the trajectory; `visit` sees the environment before and after each.
template <class Visit>
Trajectory wander(Environment& environment, int steps, Visit&& visit) {
  Random random(Seed(4));
  environment.record(true);
  environment.start(kStart, steps);
  for (int t = 0; t < steps; ++t) {
    std::vector<float> actions;
    for (int i = 0; i < environment.dimension(); ++i) actions.push_back(static_cast<float>(random.uniform(-0.9, 0.9)));
    const std::vector<double> before(environment.theta().begin(), environment.theta().end());
    environment.step(actions);
    visit(t, before, actions);
  }
  return environment.take_trajectory();
}

TEST(Environment, StepsByDecodedActions) {
  Environment environment(separable(3), ObserverOptions{}, rewards(), kStepScale, true);
  EXPECT_DOUBLE_EQ(environment.step_scale(), kStepScale * 10);
  const auto trajectory = wander(environment, 5, [&](int, const auto& before, const auto& actions) {
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_DOUBLE_EQ(environment.theta()[i], before[i] + 2 * static_cast<double>(decode_action(actions[i])));
    }
  });
  EXPECT_EQ(trajectory.steps(), 5);
  EXPECT_EQ(trajectory.rows, 3);
  EXPECT_EQ(trajectory.states.size(), static_cast<std::size_t>(6 * 3 * environment.features()));
  EXPECT_EQ(environment.steps(), 5);
}

TEST(Environment, RewardsTelescopeToTheImprovement) {
  Environment environment(separable(3), ObserverOptions{}, rewards(), kStepScale, false);
  double sum = 0;
  wander(environment, 30, [&](int, const auto&, const auto&) { sum += environment.last_reward(); });
  const double gap_share = environment.value() / environment.start_value();
  EXPECT_NEAR(sum, std::log(1 + 1e-4) - std::log(gap_share + 1e-4), 1e-9);
}

TEST(Environment, RewardsOfTheBestAreNeverNegative) {
  RewardOptions options = rewards();
  options.of = "best";
  Environment environment(separable(3), ObserverOptions{}, options, kStepScale, false);
  double sum = 0;
  wander(environment, 30, [&](int, const auto&, const auto&) {
    EXPECT_GE(environment.last_reward(), 0);
    sum += environment.last_reward();
  });
  EXPECT_NEAR(sum, std::log(1 + 1e-4) - std::log(environment.best_value() / environment.start_value() + 1e-4), 1e-9);
}

/// Φ of a coordinate of `separable(3)`.
double own_potential(std::size_t i, double x, const RewardOptions& options) {
  double slope = 0;
  double start_gap = 0;
  for (std::size_t k = 0; k < 3; ++k) start_gap += ripple(k, kStart[k], slope);
  return -options.scale * std::log(3 * ripple(i, x, slope) / start_gap + options.floor);
}

TEST(Environment, ARowsRewardIsTheRiseOfItsOwnPotential) {
  RewardOptions options = rewards();
  options.floor = 1e-2;
  options.scale = 0.5;
  Environment environment(separable(3), ObserverOptions{}, options, kStepScale, true);
  std::vector<double> expected;
  const auto trajectory = wander(environment, 30, [&](int, const std::vector<double>& before, const auto&) {
    for (std::size_t i = 0; i < 3; ++i) {
      expected.push_back(own_potential(i, environment.theta()[i], options) - own_potential(i, before[i], options));
    }
  });
  ASSERT_EQ(trajectory.rewards.size(), 90U);
  std::vector<double> sums(3, 0.0);
  for (std::size_t k = 0; k < 90; ++k) {
    EXPECT_NEAR(trajectory.rewards[k], expected[k], 5e-3) << k;
    sums[k % 3] += static_cast<double>(trajectory.rewards[k]);
  }
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(sums[i], own_potential(i, environment.theta()[i], options) - own_potential(i, kStart[i], options), 5e-3);
  }
}

TEST(Environment, RewardsOfTheEndAreTheBestPointsPotentials) {
  RewardOptions options = rewards();
  options.of = "final";
  options.floor = 1e-2;
  Environment environment(separable(3), ObserverOptions{}, options, kStepScale, true);
  const auto trajectory = wander(environment, 10, [](auto&&...) {});
  ASSERT_EQ(trajectory.rewards.size(), 30U);
  for (std::size_t k = 0; k < 27; ++k) EXPECT_EQ(trajectory.rewards[k], 0.0F);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(trajectory.rewards[27 + i], own_potential(i, environment.best_point()[i], options), 5e-3);
  }
  EXPECT_EQ(environment.evaluations(), 11 + 200);
}

TEST(Environment, WithoutCreditEveryRowGetsTheReward) {
  Environment environment(separable(3), ObserverOptions{}, rewards(), kStepScale, false);
  std::vector<double> means;
  const auto trajectory =
      wander(environment, 5, [&](int, const auto&, const auto&) { means.push_back(environment.last_reward()); });
  for (std::size_t k = 0; k < trajectory.rewards.size(); ++k)
    EXPECT_FLOAT_EQ(trajectory.rewards[k], static_cast<float>(means[k / 3]));
}

TEST(Environment, CountsTheEvaluationsOfCreditToo) {
  Environment plain(separable(3), ObserverOptions{}, rewards(), kStepScale, false);
  Environment credited(separable(3), ObserverOptions{}, rewards(), kStepScale, true);
  wander(plain, 10, [](auto&&...) {});
  wander(credited, 10, [](auto&&...) {});
  EXPECT_EQ(plain.evaluations(), 11);
  EXPECT_EQ(credited.evaluations(), 11 + 11 * 200);  // at the start and after each update
}

TEST(Environment, GoesOnFromTheBestPointAfterANonFiniteOne) {
  const auto instance = std::make_shared<Solved>(2, [](std::span<const double> theta, std::span<double> gradient) {
    gradient[0] = 2 * theta[0];
    gradient[1] = 2 * theta[1];
    return theta[0] < 0 ? std::numeric_limits<double>::quiet_NaN() : theta[0] * theta[0] + theta[1] * theta[1];
  });
  const RewardOptions options = rewards();
  Environment environment(instance, ObserverOptions{}, options, kStepScale, true);
  environment.record(true);
  const std::vector<double> start{1.5, 1.0};
  environment.start(start, 5);
  auto move = [&](float step) {
    const float action = encode_step(step);
    environment.step(std::vector<float>{action, action});
  };
  move(0.1F);
  const double worst_value = environment.value();
  move(-0.2F);
  const std::vector<double> best(environment.theta().begin(), environment.theta().end());
  const double best_value = environment.value();
  move(0.1F);
  const double value_before = environment.value();
  move(-1.0F);
  const double reward = environment.last_reward();
  EXPECT_EQ(std::vector<double>(environment.theta().begin(), environment.theta().end()), best);
  EXPECT_EQ(environment.value(), best_value);
  EXPECT_EQ(environment.best_value(), best_value);
  move(-0.1F);

  const auto trajectory = environment.take_trajectory();
  ASSERT_EQ(trajectory.steps(), 5);
  for (float x : trajectory.states) EXPECT_TRUE(std::isfinite(x));
  // Rewarded, in every row, like the worst seen.
  auto potential = [&](double gap) { return -std::log(gap / environment.start_value() + options.floor); };
  EXPECT_NEAR(reward, potential(worst_value) - potential(value_before), 1e-9);
  EXPECT_LT(reward, -0.2);
  // Then from the best point on.
  EXPECT_NEAR(environment.last_reward(), potential(environment.value()) - potential(best_value), 1e-9);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_FLOAT_EQ(trajectory.rewards[6 + i], static_cast<float>(reward));
    const double x = environment.theta()[i];
    EXPECT_NEAR(trajectory.rewards[8 + i], potential(2 * x * x) - potential(2 * best[i] * best[i]), 1e-4);
  }
}

TEST(Environment, AJointPolicyHasOneRowAndTheWholeReward) {
  ObserverOptions observer;
  observer.form = "joint";
  observer.dimension = 3;
  Environment environment(separable(3), observer, rewards(), kStepScale, true);
  EXPECT_EQ(environment.rows(), 1);
  std::vector<double> means;
  const auto trajectory =
      wander(environment, 4, [&](int, const auto&, const auto&) { means.push_back(environment.last_reward()); });
  EXPECT_EQ(trajectory.actions, 3);
  ASSERT_EQ(trajectory.rewards.size(), 4U);
  for (std::size_t t = 0; t < 4; ++t) EXPECT_FLOAT_EQ(trajectory.rewards[t], static_cast<float>(means[t]));
}

TEST(Environment, EachUpdateSeesAMinibatchOfItsOwn) {
  const auto instance = family("mlp-spirals:hidden=4")->sample(Split::train, 0, 0);
  Environment environment(std::shared_ptr<const Instance>(family("mlp-spirals:hidden=4")->sample(Split::train, 0, 0)), {},
                          rewards(), kStepScale, true);
  Random random(Seed(5));
  std::vector<double> theta(static_cast<std::size_t>(instance->dimension()));
  instance->sample_start(random, theta);
  const std::vector<float> still(theta.size(), 0.0F);
  for (int run = 0; run < 2; ++run) {  // a second run begins with the same draws
    environment.start(theta, 3);
    for (std::uint64_t draw = 0; draw < 3; ++draw) {
      double f = 0;
      instance->evaluate_minibatch(draw, theta, {&f, 1}, {});
      EXPECT_EQ(environment.value(), f);
      environment.step(still);
    }
  }
}

TEST(Environment, WithoutAKnownOptimumRewardsStayFinite) {
  const auto instance = std::make_shared<TestInstance>(shifted_sphere(3));
  Environment environment(instance, ObserverOptions{}, rewards(), kStepScale, true);
  const auto trajectory = wander(environment, 20, [](auto&&...) {});
  for (float r : trajectory.rewards) EXPECT_TRUE(std::isfinite(r));
}

}  // namespace
}  // namespace scout
