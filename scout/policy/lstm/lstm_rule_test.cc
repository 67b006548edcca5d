#include "scout/policy/lstm/lstm_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "scout/policy/policy.h"
#include "scout/policy/weight/test_fallback.h"
#include "scout/policy/weight/weight_run.h"

namespace scout {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

RuleOptions with_layers(std::vector<int> layers, double preprocess = 5, double step_scale = 0.1) {
  return {.rule = "lstm", .step_scale = step_scale, .layers = std::move(layers), .preprocess = preprocess};
}

std::shared_ptr<const WeightStepper> stepper(const RuleOptions& options, const std::vector<float>& parameters) {
  return std::static_pointer_cast<const WeightStepper>(make_rule(options)->with(parameters));
}

// Without layers and preprocessing it is gradient descent, with a drift.
TEST(LstmRule, WithoutLayersIsAffineInTheGradient) {
  GuardedRun run(stepper(with_layers({}, 0), {-0.5F, 0.25F}), {}, 3, 10, false);
  std::vector<double> theta{1, 2, 3};
  run.step(theta, std::vector<double>{4, -2, std::numeric_limits<double>::quiet_NaN()});
  EXPECT_NEAR(theta[0], 1 + 0.1 * (-0.5 * 4 + 0.25), 1e-6);
  EXPECT_NEAR(theta[1], 2 + 0.1 * (-0.5 * -2 + 0.25), 1e-6);
  EXPECT_NEAR(theta[2], 3 + 0.1 * 0.25, 1e-6) << "what is not finite counts as 0";
}

// The same gradients again and again: the steps change with what is remembered.
TEST(LstmRule, StepsAreTheNetworksOutputs) {
  const RuleOptions options = with_layers({5, 3});
  const LstmRule rule(options);
  Random random(Seed(1));
  const std::vector<float> parameters = rule.initial_parameters(random);
  GuardedRun run(stepper(options, parameters), {}, 2, 10, false);
  const std::vector<double> gradient{0.3, -7};
  std::vector<double> theta{1, 2}, expected = theta;
  std::vector<float> x(4), state(2 * rule.network().state_size()), y(2);
  for (std::size_t i = 0; i < 2; ++i) preprocess_gradient(static_cast<float>(gradient[i]), 5, &x[2 * i]);
  for (int t = 0; t < 5; ++t) {
    run.step(theta, gradient);
    rule.network().forward(parameters.data(), x.data(), 2, state.data(), y.data());
    for (std::size_t i = 0; i < 2; ++i) expected[i] += static_cast<double>(0.1F * y[i]);
    EXPECT_EQ(theta, expected) << "step " << t;
  }
}

TEST(LstmRule, BeginsWithStepsAgainstTheGradient) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const RuleOptions options = with_layers({20, 20}, seed % 2 == 0 ? 5 : 0);
    const LstmRule rule(options);
    Random random{Seed(seed)};
    const std::vector<float> parameters = rule.initial_parameters(random);
    // The first layer's lines have a deviation of 1/√(inputs + 20), cut off at twice that.
    const auto first = static_cast<std::ptrdiff_t>((rule.network().inputs() + 21) * 80);
    const double deviation = 1 / std::sqrt(static_cast<double>(rule.network().inputs()) + 20);
    double square = 0;
    for (auto w = parameters.begin(); w != parameters.begin() + first; ++w) {
      EXPECT_LE(std::fabs(*w), 2.0001 * deviation);
      square += static_cast<double>(*w * *w) / static_cast<double>(first);
    }
    EXPECT_NEAR(std::sqrt(square) / deviation, 0.88, 0.05);  // of a normal number that is cut off at 2
    std::vector<double> up{0}, down{0};
    GuardedRun rising(stepper(options, parameters), {}, 1, 10, false),
        falling(stepper(options, parameters), {}, 1, 10, false);
    for (int t = 0; t < 5; ++t) {
      rising.step(up, std::vector<double>{1});
      falling.step(down, std::vector<double>{-1});
    }
    EXPECT_LT(up[0], down[0]) << seed;
  }
  Random random(Seed(1));
  EXPECT_EQ(LstmRule(with_layers({})).initial_parameters(random), std::vector<float>(3, 0.0F));
}

TEST(LstmRule, TheFallbackDescends) {
  const auto climbing = stepper(with_layers({}, 0, 1), {0.5F, 0.0F});
  expect_that_the_fallback_descends(climbing);
}

TEST(LstmRule, ItsOptionsAreCheckedAndKept) {
  EXPECT_EQ(RuleOptions().layers, (std::vector<int>{20, 20}));
  EXPECT_THAT([] { make_rule(with_layers({4, 0})); }, ThrowsMessage<std::invalid_argument>(HasSubstr("'layers' is 0")));
  EXPECT_THAT([] { make_rule(with_layers({4}, -1)); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("'preprocess' is -1")));
  const RuleOptions options = with_layers({4}, 7);
  const auto rule = make_rule(options);
  Random random(Seed(1));
  const Policy policy({options, 100}, rule->initial_parameters(random));
  const auto loaded = Policy::from_bytes(policy.to_bytes());
  EXPECT_EQ(loaded->description().rule.layers, options.layers);
  EXPECT_EQ(loaded->description().rule.preprocess, 7);
  EXPECT_EQ(loaded->parameters(), policy.parameters());
}

}  // namespace
}  // namespace scout
