// The rule "hierarchical_rnn" against plain formulas.
#include "scout/policy/hierarchical/hierarchical_rule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "scout/policy/hierarchical/test_reference.h"
#include "scout/policy/weight/test_fallback.h"
#include "scout/policy/weight/weight_run.h"

namespace scout {
namespace {

const RuleOptions kOptions{.rule = "hierarchical_rnn", .step_scale = 1};

std::shared_ptr<const WeightStepper> stepper(const std::vector<float>& parameters, double step_scale = 1) {
  RuleOptions options = kOptions;
  options.step_scale = step_scale;
  return std::static_pointer_cast<const WeightStepper>(make_rule(options)->with(parameters));
}

std::vector<float> parameters(std::uint64_t seed, double spread = 0.1) {
  Random random{Seed(seed)};
  std::vector<float> out = HierarchicalNetwork::initial_parameters(random);
  for (float& w : out) w += static_cast<float>(spread * random.normal());
  return out;
}

TEST(HierarchicalRule, StepsAreThoseOfTheFormulas) {
  const std::vector<TensorShape> tensors{{4, 2, 2}, {0, 1, 0}, {7, 1, 7}, {1, 0, 1}};
  const std::vector<float> values = parameters(1);
  for (const double step_scale : {1.0, 3.0}) {
    HierarchicalReference reference({values.begin(), values.end()}, {4, 0, 7, 1});
    GuardedRun run(stepper(values, step_scale), tensors, 12, 10, false);
    Random random(Seed(2));
    std::vector<double> theta(12), gradient(12);
    for (int t = 0; t < 25; ++t) {
      for (double& g : gradient) g = random.normal() * std::pow(10, random.uniform(-3, 2));
      const std::vector<double> before = theta, delta = reference.step(gradient);
      run.step(theta, gradient);
      for (std::size_t i = 0; i < 12; ++i) {
        ASSERT_NEAR(theta[i] - before[i], step_scale * delta[i], 1e-3 * step_scale * std::abs(delta[i]) + 1e-9)
            << "step " << t << ", weight " << i;
      }
    }
  }
}

TEST(HierarchicalRule, FirstLearningRatesAreThoseOfTheirLaw) {
  double least = 0, greatest = -100, sum = 0, means = 0;
  constexpr int kTensors = 60, kWeights = 500;
  std::vector<double> of_tensors;
  for (std::size_t t = 0; t < kTensors; ++t) {
    double mean = 0;
    for (std::size_t i = 0; i < kWeights; ++i) {
      const auto x = static_cast<double>(HierarchicalNetwork::initial_log_rate(i, t));
      least = std::min(least, x), greatest = std::max(greatest, x), mean += x / kWeights;
    }
    of_tensors.push_back(mean);
    sum += mean / kTensors;
  }
  EXPECT_NEAR(sum, HierarchicalNetwork::kInitialLogRate, 0.6);
  EXPECT_NEAR(HierarchicalNetwork::kInitialLogRate, std::log(1e-4), 1e-12);
  EXPECT_GE(least, std::log(1e-6) - 1e-4);
  EXPECT_LE(greatest, std::log(1e-2) + 1e-4);
  EXPECT_LT(least, std::log(1e-6) + 1);
  EXPECT_GT(greatest, std::log(1e-2) - 1);
  for (const double mean : of_tensors) means += (mean - sum) * (mean - sum) / kTensors;
  EXPECT_NEAR(std::sqrt(means), (std::log(1e-2) - std::log(1e-6)) / 2 / std::sqrt(12), 0.3) << "each tensor has its own";
}

// Gradients that are all multiplied by a number change nothing but what the least squares of 1e-12 leave.
TEST(HierarchicalRule, IsFreeOfTheScaleOfGradients) {
  const std::vector<float> values = parameters(3);
  std::vector<double> small(6), large(6);
  GuardedRun one(stepper(values), {}, 6, 20, false), other(stepper(values), {}, 6, 20, false);
  Random random(Seed(1));
  for (int t = 0; t < 10; ++t) {
    std::vector<double> gradient(6), scaled(6);
    for (double& g : gradient) g = 1 + random.normal();
    std::ranges::transform(gradient, scaled.begin(), [](double g) { return 1e4 * g; });
    one.step(small, gradient);
    other.step(large, scaled);
  }
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(small[i], large[i], 1e-2 * std::abs(small[i])) << i;
}

// As drawn it goes against a gradient that stays as it is, by the shortcut.
TEST(HierarchicalRule, BeginsWithDescentMostly) {
  int descents = 0, weights = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    GuardedRun run(stepper(parameters(seed, 0)), {}, 20, 20, false);
    std::vector<double> theta(20), gradient(20);
    for (std::size_t i = 0; i < 20; ++i) gradient[i] = i % 2 == 0 ? 1 : -1;
    for (int t = 0; t < 20; ++t) run.step(theta, gradient);
    for (std::size_t i = 0; i < 20; ++i, ++weights) descents += theta[i] * gradient[i] < 0 ? 1 : 0;
  }
  EXPECT_GT(descents, 0.6 * weights) << descents;
}

// How a tensor is cut into pieces changes next to nothing, and the number of the first weight is taken into account.
TEST(HierarchicalRule, PiecesMakeOneTensor) {
  const auto rule = stepper(parameters(4));
  constexpr std::size_t kSize = 10;
  const StateLayout layout = rule->layout();
  std::vector<std::vector<float>> results;
  for (const std::vector<std::size_t>& cuts : {std::vector<std::size_t>{10}, std::vector<std::size_t>{3, 3, 4}}) {
    std::vector<float> theta(kSize, 0.5F), gradient(kSize), state(layout.bytes(kSize) / sizeof(float));
    RunRecord run = rule->new_run_record(0);
    TensorRecord record = rule->new_record();
    const auto plan = rule->new_plan();
    const TensorShape shape{kSize, 1, kSize};
    for (int t = 0; t < 4; ++t) {
      for (std::size_t i = 0; i < kSize; ++i) gradient[i] = std::sin(static_cast<float>(i + 3) * static_cast<float>(t + 1));
      const kernel::TensorSums sums = kernel::tensor_sums(theta.data(), gradient.data(), kSize);
      rule->begin(run, sums.theta_square, kSize);
      rule->plan(run, record, shape, sums, {}, *plan);
      std::vector<double> own(static_cast<std::size_t>(layout.sums));
      kernel::StepSums total;
      for (const bool second : {false, true}) {
        std::size_t first = 0;
        for (const std::size_t n : cuts) {
          const WeightPiece piece{
              theta.data() + first, gradient.data() + first, state.data() + first, kSize, nullptr, first};
          if (second) {
            total.update_square += rule->step(*plan, piece, n, own.data()).update_square;
          } else {
            rule->look(*plan, piece, n, own.data());
          }
          first += n;
        }
        if (!second) rule->looked(*plan, shape, own);
      }
      rule->end(run, record, shape, total, own);
      rule->end(run);
    }
    results.push_back(theta);
    EXPECT_NE(theta, std::vector<float>(kSize, 0.5F));
  }
  for (std::size_t i = 0; i < kSize; ++i) EXPECT_NEAR(results[0][i], results[1][i], 1e-6F);
}

TEST(HierarchicalRule, TheFallbackDescends) {
  std::vector<float> climbing = parameters(5, 0);
  climbing[HierarchicalNetwork::offset_at()] = 6;
  // δ = -Σ q: against the shortcut, in steps of e^(ρ + 6).
  for (std::size_t k = 0; k < 14; ++k) climbing[HierarchicalNetwork::update_at() + k] = k < 10 ? 0.0F : -1.0F;
  expect_that_the_fallback_descends(stepper(climbing));
}

}  // namespace
}  // namespace scout
