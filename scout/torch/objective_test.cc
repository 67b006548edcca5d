#include "scout/torch/objective.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <stdexcept>

#include "scout/policy/test_policy.h"

namespace scout {
namespace {

torch::Tensor rosenbrock(const torch::Tensor& theta) {
  const auto head = theta.slice(0, 0, -1);
  const auto tail = theta.slice(0, 1);
  return (100 * (tail - head.square()).square() + (1 - head).square()).sum();
}

TEST(TorchObjective, RosenbrockAgreesWithItsClosedForm) {
  const Objective objective = torch_objective(rosenbrock);
  const std::vector<double> x{-1.2, 1.0, 0.3, -0.7};
  double f = 0;
  std::vector<double> expected(4, 0.0);
  for (std::size_t i = 0; i < 3; ++i) {
    const double a = x[i + 1] - x[i] * x[i];
    const double b = 1 - x[i];
    f += 100 * a * a + b * b;
    expected[i] += -400 * a * x[i] - 2 * b;
    expected[i + 1] += 200 * a;
  }
  std::vector<double> gradient(4);
  EXPECT_NEAR(objective(x, gradient), f, 1e-12 * f);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(gradient[i], expected[i], 1e-10);
  EXPECT_NEAR(objective(x, {}), f, 1e-12 * f);
  const torch::NoGradGuard guard;  // the caller's mode does not matter
  std::vector<double> again(4);
  objective(x, again);
  EXPECT_EQ(again, gradient);
}

TEST(TorchObjective, TheGradientIsZeroWhereNothingDependsOnTheta) {
  const std::vector<double> x{1, 2};
  std::vector<double> gradient(2, 5.0);
  EXPECT_EQ(torch_objective([](const at::Tensor&) { return torch::full({}, 3.0, torch::kFloat64); })(x, gradient), 3.0);
  EXPECT_EQ(gradient, (std::vector<double>{0, 0}));
  auto weight = torch::ones({}, torch::requires_grad().dtype(torch::kFloat32));
  EXPECT_EQ(torch_objective([=](const at::Tensor&) { return weight * 2; })(x, gradient), 2.0);
  EXPECT_EQ(gradient, (std::vector<double>{0, 0}));
}

TEST(TorchObjective, ExceptionsComeOutUnchanged) {
  std::vector<double> gradient(2);
  const std::vector<double> x{1, 2};
  EXPECT_THROW(torch_objective([](const at::Tensor& t) {
                 return t.matmul(torch::ones({7, 7}, torch::kFloat64));
               })(x, gradient),
               c10::Error);
  EXPECT_THROW(torch_objective([](const at::Tensor&) -> at::Tensor { throw 42; })(x, gradient), int);
  EXPECT_THROW(torch_objective([](const at::Tensor& t) { return t * 2; })(x, gradient), std::invalid_argument);
  EXPECT_THROW(torch_objective([](const at::Tensor&) { return at::Tensor(); })(x, gradient), std::invalid_argument);
  EXPECT_THROW(torch_objective(nullptr), std::invalid_argument);
}

TEST(TorchObjective, CanBeMinimised) {
  MinimizeOptions options;
  options.policy = untrained_policy();
  options.budget = 100;
  const std::vector<double> x0{-1, 1};
  const Objective objective = torch_objective(rosenbrock);
  EXPECT_LT(minimize(objective, x0, options).best_value, objective(x0, {}));
}

}  // namespace
}  // namespace scout
