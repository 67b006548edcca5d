#include "scout/policy/weight/weight_run.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "scout/optimizer/test_policy.h"

namespace scout {
namespace {

/// Runs `steps` on f = Σ c_i θ_i², c_i = 1 + i mod 7, and returns θ.
std::vector<double> run_quadratic(std::size_t size, int steps, double unit = 1) {
  WeightRun run(untrained_network_policy(), {{static_cast<std::int64_t>(size), 1, 1}}, steps);
  std::vector<double> theta(size, 1.0);
  std::vector<double> gradient(size);
  for (int t = 0; t < steps; ++t) {
    double f = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const double c = 1.0 + static_cast<double>(i % 7);
      f += unit * c * theta[i] * theta[i];
      gradient[i] = unit * 2 * c * theta[i];
    }
    run.step(theta, gradient, f);
  }
  return theta;
}

TEST(WeightRun, DescendsWhateverTheSizeAndTheUnitOfGradients) {
  for (std::size_t size : {1U, 3U, 16U, 17U, 1000U}) {
    const auto theta = run_quadratic(size, 200);
    for (double x : theta) EXPECT_LT(std::abs(x), 0.2) << size;
    EXPECT_EQ(run_quadratic(size, 200, 1024), theta) << "a power of two is exact";
  }
}

TEST(WeightRun, PassesOverWhatIsNotFinite) {
  WeightRun run(untrained_network_policy(), {{2, 1, 2}}, 10);
  std::vector<double> theta{1, 1};
  run.step(theta, std::vector<double>{1, std::numeric_limits<double>::quiet_NaN()}, std::numeric_limits<double>::infinity());
  EXPECT_LT(theta[0], 1);
  EXPECT_EQ(theta[1], 1);
}

TEST(WeightRun, MeasuresTensorsApart) {
  // Two tensors of different scale: a step is a share of each one's own.
  WeightRun run(untrained_network_policy(), {{3, 1, 3}, {4, 2, 2}}, 0);
  EXPECT_EQ(run.tensor_of(2), 0U);
  EXPECT_EQ(run.tensor_of(3), 1U);
  EXPECT_EQ(run.begin_of(1), 3U);
  std::vector<double> theta{100, 100, 100, 1, 1, 1, 1};
  const std::vector<double> before = theta;
  run.step(theta, std::vector<double>{5, 5, 5, 1e-3, 1e-3, 1e-3, 1e-3});
  const double first = before[0] - theta[0];
  const double second = before[3] - theta[3];
  EXPECT_GT(second, 0);
  // The smaller tensor is measured by 0.3 of the rms of all weights, 65.5.
  EXPECT_NEAR(first / second, 100 / (0.3 * std::sqrt((30000.0 + 4) / 7)), 1e-3);
}

TEST(WeightRun, TellsWhatTheNetworkSees) {
  const auto policy = untrained_network_policy();
  const WeightRule& rule = policy->weight_rule();
  std::vector<float> parameters = policy->parameters();
  Random random(Seed(4));
  for (float& w : parameters) w = 0.3F * static_cast<float>(random.normal());
  WeightRun run(std::make_shared<WeightStepper>(rule, parameters, 0.05), {{5, 2, 1}, {6, 1, 6}}, 50);
  std::vector<double> theta(11), gradient(11);
  for (int t = 0; t < 20; ++t) {
    for (std::size_t i = 0; i < 11; ++i) {
      if (t == 0) theta[i] = random.normal();
      gradient[i] = theta[i] + random.normal();
    }
    run.observe(theta, gradient, 3.0 - 0.1 * t);
    std::vector<WeightRow> rows;
    for (std::size_t i = 0; i < 11; ++i) rows.push_back(run.row(i));
    const auto delta = run.update();
    for (std::size_t i = 0; i < 11; ++i) {
      // The formulas of weight_step.h from the features alone.
      const float* x = rows[i].features.data();
      Mlp::Trace trace;
      std::vector<float> u(kernel::kOutputs), schedule(kernel::kOutputs);
      const auto network = rule.network().forward(parameters.data(), x, 1, trace);
      rule.schedule().forward(parameters.data(), x + kernel::kFeatures, 1, schedule.data());
      for (std::size_t k = 0; k < u.size(); ++k) u[k] = 0.3F * (network[k] + schedule[k]);
      const auto expand = [&](int k, float c) { return c * x[k] / (1 - std::fabs(x[k])); };
      const float direction =
          expand(1, 1) + u[0] * x[1] + u[2] * x[0] + u[3] * expand(2, 0.3F) + u[4] * expand(3, 0.1F) + u[5] * x[4];
      const float expected = -rows[i].sign * rows[i].step * std::clamp(std::exp(u[1]) * direction, -32.0F, 32.0F);
      EXPECT_NEAR(delta[i], expected, 2e-3F * std::fabs(expected) + 1e-6F) << "step " << t << ", weight " << i;
    }
    run.apply(theta);
  }
}

TEST(WeightRun, AGuardChangesNothingUntilItHasTo) {
  const auto train = [](double base_step, bool guarded) {
    const auto policy = untrained_network_policy();
    WeightRun run(std::make_shared<WeightStepper>(policy->weight_rule(), policy->parameters(), base_step), {{30, 2, 5}}, 0);
    if (guarded) run.guard();
    std::vector<double> theta(30, 1.0), gradient(30);
    double f = 0;
    for (int t = 0; t < 400; ++t) {
      f = 0;
      for (std::size_t i = 0; i < 30; ++i) {
        f += 0.5 * theta[i] * theta[i];
        gradient[i] = theta[i];
      }
      run.step(theta, gradient, f);
    }
    EXPECT_EQ(run.guard_report() != nullptr, guarded);
    return std::tuple{theta, f, guarded ? run.guard_report()->interventions() : 0};
  };
  const auto [plain, f_plain, none] = train(0.01, false);
  const auto [watched, f_watched, healthy] = train(0.01, true);
  EXPECT_EQ(plain, watched);
  EXPECT_EQ(healthy, 0);
  const auto [wild, f_wild, no_guard] = train(20, false);
  const auto [rescued, f_rescued, interventions] = train(20, true);
  EXPECT_GT(interventions, 0);
  EXPECT_GT(f_wild, 15) << "the start's";
  EXPECT_LT(f_rescued, 15);
}

TEST(WeightRun, TakesNoOtherPolicy) {
  EXPECT_THROW(WeightRun(untrained_policy(), {{2, 1, 2}}, 10), std::invalid_argument);
  EXPECT_THROW(WeightRun(std::shared_ptr<const Policy>(), {{2, 1, 2}}, 10), std::invalid_argument);
}

}  // namespace
}  // namespace scout
