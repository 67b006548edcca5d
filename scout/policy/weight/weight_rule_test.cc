#include "scout/policy/weight/weight_rule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace scout {
namespace {

std::vector<float> random_parameters(const WeightRule& rule) {
  std::vector<float> out(rule.parameter_count());
  Random random(Seed(1));
  for (float& w : out) w = 0.3F * static_cast<float>(random.normal());
  return out;
}

FusedPlan plan_of(const FusedStepper& stepper, RunRecord run, TensorRecord& record, const TensorShape& shape,
                  const kernel::TensorSums& sums, const StepSettings& settings = {}) {
  FusedPlan plan;
  stepper.plan(run, record, shape, sums, settings, plan);
  return plan;
}

/// Outputs of a plan's network for given features, weight by weight.
std::vector<float> evaluate(const FusedPlan& plan, const std::vector<std::vector<float>>& weights, std::vector<float> x) {
  for (int l = 0; l < plan.network.layers; ++l) {
    const kernel::Layer& layer = plan.network.layer[l];
    std::vector<float> y(layer.bias, layer.bias + layer.out);
    for (std::size_t r = 0; r < y.size(); ++r) {
      y[r] =
          std::inner_product(x.begin(), x.end(),
                             weights[static_cast<std::size_t>(l)].begin() + static_cast<std::ptrdiff_t>(r * x.size()), y[r]);
      if (l + 1 < plan.network.layers) y[r] = std::max(y[r], 0.0F);
    }
    x = y;
  }
  return x;
}

TEST(FusedStepper, FoldsContextAndHeadIntoTheBiases) {
  for (const std::vector<int>& hidden : std::vector<std::vector<int>>{{}, {5}, {16, 16}, {7, 3, 9}}) {
    const WeightRule rule(hidden, 0.01);
    const auto parameters = random_parameters(rule);
    const FusedStepper stepper(rule, parameters);
    RunRecord run{.step = 30, .horizon = 100};
    for (double loss : {3.0, 2.5, 2.7}) run.observe_loss(loss);
    TensorRecord record{.step = 30,
                        .unit = 2,
                        .square_mean = 0.02,
                        .least_scale = 0.1,
                        .first_scale = 0.1,
                        .update_square = 0.5,
                        .momentum_square = 0.01};
    const TensorShape shape{1000, 4, 10};
    const kernel::TensorSums sums{.theta_square = 40, .gradient_square = 3000};
    const FusedPlan plan = plan_of(stepper, run, record, shape, sums);

    std::vector<float> features(kernel::kFeatures);
    Random random(Seed(2));
    for (float& x : features) x = static_cast<float>(random.normal());
    const auto context = weight_context(run, record, shape, 0.2, 3.0 / 4);
    std::vector<float> inputs = features;
    inputs.insert(inputs.end(), context.begin(), context.end());
    Mlp::Trace trace;
    const auto network = rule.network().forward(parameters.data(), inputs.data(), 1, trace);
    std::vector<float> head(kernel::kOutputs);
    rule.context_head().forward(parameters.data(), context.data(), 1, head.data());

    const auto u = evaluate(plan, stepper.weights(), features);
    for (std::size_t k = 0; k < u.size(); ++k) {
      const float factor = k == 1 ? std::log2(std::exp(0.3F)) : 0.3F;
      EXPECT_NEAR(u[k], factor * (network[k] + head[k]), 1e-5) << "output " << k;
    }
  }
}

TEST(FusedStepper, MeasuresStepsByTheTensorAndGradientsByTheFirst) {
  const WeightRule rule({4}, 0.01);
  const FusedStepper stepper(rule, random_parameters(rule));
  RunRecord run;
  stepper.begin(run, 4 * 200, 200);  // rms 2 of all weights
  const auto constants = [&](TensorRecord& record, double theta_square, double gradient_square) {
    return plan_of(stepper, run, record, {100, 2, 10}, {theta_square, gradient_square, 0},
                   {.rate = 0.5, .weight_decay = 0.1})
        .constants;
  };
  TensorRecord large, zero;
  const auto first = constants(large, 900, 100 * 5.0 * 5.0);
  EXPECT_FLOAT_EQ(first.scale, 3);
  EXPECT_FLOAT_EQ(first.step, 0.5F * 0.01F * 3);
  EXPECT_FLOAT_EQ(first.decay, 0.05F);
  EXPECT_FLOAT_EQ(first.gradient_scale, 0.25F);  // the power of two nearest to 5 is 4
  EXPECT_FLOAT_EQ(first.correction[0], 10);
  EXPECT_FLOAT_EQ(first.square_size, 25.0F / 16);
  EXPECT_FLOAT_EQ(constants(large, 100, 0).scale, 3);  // never below the first
  EXPECT_FLOAT_EQ(constants(zero, 0, 0).scale, 0.6F);  // a share of the rms of all
  EXPECT_EQ(zero.unit, 0);
  EXPECT_FLOAT_EQ(constants(zero, 0, 1e60).gradient_scale, 0x1p-96F);

  RunRecord nothing;
  stepper.begin(nothing, 0, 200);
  TensorRecord record;
  EXPECT_GT(plan_of(stepper, nothing, record, {100, 1, 100}, {}).constants.step, 0);
}

TEST(FusedStepper, AnnealsOverTheHorizon) {
  const WeightRule rule({4}, 0.01);
  const FusedStepper stepper(rule, random_parameters(rule));
  const auto step = [&](std::int64_t t, std::int64_t horizon) {
    RunRecord run{.step = t, .horizon = horizon, .first_rms = 1};
    TensorRecord record;
    return plan_of(stepper, run, record, {100, 2, 10}, {100, 100, 0}).constants.step;
  };
  EXPECT_FLOAT_EQ(step(0, 100), 0.01F);
  EXPECT_FLOAT_EQ(step(75, 100), 0.0025F);
  EXPECT_FLOAT_EQ(step(1000, 100), 0.0001F);
  EXPECT_FLOAT_EQ(step(1000, 0), 0.01F);
}

TEST(NetworkContext, IsBoundedWhateverHappens) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (double extreme : {0.0, 1e-300, 1.0, 1e300}) {
    RunRecord run{.step = 1'000'000, .horizon = 10};
    for (double loss : {extreme, -extreme, kInfinity, 1.0}) run.observe_loss(loss);
    const TensorRecord record{.step = 1,
                              .unit = 1,
                              .square_mean = extreme,
                              .least_scale = extreme,
                              .first_scale = 1e-9,
                              .update_square = extreme,
                              .momentum_square = extreme};
    for (const TensorShape& shape : {TensorShape{1, 0, 1}, TensorShape{std::int64_t{1} << 40, 5, 1}}) {
      for (float x : weight_context(run, record, shape, extreme, extreme)) {
        EXPECT_GE(x, -1);
        EXPECT_LE(x, 1);
      }
    }
  }
}

TEST(RunRecord, LossFeaturesAreFreeOfShiftAndScale) {
  const auto context = [](double scale, double shift) {
    RunRecord run;
    for (double loss : {3.0, 2.0, 2.5, 1.5, 1.7}) run.observe_loss(scale * loss + shift);
    return weight_context(run, {.step = 1, .square_mean = 1}, {10, 1, 10}, 1, 1);
  };
  const auto plain = context(1, 0), moved = context(1000, -50);
  for (std::size_t k = 0; k < plain.size(); ++k) EXPECT_NEAR(plain[k], moved[k], 1e-5) << k;
  RunRecord silent;
  silent.observe_loss(std::numeric_limits<double>::quiet_NaN());
  EXPECT_FALSE(silent.loss_given);
  EXPECT_EQ(silent.losses, 0);
}

TEST(WeightRule, NamesABadShape) {
  EXPECT_THROW(WeightRule({65}, 1), std::invalid_argument);
  EXPECT_THROW(WeightRule({0}, 1), std::invalid_argument);
  EXPECT_THROW(WeightRule({4, 4, 4, 4}, 1), std::invalid_argument);
  const WeightRule rule({16, 16}, 0.01);
  EXPECT_EQ(rule.parameter_count(), (12 + 17 + 1) * 16 + 17 * 16 + 17 * 6 + 18 * 6);
  EXPECT_THROW(rule.with(std::vector<float>(3)), std::invalid_argument);
}

}  // namespace
}  // namespace scout
