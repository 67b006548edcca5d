// Golden comparisons: torch's methods, as adapted here, against their formulas written out.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "scout/baseline/test_optimizer.h"
#include "scout/optimizer/test_instance.h"

namespace scout {
namespace {

constexpr int steps = 6;
const std::vector<double> start{-3, 2};

/// f = θ_0² + 10 θ_1², whose gradient is (2 θ_0, 20 θ_1).
TestInstance quadratic() {
  return TestInstance(2, [](std::span<const double> theta, std::span<double> gradient) {
    gradient[0] = 2 * theta[0];
    gradient[1] = 20 * theta[1];
    return theta[0] * theta[0] + 10 * theta[1] * theta[1];
  });
}

constexpr double width = 10;  // of the box of TestInstance
const double first_rms = std::sqrt((36.0 + 1600.0) / 2);

/// The visited points of `name`, one [2] row a step.
std::vector<double> visited(std::string_view name, const nlohmann::json& settings) {
  const TestInstance instance = quadratic();
  Oracle oracle(instance, steps);
  oracle.keep_trajectory();
  EXPECT_THROW(make_optimizer(name, settings)->run(oracle, start, Seed(0)), BudgetExhausted);
  EXPECT_EQ(oracle.gradients(), steps);
  return oracle.trajectory();
}

/// The visited points when each coordinate moves by `update(i, step, gradient)`.
template <class Update>
std::vector<double> expected(Update&& update) {
  std::vector<double> theta = start;
  std::vector<double> out;
  for (int step = 0; step < steps; ++step) {
    out.insert(out.end(), theta.begin(), theta.end());
    for (std::size_t i = 0; i < 2; ++i) theta[i] += update(i, step, (i == 0 ? 2 : 20) * theta[i]);
  }
  return out;
}

void expect_near(const std::vector<double>& a, const std::vector<double>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-9 * (1 + std::abs(b[i]))) << "entry " << i;
}

TEST(FirstOrder, Sgd) {
  const double lr = 0.1 * width / first_rms;
  expect_near(visited("sgd", {{"lr", 0.1}, {"schedule", "constant"}}),
              expected([&](auto, int, double g) { return -lr * g; }));
}

TEST(FirstOrder, CosineFallsToZeroAtTheBudget) {
  const double lr = 0.1 * width / first_rms;
  expect_near(visited("sgd", {{"lr", 0.1}, {"schedule", "cosine"}}), expected([&](auto, int step, double g) {
                return -lr * 0.5 * (1 + std::cos(std::numbers::pi * step / steps)) * g;
              }));
}

TEST(FirstOrder, Momentum) {
  const double lr = 0.02 * width / first_rms;
  double v[2] = {};
  expect_near(visited("momentum", {{"lr", 0.02}, {"schedule", "constant"}}), expected([&](std::size_t i, int, double g) {
                v[i] = 0.9 * v[i] + g;
                return -lr * v[i];
              }));
}

TEST(FirstOrder, Nesterov) {
  const double lr = 0.02 * width / first_rms;
  double v[2] = {};
  expect_near(visited("nesterov", {{"lr", 0.02}, {"schedule", "constant"}}), expected([&](std::size_t i, int, double g) {
                v[i] = 0.9 * v[i] + g;
                return -lr * (g + 0.9 * v[i]);
              }));
}

TEST(FirstOrder, NesterovWithWeightDecay) {
  const double lr = 0.02 * width / first_rms;
  double v[2] = {}, theta[2] = {start[0], start[1]};
  expect_near(visited("nesterov-decay", {{"lr", 0.02}, {"schedule", "constant"}, {"weight_decay", 0.3}}),
              expected([&](std::size_t i, int, double g) {
                g += 0.3 * theta[i];
                v[i] = 0.9 * v[i] + g;
                const double change = -lr * (g + 0.9 * v[i]);
                theta[i] += change;
                return change;
              }));
}

TEST(FirstOrder, Adagrad) {
  double sum[2] = {};
  expect_near(visited("adagrad", {{"lr", 0.01}, {"schedule", "constant"}}), expected([&](std::size_t i, int, double g) {
                sum[i] += g * g;
                return -0.01 * width * g / (std::sqrt(sum[i]) + 1e-10);
              }));
}

TEST(FirstOrder, RmsProp) {
  double v[2] = {};
  expect_near(visited("rmsprop", {{"lr", 0.01}, {"schedule", "constant"}}), expected([&](std::size_t i, int, double g) {
                v[i] = 0.99 * v[i] + 0.01 * g * g;
                return -0.01 * width * g / (std::sqrt(v[i]) + 1e-8);
              }));
}

double adam_step(double (&m)[2], double (&v)[2], std::size_t i, int step, double g) {
  m[i] = 0.9 * m[i] + 0.1 * g;
  v[i] = 0.999 * v[i] + 0.001 * g * g;
  const double m_hat = m[i] / (1 - std::pow(0.9, step + 1));
  const double v_hat = v[i] / (1 - std::pow(0.999, step + 1));
  return m_hat / (std::sqrt(v_hat) + 1e-8);
}

TEST(FirstOrder, Adam) {
  double m[2] = {}, v[2] = {};
  expect_near(visited("adam", {{"lr", 0.05}, {"schedule", "constant"}}),
              expected([&](std::size_t i, int step, double g) { return -0.05 * width * adam_step(m, v, i, step, g); }));
}

TEST(FirstOrder, AdamW) {
  const double lr = 0.05 * width;
  double m[2] = {}, v[2] = {}, theta[2] = {start[0], start[1]};
  expect_near(visited("adamw", {{"lr", 0.05}, {"schedule", "constant"}, {"weight_decay", 0.2}}),
              expected([&](std::size_t i, int step, double g) {
                const double change = -lr * 0.2 * theta[i] - lr * adam_step(m, v, i, step, g);
                theta[i] += change;
                return change;
              }));
}

/// The quadratic as the training of a network.
class Stochastic : public TestInstance {
 public:
  Stochastic() : TestInstance(quadratic()) {}
  bool stochastic() const override { return true; }
};

TEST(FirstOrder, RatesAreTorchsOnNetworks) {
  const Stochastic instance;
  for (const char* name : {"sgd", "adam"}) {
    Oracle oracle(instance, 2);
    oracle.keep_trajectory();
    EXPECT_THROW(make_optimizer(name, {{"lr", 0.01}, {"schedule", "constant"}})->run(oracle, start, Seed(0)),
                 BudgetExhausted);
    const double step = name == std::string("sgd") ? 0.01 * 6 : 0.01;  // Adam's first has the length of the rate
    EXPECT_NEAR(oracle.trajectory()[2], start[0] + step, 1e-6) << name;
  }
}

/// Bowls about (±1, 0), by turns: minibatches that disagree.
class Disagreeing : public Stochastic {
 public:
  void evaluate_minibatch(std::uint64_t minibatch, std::span<const double> theta, std::span<double> f,
                          std::span<double> gradient) const override {
    const double centre = minibatch % 2 == 0 ? 1 : -1;
    const std::vector<double> moved{theta[0] - centre, theta[1]};
    evaluate(moved, f, gradient);
    minibatches.push_back(minibatch);
  }
  mutable std::vector<std::uint64_t> minibatches;
};

TEST(Lbfgs, SearchesEachLineOnOneMinibatch) {
  for (const std::int64_t budget : {1, 2, 3, 4, 5, 40, 201}) {
    const Disagreeing instance;
    Oracle oracle(instance, budget);
    oracle.keep_trajectory();
    EXPECT_THROW(make_optimizer("lbfgs", {{"lr", 1.0}})->run(oracle, start, Seed(0)), BudgetExhausted);
    EXPECT_EQ(oracle.gradients(), budget) << "f comes with its gradient";
    EXPECT_EQ(oracle.values(), 0);
    if (budget < 40) continue;
    const auto point = [&, path = oracle.trajectory()](std::size_t i) { return std::pair{path[2 * i], path[2 * i + 1]}; };
    const auto& minibatches = instance.minibatches;
    std::size_t lines = 0;
    for (std::size_t i = 1; i + 1 < minibatches.size(); ++i) {
      if (minibatches[i] == minibatches[i - 1]) continue;
      ++lines;
      EXPECT_EQ(minibatches[i], minibatches[i - 1] + 1);
      EXPECT_EQ(minibatches[i - 2], minibatches[i - 1]) << "a start and a trial at least";
    }
    EXPECT_GT(lines, 3u);
    const auto last_minibatch = minibatches[minibatches.size() - 2];
    const auto began =
        static_cast<std::size_t>(std::find(minibatches.begin(), minibatches.end(), last_minibatch) - minibatches.begin());
    const bool cut_off =
        minibatches.back() == last_minibatch + 1;  // else another line was begun, and nothing was left for it
    EXPECT_EQ(point(minibatches.size() - 1) == point(began), cut_off) << "the run ends where the last whole step led";
    EXPECT_LT(oracle.best_value(), 1.1) << "f between the bowls is at most 1";
  }
}

TEST(Lbfgs, AFixedStepIsTheQuasiNewtonStepTimesTheRate) {
  class OneCoordinate : public TestInstance {  // 3 θ², whose curvature the first pair tells
   public:
    explicit OneCoordinate(bool stochastic)
        : TestInstance(1,
                       [](std::span<const double> theta, std::span<double> gradient) {
                         gradient[0] = 6 * theta[0];
                         return 3 * theta[0] * theta[0];
                       }),
          stochastic_(stochastic) {}
    bool stochastic() const override { return stochastic_; }

   private:
    bool stochastic_;
  };
  constexpr double kRate = 0.25;
  for (const bool stochastic : {false, true}) {
    const OneCoordinate instance(stochastic);
    Oracle oracle(instance, 6);
    oracle.keep_trajectory();
    const std::vector<double> from{-4};
    EXPECT_THROW(make_optimizer("lbfgs-fixed-step", {{"lr", kRate}})->run(oracle, from, Seed(0)), BudgetExhausted);
    EXPECT_EQ(oracle.gradients(), 6) << "one call a step";
    EXPECT_EQ(oracle.values(), 0);
    const auto& theta = oracle.trajectory();
    EXPECT_NEAR(theta[1] - theta[0], kRate * (stochastic ? 1 : 10), 1e-6) << "in widths of a box, where there is one";
    for (std::size_t i = 2; i < 6; ++i) EXPECT_NEAR(theta[i], (1 - kRate) * theta[i - 1], 1e-6);
  }
}

TEST(Lbfgs, FixedStepsAskOfEachMinibatchOnce) {
  for (const std::int64_t budget : {1, 2, 3, 40}) {
    const Disagreeing instance;
    Oracle oracle(instance, budget);
    EXPECT_THROW(make_optimizer("lbfgs-fixed-step", {{"lr", 0.1}})->run(oracle, start, Seed(0)), BudgetExhausted);
    ASSERT_EQ(instance.minibatches.size(), static_cast<std::size_t>(budget));
    for (std::size_t i = 1; i < instance.minibatches.size(); ++i)
      EXPECT_GT(instance.minibatches[i], instance.minibatches[i - 1]);
  }
}

TEST(Lbfgs, StateIsItsHistory) {
  constexpr int kHistory = 3, kWeights = 20;
  const auto meter = make_optimizer("lbfgs", {{"history", kHistory}})->step_meter({{kWeights, 1, kWeights}}, 100);
  for (int step = 0; step < 60; ++step) EXPECT_GE(meter->step(), 0);
  const int vectors = 2 * kHistory + 2;  // pairs, direction, last gradient
  const int scalars = 2 * kHistory + 1;  // of the pairs, and the scale
  EXPECT_EQ(meter->state_bytes(), 4 * (vectors * kWeights + scalars));
}

TEST(FirstOrder, SgdRateCarriesOverToAnotherScaleOfF) {
  const auto gap = [](double scale) {
    const TestInstance sphere = shifted_sphere(3, scale);
    Oracle oracle(sphere, 30);
    const std::vector<double> from(3, -3.0);
    EXPECT_THROW(make_optimizer("sgd", {{"lr", 0.05}})->run(oracle, from, Seed(0)), BudgetExhausted);
    return oracle.best_value() / scale;
  };
  EXPECT_NEAR(gap(1), gap(1e6), 1e-9);
}

}  // namespace
}  // namespace scout
