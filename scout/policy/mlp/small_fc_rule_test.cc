#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scout/policy/mlp/test_golden.h"
#include "scout/policy/weight/test_fallback.h"

namespace scout {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

RuleOptions options(std::vector<int> hidden = {4, 4}, double step_scale = 1e-3) {
  return {.rule = "small_fc", .hidden = std::move(hidden), .step_scale = step_scale};
}

// By google/learned_optimization's adafac_mlp_lopt.py and common.py, in single precision, with decays' δ of .01, .02, ...
TEST(SmallFc, TakesTheStepsOfItsAuthorsCode) {
  std::vector<float> parameters = wavy_weights(make_rule(options())->parameter_count() - 7);
  for (int k = 7; k > 0; --k) parameters.insert(parameters.begin(), 0.01F * static_cast<float>(k));
  EXPECT_EQ(parameters.size(), 7U + (39 + 1) * 4 + (4 + 1) * 4 + (4 + 1) * 2);
  const auto stepper = stepper_of(options(), parameters);
  struct Case {
    TensorShape shape;
    std::vector<double> expected;  // in thousandths
  };
  const std::vector<Case> cases{
      {{6, 2, 2}, {-0.25500357, -0.26400387, -0.25520474, -0.32895803, -0.47002733, -0.6384477}},
      {{6, 2, 3}, {-0.25705993, -0.26450306, -0.24785101, -0.28861314, -0.54598224, -0.5947724}},
      {{4, 1, 4}, {-0.27241558, -0.25495142, -0.23997575, -0.37890673}},
      {{1, 0, 1}, {-0.24599582}},
  };
  for (const Case& each : cases) {
    const std::vector<double> moved = three_steps(stepper, each.shape);
    for (std::size_t i = 0; i < moved.size(); ++i) EXPECT_NEAR(1000 * moved[i], each.expected[i], 3e-5) << "weight " << i;
  }
}

// Far from 0, where 1 - β would be more than 1, β is 0, and gradients are their own averages.
TEST(SmallFc, DecaysAreLearnedWithinBounds) {
  Random random(Seed(1));
  std::vector<float> parameters = make_rule(options())->initial_parameters(random);
  const std::vector<double> slow = three_steps(stepper_of(options(), parameters), {4, 1, 4});
  for (const float delta : {5.0F, -5.0F, 0.1F}) {
    std::fill_n(parameters.begin(), 7, delta);
    const std::vector<double> moved = three_steps(stepper_of(options(), parameters), {4, 1, 4});
    for (const double x : moved) EXPECT_TRUE(std::isfinite(x));
    EXPECT_NE(moved, slow) << delta;
  }
}

// The untrained rule: steps against the momentum, of a root mean square of `step_scale`.
TEST(SmallFc, BeginsWithStepsAgainstTheGradient) {
  for (const std::vector<int>& hidden : std::vector<std::vector<int>>{{}, {2}, {4, 4}, {9, 3, 5}}) {
    Random random(Seed(2));
    const std::vector<float> parameters = make_rule(options(hidden, 0.01))->initial_parameters(random);
    GuardedRun run(stepper_of(options(hidden, 0.01), parameters), {}, 4, 10, false);
    std::vector<double> theta(4);
    const std::vector<double> gradient{1, -2, 0.5, 0};
    run.step(theta, gradient);
    double square = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(theta[i] > 0, gradient[i] < 0);
      square += theta[i] * theta[i] / 4;
    }
    EXPECT_NEAR(std::sqrt(square), 0.01, 1e-4);
  }
}

TEST(SmallFc, TheFallbackDescends) {
  Random random(Seed(1));
  std::vector<float> parameters = make_rule(options({}, 0.1))->initial_parameters(random);
  for (float& w : parameters) w = -w;
  expect_that_the_fallback_descends(stepper_of(options({}, 0.1), parameters));
}

TEST(SmallFc, NeedsTwoUnitsALayer) {
  for (const char* rule : {"small_fc", "celo2"}) {
    EXPECT_THAT(
        [&] {
          make_rule({.rule = rule, .hidden = {4, 1}});
        },
        ThrowsMessage<std::invalid_argument>(HasSubstr("option 'hidden' is 1: must be at least 2")));
  }
}

}  // namespace
}  // namespace scout
