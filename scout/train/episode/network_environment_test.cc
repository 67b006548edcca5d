#include "scout/train/episode/network_environment.h"
#include "scout/problem/catalog/family.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "scout/optimizer/test_instance.h"
#include "scout/optimizer/test_policy.h"

namespace scout {
namespace {

std::shared_ptr<const WeightStepper> base(double step) {
  const auto policy = untrained_network_policy();
  return std::make_shared<WeightStepper>(policy->weight_rule(), policy->parameters(), step);
}

std::vector<double> start_of(const Instance& instance) {
  Random random(Seed(1));
  std::vector<double> theta(static_cast<std::size_t>(instance.dimension()));
  instance.sample_start(random, theta);
  return theta;
}

std::vector<std::size_t> all_weights(const Instance& instance) {
  std::vector<std::size_t> out(static_cast<std::size_t>(instance.dimension()));
  std::iota(out.begin(), out.end(), std::size_t{0});
  return out;
}

class NetworkEnvironmentTest : public testing::Test {
 protected:
  const std::shared_ptr<const Instance> instance_ = family("mlp-blobs:hidden=5,batch=16")->sample(Split::train, 0, 0);
};

TEST_F(NetworkEnvironmentTest, RewardsOfAllWeightsAddUpToTheFallOfLogF) {
  NetworkEnvironment e(instance_, base(0.01), {.horizon = 10});
  e.start(start_of(*instance_), all_weights(*instance_));
  for (std::uint64_t t = 0; t < 10; ++t) {
    const std::vector<double> before(e.theta().begin(), e.theta().end());
    double f[2];
    e.step();
    instance_->evaluate_minibatch(t + 1, before, {&f[0], 1}, {});
    instance_->evaluate_minibatch(t + 1, e.theta(), {&f[1], 1}, {});
    EXPECT_EQ(f[1], e.value()) << "the step is judged on a minibatch that it has not seen";
    const auto rewards = e.last_rewards();
    const double mean = std::accumulate(rewards.begin(), rewards.end(), 0.0) / static_cast<double>(instance_->dimension());
    EXPECT_NEAR(mean, (f[0] - f[1]) / f[0], 0.02 * std::abs(mean) + 2e-4) << "step " << t;
  }
}

TEST_F(NetworkEnvironmentTest, RecordsWhatTheActorWouldHaveDone) {
  const WeightRule rule({6});
  Random random(Seed(2));
  std::vector<float> parameters(rule.parameter_count());
  for (float& w : parameters) w = 0.3F * static_cast<float>(random.normal());
  NetworkEnvironment e(instance_, std::make_shared<WeightStepper>(rule, parameters, 0.02),
                       {.horizon = 6, .tell_loss = true});
  const std::vector<std::size_t> sampled{0, 7, 7, static_cast<std::size_t>(instance_->dimension()) - 1};
  e.start(start_of(*instance_), sampled);
  while (e.steps() < 6) e.step();
  const Trajectory trajectory = e.take_trajectory();
  EXPECT_TRUE(trajectory.terminated);
  ASSERT_EQ(trajectory.rows, 4);
  ASSERT_EQ(trajectory.steps(), 6);
  const Actor actor(rule);
  ASSERT_EQ(trajectory.features, actor.features());
  ASSERT_EQ(trajectory.states.size(), static_cast<std::size_t>(7 * 4 * actor.features()));
  Actor::Trace trace;
  std::vector<float> actions(24);
  actor.forward(parameters.data(), trajectory.states.data(), 24, trace, actions.data());
  for (std::size_t k = 0; k < actions.size(); ++k) EXPECT_NEAR(trajectory.moves[k], actions[k], 2e-3) << k;
}

TEST_F(NetworkEnvironmentTest, MovesChangeTheStepAndWhatIsRecorded) {
  NetworkEnvironment e(instance_, base(0.02), {.horizon = 3});
  const auto start = start_of(*instance_);
  e.start(start, {2});
  e.step([](std::span<float> delta) {
    std::fill(delta.begin(), delta.end(), 0.0F);
    delta[3] = 0.5F;
  });
  for (std::size_t i = 0; i < start.size(); ++i) EXPECT_EQ(e.theta()[i], start[i] + (i == 3 ? 0.5 : 0.0));
  EXPECT_EQ(e.take_trajectory().moves.front(), 0);
}

TEST_F(NetworkEnvironmentTest, RunsTogetherAreTheRunsApart) {
  // Nets of this kind go one by one, so that even rounding is the same; the last has another policy, horizon and no record.
  const std::vector<std::size_t> sampled{1, 2};
  std::vector<NetworkEnvironment> together, apart;
  for (auto* runs : {&together, &apart}) {
    runs->emplace_back(instance_, base(0.02), NetworkEpisode{.horizon = 6});
    runs->emplace_back(instance_, base(0.01), NetworkEpisode{.horizon = 4});
    for (NetworkEnvironment& e : *runs)
      e.start(start_of(*instance_), &e == &runs->front() ? sampled : std::vector<std::size_t>());
  }
  NetworkEnvironment::run_together(together);
  for (NetworkEnvironment& e : apart) {
    const int horizon = &e == &apart.front() ? 6 : 4;
    while (e.steps() < horizon) e.step();
  }
  for (std::size_t k = 0; k < 2; ++k) {
    EXPECT_EQ(together[k].steps(), apart[k].steps());
    EXPECT_EQ(together[k].evaluations(), apart[k].evaluations());
    EXPECT_TRUE(std::equal(together[k].theta().begin(), together[k].theta().end(), apart[k].theta().begin()));
    EXPECT_EQ(together[k].value(), apart[k].value());
  }
  const Trajectory recorded = together[0].take_trajectory();
  const Trajectory alone = apart[0].take_trajectory();
  EXPECT_EQ(recorded.rewards, alone.rewards);
  EXPECT_EQ(recorded.states, alone.states);
  EXPECT_EQ(recorded.moves, alone.moves);
}

TEST_F(NetworkEnvironmentTest, CountsEvaluations) {
  NetworkEnvironment silent(instance_, base(0.02), {.horizon = 4});
  silent.start(start_of(*instance_));
  while (silent.steps() < 4) silent.step();
  EXPECT_EQ(silent.evaluations(), 5);
  const double score = silent.final_score(0);
  EXPECT_NEAR(score, std::log(instance_->true_value(silent.theta()) / instance_->true_value(start_of(*instance_))), 1e-12);
  EXPECT_EQ(silent.evaluations(), 7);
  NetworkEnvironment recorded(instance_, base(0.02), {.horizon = 4});
  recorded.start(start_of(*instance_), {1});
  while (recorded.steps() < 4) recorded.step();
  EXPECT_EQ(recorded.evaluations(), 9) << "credit needs the gradient before the step on the next minibatch too";
  EXPECT_TRUE(std::equal(silent.theta().begin(), silent.theta().end(), recorded.theta().begin())) << "it changes nothing";
}

TEST(NetworkEnvironment, EndsWhereNothingIsFinite) {
  const auto breaks = std::make_shared<TestInstance>(2, [](std::span<const double> theta, std::span<double> gradient) {
    for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = theta[i];
    return theta[0] < 0.95 ? std::numeric_limits<double>::quiet_NaN() : 1.0;
  });
  NetworkEnvironment e(breaks, base(0.02), {.horizon = 10});
  e.start(std::vector<double>{1, 2}, {0, 1});
  while (!e.over() && e.steps() < 10) e.step();
  EXPECT_EQ(e.steps(), 2);
  EXPECT_EQ(e.last_rewards()[0], -1);
  e.step();
  EXPECT_EQ(e.steps(), 2);
  EXPECT_EQ(e.final_score(0), std::log(10.0)) << "NaN is no success";
  const Trajectory trajectory = e.take_trajectory();
  EXPECT_TRUE(trajectory.terminated);
  EXPECT_EQ(trajectory.steps(), 2);
  for (float x : trajectory.states) EXPECT_TRUE(std::isfinite(x));
}

}  // namespace
}  // namespace scout
