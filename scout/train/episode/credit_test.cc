#include "scout/train/episode/credit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "scout/policy/rule/action.h"
#include "scout/train/episode/test_episode.h"

namespace scout {
namespace {

TEST(CreditToOptimum, RewardsTelescopeToTheImprovement) {
  Episode episode = episode_on(separable(3), rewards(), false);
  double sum = 0;
  wander(episode, 30, [&](int, const auto&, const auto&) { sum += episode.last_rise(); });
  const double gap_share = episode.value() / episode.start_gap();
  EXPECT_NEAR(sum, std::log(1 + 1e-4) - std::log(gap_share + 1e-4), 1e-9);
}

TEST(CreditToOptimum, RewardsOfTheBestAreNeverNegative) {
  RewardOptions options = rewards();
  options.of = "best";
  Episode episode = episode_on(separable(3), options, false);
  double sum = 0, best = 0;
  int rises = 0;
  wander(episode, 30, [&](int t, const auto&, const auto&) {
    if (t == 0) best = episode.start_gap();
    const double rise = episode.potential(episode.best_value()) - episode.potential(best);
    best = episode.best_value();
    for (const float reward : episode.last_rewards()) EXPECT_FLOAT_EQ(reward, static_cast<float>(rise));
    EXPECT_GE(rise, 0);
    rises += rise > 0;
    sum += rise;
  });
  EXPECT_GT(rises, 2);
  EXPECT_NEAR(sum, std::log(1 + 1e-4) - std::log(episode.best_value() / episode.start_gap() + 1e-4), 1e-9);
}

TEST(CreditToOptimum, RewardsOfTheValueAreTheNegatedGap) {
  RewardOptions options = rewards();
  options.of = "value";
  options.scale = 0.5;
  for (const bool by_coordinate : {false, true}) {
    Episode episode = episode_on(separable(3), options, by_coordinate);
    bool bounded = false;
    wander(episode, 30, [&](int, const auto&, const auto&) {
      const double gaps = episode.value() / episode.start_gap();
      bounded |= gaps > 10;
      for (const float reward : episode.last_rewards())
        EXPECT_FLOAT_EQ(reward, static_cast<float>(-0.5 * std::min(gaps, 10.0)));
    });
    EXPECT_FALSE(bounded);
    EXPECT_EQ(episode.evaluations(), 31) << "no gradient on the way to the optimum is asked for";
  }
}

/// Φ of a coordinate of `separable(3)`.
double own_potential(std::size_t i, double x, const RewardOptions& options) {
  double slope = 0;
  double start_gap = 0;
  for (std::size_t k = 0; k < 3; ++k) start_gap += ripple(k, kStart[k], slope);
  return -options.scale * std::log(3 * ripple(i, x, slope) / start_gap + options.floor);
}

TEST(CreditToOptimum, ACoordinatesRewardIsTheRiseOfItsOwnPotential) {
  RewardOptions options = rewards();
  options.floor = 1e-2;
  options.scale = 0.5;
  Episode episode = episode_on(separable(3), options, true);
  std::vector<double> expected;
  const auto trajectory = wander(episode, 30, [&](int, const std::vector<double>& before, const auto&) {
    for (std::size_t i = 0; i < 3; ++i) {
      expected.push_back(own_potential(i, episode.theta()[i], options) - own_potential(i, before[i], options));
    }
  });
  ASSERT_EQ(trajectory.rewards.size(), 90U);
  std::vector<double> sums(3, 0.0);
  for (std::size_t k = 0; k < 90; ++k) {
    EXPECT_NEAR(trajectory.rewards[k], expected[k], 5e-3) << k;
    sums[k % 3] += static_cast<double>(trajectory.rewards[k]);
  }
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(sums[i], own_potential(i, episode.theta()[i], options) - own_potential(i, kStart[i], options), 5e-3);
  }
}

TEST(CreditToOptimum, RewardsOfTheEndAreTheBestPointsPotentials) {
  RewardOptions options = rewards();
  options.of = "final";
  options.floor = 1e-2;
  Episode episode = episode_on(separable(3), options, true);
  const auto trajectory = wander(episode, 10, [](auto&&...) {});
  ASSERT_EQ(trajectory.rewards.size(), 30U);
  for (std::size_t k = 0; k < 27; ++k) EXPECT_EQ(trajectory.rewards[k], 0.0F);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(trajectory.rewards[27 + i], own_potential(i, episode.best_point()[i], options), 5e-3);
  }
  EXPECT_EQ(episode.evaluations(), 11 + 200);
}

TEST(CreditToOptimum, NotByCoordinateAllGetTheReward) {
  Episode episode = episode_on(separable(3), rewards(), false);
  std::vector<double> rises;
  const auto trajectory = wander(episode, 5, [&](int, const auto&, const auto&) { rises.push_back(episode.last_rise()); });
  ASSERT_EQ(trajectory.rewards.size(), 15U);
  for (std::size_t k = 0; k < trajectory.rewards.size(); ++k) {
    EXPECT_FLOAT_EQ(trajectory.rewards[k], static_cast<float>(rises[k / 3]));
  }
}

TEST(CreditToOptimum, AStateAsAWholeGetsTheWholeReward) {
  Episode episode = episode_on(separable(3), rewards(), true, 100, {.rule = "joint", .dimension = 3, .hidden = {8}});
  std::vector<double> rises;
  const auto trajectory = wander(episode, 4, [&](int, const auto&, const auto&) { rises.push_back(episode.last_rise()); });
  EXPECT_EQ(episode.run().rows(), 1U);
  EXPECT_EQ(trajectory.coordinates, 1);
  EXPECT_EQ(trajectory.action_size, 3);
  ASSERT_EQ(trajectory.rewards.size(), 4U);
  for (std::size_t t = 0; t < 4; ++t) EXPECT_FLOAT_EQ(trajectory.rewards[t], static_cast<float>(rises[t]));
}

TEST(CreditToOptimum, ItsEvaluationsCountToo) {
  Episode plain = episode_on(separable(3), rewards(), false);
  Episode credited = episode_on(separable(3), rewards(), true);
  wander(plain, 10, [](auto&&...) {});
  wander(credited, 10, [](auto&&...) {});
  EXPECT_EQ(plain.evaluations(), 11);
  EXPECT_EQ(credited.evaluations(), 11 + 11 * 200);  // at the start and after each update
  Episode silent = episode_on(separable(3), rewards(), true);
  silent.start(kStart, {}, 10);
  finish(silent);
  EXPECT_EQ(silent.evaluations(), 11) << "what is not recorded is not rewarded";
}

TEST(CreditToOptimum, APointThatIsNotFiniteIsRewardedLikeTheWorstSeen) {
  const auto instance = std::make_shared<Solved>(2, [](std::span<const double> theta, std::span<double> gradient) {
    gradient[0] = 2 * theta[0];
    gradient[1] = 2 * theta[1];
    return theta[0] < 0 ? std::numeric_limits<double>::quiet_NaN() : theta[0] * theta[0] + theta[1] * theta[1];
  });
  const RewardOptions options = rewards();
  Episode episode = episode_on(instance, options, true);
  const std::vector<double> start{1.5, 1.0};
  episode.start(start, {.all = true}, 5);
  auto move = [&](float step) {
    const float action = encode_step(step);
    step_by(episode, {action, action});
  };
  move(0.1F);
  const double worst_value = episode.value();
  move(-0.2F);
  const std::vector<double> best(episode.theta().begin(), episode.theta().end());
  const double best_value = episode.value();
  move(0.1F);
  const double value_before = episode.value();
  move(-1.0F);
  const double reward = episode.last_rise();
  EXPECT_FALSE(episode.failed());
  EXPECT_EQ(std::vector<double>(episode.theta().begin(), episode.theta().end()), best) << "it goes on from the best point";
  EXPECT_EQ(episode.value(), best_value);
  EXPECT_EQ(episode.best_value(), best_value);
  move(-0.1F);

  const double last_rise = episode.last_rise();
  const std::vector<double> last(episode.theta().begin(), episode.theta().end());
  const auto trajectory = episode.take_trajectory();
  ASSERT_EQ(trajectory.steps(), 5);
  for (float x : trajectory.states) EXPECT_TRUE(std::isfinite(x));
  // Rewarded, in every coordinate, like the worst seen.
  auto potential = [&](double gap) { return -std::log(gap / episode.start_gap() + options.floor); };
  EXPECT_NEAR(reward, potential(worst_value) - potential(value_before), 1e-9);
  EXPECT_LT(reward, -0.2);
  // Then from the best point on.
  EXPECT_NEAR(last_rise, potential(episode.value()) - potential(best_value), 1e-9);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_FLOAT_EQ(trajectory.rewards[6 + i], static_cast<float>(reward));
    EXPECT_NEAR(trajectory.rewards[8 + i], potential(2 * last[i] * last[i]) - potential(2 * best[i] * best[i]), 1e-4);
  }
}

TEST(CreditToOptimum, WithoutAKnownOptimumRewardsStayFinite) {
  Episode episode = episode_on(std::make_shared<TestInstance>(shifted_sphere(3)), rewards(), true);
  const auto trajectory = wander(episode, 20, [](auto&&...) {});
  ASSERT_EQ(trajectory.rewards.size(), 60U);
  for (float r : trajectory.rewards) EXPECT_TRUE(std::isfinite(r));
}

TEST(CreditAlongStep, RewardsOfAllWeightsAddUpToTheFallOfLogF) {
  const std::shared_ptr<const Instance> instance = family("mlp-blobs:hidden=5,batch=16")->sample(Split::train, 0, 0);
  Episode e(instance, weight_stepper(0.01), {.weights = true}, {.horizon = 10});
  e.start(first_start(*instance), {.all = true});
  for (std::uint64_t t = 0; t < 10; ++t) {
    const std::vector<double> before(e.theta().begin(), e.theta().end());
    double f[2];
    step(e);
    instance->evaluate_minibatch(t + 1, before, {&f[0], 1}, {});
    instance->evaluate_minibatch(t + 1, e.theta(), {&f[1], 1}, {});
    EXPECT_EQ(f[1], e.value()) << "the step is judged on a minibatch that it has not seen";
    const auto rewards = e.last_rewards();
    ASSERT_EQ(rewards.size(), static_cast<std::size_t>(instance->dimension()));
    const double mean = std::accumulate(rewards.begin(), rewards.end(), 0.0) / static_cast<double>(instance->dimension());
    EXPECT_NEAR(mean, (f[0] - f[1]) / f[0], 0.02 * std::abs(mean) + 2e-4) << "step " << t;
  }
}

TEST(CreditAlongStep, IsScaled) {
  const std::shared_ptr<const Instance> instance = family("mlp-blobs:hidden=5,batch=16")->sample(Split::train, 0, 0);
  std::vector<std::vector<float>> rewards;
  for (const double scale : {1.0, 0.25}) {
    EpisodeOptions options{.weights = true};
    options.reward.scale = scale;
    Episode e(instance, weight_stepper(0.01), options, {.horizon = 10});
    e.start(first_start(*instance), {.rows = {0, 3, 9}});
    finish(e);
    rewards.push_back(e.take_trajectory().rewards);
  }
  ASSERT_EQ(rewards[0].size(), 30U);
  for (std::size_t k = 0; k < 30; ++k) EXPECT_EQ(rewards[1][k], 0.25F * rewards[0][k]);
}

}  // namespace
}  // namespace scout
