#include "scout/optimizer/policy_optimizer.h"

#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>

#include "scout/optimizer/minimize.h"
#include "scout/optimizer/test_instance.h"
#include "scout/policy/shipped.h"
#include "scout/policy/test_policy.h"

namespace scout {
namespace {

TEST(PolicyOptimizer, UsesTheWholeBudget) {
  const TestInstance sphere = shifted_sphere(3);
  const PolicyOptimizer optimizer(untrained_policy(20));
  const std::vector<double> start{4, -4, 3};
  for (std::int64_t budget : {1, 2, 3, 40, 41, 200}) {
    Oracle oracle(sphere, budget);
    EXPECT_THROW(optimizer.run(oracle, start, Seed(1)), BudgetExhausted);
    EXPECT_EQ(oracle.calls(), budget > 1 ? budget - budget % 2 : budget) << "a step costs two calls";
  }
  Oracle none(sphere, 0);
  EXPECT_THROW(optimizer.run(none, start, Seed(1)), BudgetExhausted);
}

TEST(PolicyOptimizer, RunsPoliciesThatAreForOneDimension) {
  const TestInstance sphere = shifted_sphere(3);
  for (const char* rule : {"joint", "history"}) {
    Oracle oracle(sphere, 20);
    const PolicyOptimizer optimizer(untrained({.rule = rule, .dimension = 3, .hidden = {4}}, 10));
    EXPECT_THROW(optimizer.run(oracle, std::vector<double>{4, -4, 3}, Seed(1)), BudgetExhausted);
    EXPECT_EQ(oracle.calls(), 20);
  }
}

TEST(PolicyOptimizer, IsMinimizeInTheInstancesBox) {
  const TestInstance sphere = shifted_sphere(3);
  const std::vector<double> start{4, -4, 3};
  Oracle oracle(sphere, 150);
  EXPECT_THROW(PolicyOptimizer(untrained_policy(20)).run(oracle, start, Seed(5)), BudgetExhausted);
  MinimizeOptions options;
  options.policy = untrained_policy(20);
  options.budget = 150;
  options.lower.assign(3, -5);
  options.upper.assign(3, 5);
  options.seed = Seed(5).value();
  const auto summary = minimize(
      [&](std::span<const double> theta, std::span<double> gradient) {
        double f = 0;
        sphere.evaluate(theta, {&f, 1}, gradient);
        return f;
      },
      start, options);
  EXPECT_EQ(oracle.best_value(), summary.best_value);
  EXPECT_LT(oracle.best_value(), sphere.true_value(start));
}

TEST(PolicyOptimizer, ExplorersShareTheBudgetAndThreadsChangeNothing) {
  const TestInstance sphere = shifted_sphere(3);
  const std::vector<double> start{4, -4, 3};
  const auto curve = [&](int explorers, int threads) {
    Oracle oracle(sphere, 101);
    EXPECT_THROW(PolicyOptimizer(policy("surfaces"), explorers, threads).run(oracle, start, Seed(1)), BudgetExhausted);
    EXPECT_GE(oracle.calls(), 100);
    std::vector<double> out;
    for (const CurvePoint& point : oracle.curve()) out.push_back(point.best);
    return out;
  };
  EXPECT_EQ(curve(5, 1), curve(5, 3));
  EXPECT_NE(curve(5, 1), curve(1, 1));
  EXPECT_THROW(PolicyOptimizer(untrained_network_policy(), 2), std::invalid_argument);
  Oracle oracle(sphere, 10);
  EXPECT_THROW(PolicyOptimizer(untrained_policy(), 2).run(oracle, start, Seed(1)), std::invalid_argument);
}

TEST(PolicyOptimizer, FailsWhereNothingIsFinite) {
  const TestInstance never(2, [](auto, std::span<double>) { return std::numeric_limits<double>::quiet_NaN(); });
  for (const auto& policy : {untrained_policy(), untrained_network_policy()}) {
    Oracle oracle(never, 30);
    EXPECT_EQ(PolicyOptimizer(policy).run(oracle, std::vector<double>(2), Seed(1)), Ending::failed);
    EXPECT_EQ(oracle.calls(), 30);
  }
}

TEST(PolicyOptimizer, RunsNetworkPoliciesOnTheWholeBudget) {
  const TestInstance sphere = shifted_sphere(3);
  const PolicyOptimizer optimizer(untrained_network_policy());
  const std::vector<double> start{4, -4, 3};
  for (std::int64_t budget : {1, 2, 3, 400, 401}) {
    Oracle oracle(sphere, budget);
    EXPECT_THROW(optimizer.run(oracle, start, Seed(1)), BudgetExhausted);
    EXPECT_EQ(oracle.calls(), budget);
    if (budget >= 400) {
      EXPECT_LT(oracle.best_value(), 0.05 * sphere.true_value(start));
    }
  }
}

}  // namespace
}  // namespace scout
