// What is deployed is what was trained: PolicyOptimizer takes the steps of Episode, bit by bit.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <tuple>

#include "scout/optimizer/policy_optimizer.h"
#include "scout/optimizer/test_instance.h"
#include "scout/policy/test_policy.h"
#include "scout/train/episode/test_episode.h"

namespace scout {
namespace {

/// Ripples over a bowl; with `stripes`, nothing but NaN in every other stripe of it.
std::shared_ptr<const TestInstance> rippled_bowl(bool stripes) {
  return std::make_shared<TestInstance>(4, [stripes](std::span<const double> theta, std::span<double> gradient) {
    double f = 0;
    for (std::size_t i = 0; i < theta.size(); ++i) {
      f += theta[i] * theta[i] - 3 * std::cos(4 * theta[i]);
      gradient[i] = 2 * theta[i] + 12 * std::sin(4 * theta[i]);
    }
    const bool inside = static_cast<int>(std::floor(5 * theta[0])) % 2 == 0;
    return stripes && inside ? std::numeric_limits<double>::quiet_NaN() : f;
  });
}

class Deployment : public testing::TestWithParam<std::tuple<bool, bool>> {};

TEST_P(Deployment, TakesTheStepsOfTraining) {
  const auto [stripes, decides] = GetParam();
  const auto instance = rippled_bowl(stripes);
  const int horizon = 40;
  const auto policy = decides ? deciding_policy(horizon) : untrained_policy(horizon);
  const std::vector<double> start{3, -4, 1, 2};

  Episode episode(instance, policy->stepper(), {.step_scale = policy->rule()->step_scale()}, {.horizon = horizon});
  episode.start(start);
  finish(episode);
  ASSERT_EQ(episode.steps(), horizon);

  Oracle oracle(*instance, 2 * (horizon + 1));
  oracle.keep_trajectory();
  EXPECT_THROW(PolicyOptimizer(policy).run(oracle, start, Seed(1)), BudgetExhausted);
  EXPECT_EQ(oracle.non_finite() > 0, stripes) << "a stripe has to be met for this test to mean something";
  EXPECT_EQ(oracle.best_value(), episode.best_value());
  ASSERT_EQ(oracle.trajectory().size(), 4U * (horizon + 1));
  if (stripes && !episode.best_is_new()) return;  // the last step may have led nowhere
  const auto last = std::span(oracle.trajectory()).last(4);
  EXPECT_TRUE(std::equal(last.begin(), last.end(), episode.theta().begin()));
}

INSTANTIATE_TEST_SUITE_P(All, Deployment, testing::Combine(testing::Bool(), testing::Bool()), [](const auto& row) {
  return std::string(std::get<0>(row.param) ? "WithNonFiniteValues" : "Smooth") +
         (std::get<1>(row.param) ? "AndDecisions" : "");
});

}  // namespace
}  // namespace scout
