#include <gtest/gtest.h>

#include "scout/policy/mlp/test_golden.h"

namespace scout {
namespace {

RuleOptions options(double step_scale) { return {.rule = "celo2", .hidden = {8, 8}, .step_scale = step_scale}; }

// By amoudgl/celo's celo2_optax.py, in single precision.
TEST(Celo2, TakesTheStepsOfItsAuthorsCode) {
  const std::vector<float> parameters = wavy_weights(make_rule(options(0.01))->parameter_count());
  EXPECT_EQ(parameters.size(), (30U + 1) * 8 + (8 + 1) * 8 + (8 + 1));
  const auto stepper = stepper_of(options(0.01), parameters);
  const std::vector<std::pair<TensorShape, std::vector<double>>> cases{
      {{6, 2, 2}, {-0.027036018, -0.010629618, -0.021971253, -0.01353431, -0.029761209, -0.013292477}},
      {{6, 2, 3}, {-0.00096744722, -0.039219334, -0.019521927, -0.016034738, -0.039599553, 0.0061773808}},
  };
  for (const auto& [shape, expected] : cases) {
    const std::vector<double> moved = three_steps(stepper, shape);
    for (std::size_t i = 0; i < moved.size(); ++i) EXPECT_NEAR(moved[i], expected[i], 2e-5) << "weight " << i;
  }
}

TEST(Celo2, StepsOfMatricesHaveTheSizeOfTheRate) {
  Random random(Seed(3));
  const std::vector<float> parameters = make_rule(options(0.2))->initial_parameters(random);
  const std::vector<TensorShape> shapes{{24, 4, 4}};
  for (const std::int64_t horizon : {0, 10}) {
    GuardedRun run(stepper_of(options(0.2), parameters), shapes, 24, horizon, false);
    std::vector<double> theta(24), gradient(24);
    for (int t = 0; t < 5; ++t) {
      const std::vector<double> before = theta;
      for (double& g : gradient) g = random.normal();
      run.step(theta, gradient);
      double square = 0;
      for (std::size_t i = 0; i < 24; ++i) square += (theta[i] - before[i]) * (theta[i] - before[i]) / 24;
      EXPECT_NEAR(std::sqrt(square), 0.2 * (horizon > 0 ? 1 - t / 10.0 : 1.0), 1e-5) << "step " << t;
    }
  }
}

// Kingma & Ba 2015, with β = .9, .95 and 20 times the rate; vectors, and matrices with a side of one.
TEST(Celo2, IsAdamOnVectors) {
  Random random(Seed(4));
  const auto stepper = stepper_of(options(1e-3), make_rule(options(1e-3))->initial_parameters(random));
  for (const TensorShape& shape : std::vector<TensorShape>{{5, 1, 5}, {5, 2, 1}, {5, 2, 5}}) {
    GuardedRun run(stepper, {&shape, 1}, 5, 0, false);
    std::vector<double> theta(5), gradient(5), m(5), v(5), expected(5);
    for (int t = 1; t <= 20; ++t) {
      for (std::size_t i = 0; i < 5; ++i) {
        const double g = gradient[i] = random.normal() * std::pow(10.0, static_cast<double>(i) - 3);
        m[i] += 0.1 * (g - m[i]);
        v[i] += 0.05 * (g * g - v[i]);
        expected[i] -= 0.02 * m[i] / (1 - std::pow(0.9, t)) / (std::sqrt(v[i] / (1 - std::pow(0.95, t))) + 1e-8);
      }
      run.step(theta, gradient);
      for (std::size_t i = 0; i < 5; ++i) EXPECT_NEAR(theta[i], expected[i], 2e-6) << "step " << t;
    }
  }
}

}  // namespace
}  // namespace scout
