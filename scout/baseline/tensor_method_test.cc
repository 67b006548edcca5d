// What the methods on tensors have in common: tensors of different shapes, schedules, points that are judged, state.
#include "scout/baseline/tensor_method.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "scout/baseline/test_optimizer.h"
#include "scout/optimizer/test_instance.h"

namespace scout::baseline {
namespace {

/// A filter, three matrices and two vectors.
const std::vector<TensorShape> shapes{{24, 4, 4}, {15, 2, 5}, {7, 1, 7}, {12, 2, 3}, {6, 2, 2}, {3, 1, 3}};
constexpr int weights = 24 + 15 + 7 + 12 + 6 + 3;

/// ½ Σ c_i (θ_i - 1)² as the training of a network.
class Bowl : public TestInstance {
 public:
  Bowl()
      : TestInstance(weights, [](std::span<const double> theta, std::span<double> gradient) {
          double f = 0;
          for (std::size_t i = 0; i < theta.size(); ++i) {
            const double c = 1 + static_cast<double>(i % 4);
            f += 0.5 * c * (theta[i] - 1) * (theta[i] - 1);
            gradient[i] = c * (theta[i] - 1);
          }
          return f;
        }) {}
  bool stochastic() const override { return true; }
  std::vector<TensorShape> tensors() const override { return shapes; }
};

double reached(std::string_view name, const nlohmann::json& settings, int budget) {
  const Bowl bowl;
  Oracle oracle(bowl, budget);
  EXPECT_THROW(make_optimizer(name, settings)->run(oracle, std::vector<double>(weights, 0.0), Seed(0)), BudgetExhausted)
      << name;
  EXPECT_EQ(oracle.gradients(), budget) << name << " asks once a step";
  EXPECT_EQ(oracle.values(), 0) << name;
  return bowl.true_value(oracle.last_point());
}

TEST(TensorMethods, MinimiseABowlOfTensors) {
  const Bowl bowl;
  const double start = bowl.true_value(std::vector<double>(weights, 0.0));
  const std::map<std::string, nlohmann::json> settings{{"nadamw", {{"lr", 0.05}}},
                                                       {"ademamix", {{"lr", 0.05}, {"slow_warmup", 1}}},
                                                       {"lion", {{"lr", 0.02}}},
                                                       {"schedule-free-adamw", {{"lr", 0.2}}},
                                                       {"prodigy", {}},
                                                       {"dowg", {}},
                                                       {"mars", {{"lr", 0.05}}},
                                                       {"soap", {{"lr", 0.05}}},
                                                       {"muon", {{"lr", 0.1}, {"adam_lr", 0.5}}},
                                                       {"nesterov-decay", {{"lr", 0.02}}},
                                                       {"adamw-decay", {{"lr", 0.05}, {"weight_decay", 0}}}};
  for (const auto& [name, one] : settings) EXPECT_LT(reached(name, one, 400), 0.02 * start) << name;
}

TEST(TensorMethods, UntunedLinesImprove) {
  const Bowl bowl;
  const double start = bowl.true_value(std::vector<double>(weights, 0.0));
  for (const auto& entry : optimizers()) {
    if (entry.grid().size() == 1 && std::string(entry.summary).ends_with("untuned")) {
      EXPECT_LT(reached(entry.name, {}, 400), 0.9 * start) << entry.name;
      EXPECT_EQ(reached(entry.name, {}, 40), reached(entry.name, entry.grid().front(), 40))
          << "its defaults are its setting";
    }
  }
}

TEST(TensorMethods, StateIsCountedToTheByte) {
  const int vectors = 7 + 3, hidden = 15 + 12;
  const int sides = 4 * 4 + 6 * 6 + 5 * 5 + 3 * 3 + 3 * 3 + 4 * 4 + 2 * 2 + 3 * 3;
  const std::map<std::string, std::int64_t> numbers{{"nadamw", 2 * weights},
                                                    {"ademamix", 3 * weights},
                                                    {"lion", weights},
                                                    {"schedule-free-adamw", 2 * weights},
                                                    {"prodigy", 4 * weights},
                                                    {"dowg", weights},
                                                    {"mars", 3 * weights},
                                                    {"soap", 2 * weights + 2 * sides},
                                                    {"muon", weights + (weights - hidden)}};
  EXPECT_EQ(vectors + hidden + 24 + 6, weights);
  for (const auto& [name, count] : numbers) {
    const auto meter = make_optimizer(name, {})->step_meter(shapes, 10);
    ASSERT_TRUE(meter) << name;
    for (int step = 0; step < 12; ++step) EXPECT_GE(meter->step(), 0) << name;
    EXPECT_EQ(meter->state_bytes(), 4 * count) << name;
  }
}

TEST(TensorMethods, WithoutMatricesTheMatrixMethodsAreAdam) {
  const TestInstance sphere = shifted_sphere(3);
  const auto path = [&](std::string_view name, const nlohmann::json& settings) {
    Oracle oracle(sphere, 30);
    oracle.keep_trajectory();
    EXPECT_THROW(make_optimizer(name, settings)->run(oracle, std::vector<double>{-3, 2, 0}, Seed(0)), BudgetExhausted);
    return oracle.trajectory();
  };
  const nlohmann::json betas{{"lr", 0.01}, {"schedule", "constant"}, {"beta1", 0.9}, {"beta2", 0.95}};
  const auto adam = path("adam", betas);
  const auto muon = path("muon", {{"lr", 0.1}, {"adam_lr", 0.1}, {"schedule", "constant"}});
  nlohmann::json of_soap = betas;
  of_soap["weight_decay"] = 0;
  const auto soap = path("soap", of_soap);
  for (std::size_t i = 0; i + 3 < adam.size(); ++i) {
    EXPECT_NEAR(muon[i], adam[i], 1e-6);
    EXPECT_NEAR(soap[i + 3], adam[i], 1e-6) << "a step later";
  }
}

TEST(TensorMethods, ScheduleFreeIsJudgedAtItsAverage) {
  class Line : public TestInstance {  // slope 1: Adam's steps have the length of the rate
   public:
    Line()
        : TestInstance(1, [this](std::span<const double> theta, std::span<double> gradient) {
            gradient[0] = 1;
            return theta[0];
          }) {}
    bool stochastic() const override { return true; }
    void evaluate_minibatch(std::uint64_t, std::span<const double> theta, std::span<double>,
                            std::span<double> gradient) const override {
      asked.push_back(theta[0]);
      gradient[0] = 1;
    }
    mutable std::vector<double> asked;
  };
  const Line line;
  Oracle oracle(line, 4);
  oracle.keep_trajectory();
  const nlohmann::json settings{{"lr", 0.1}, {"beta1", 0.8}};
  EXPECT_THROW(make_optimizer("schedule-free-adamw", settings)->run(oracle, std::vector<double>{0}, Seed(0)),
               BudgetExhausted);
  double x = 0, z = 0;
  for (std::size_t step = 0; step < 4; ++step) {
    EXPECT_NEAR(oracle.trajectory()[step], x, 1e-8) << "the average";
    EXPECT_NEAR(line.asked[step], 0.2 * z + 0.8 * x, 1e-8) << "where the gradient is taken";
    z -= 0.1;
    x += (z - x) / static_cast<double>(step + 1);
  }
  EXPECT_EQ(oracle.last_point()[0], oracle.trajectory()[3]);
  EXPECT_NEAR(oracle.best_value(), oracle.trajectory()[3], 1e-12) << "on the record is the average alone";
}

/// Per coordinate: m, v, and a step of NAdamW by its formulas.
TEST(TensorMethods, NadamwIsItsFormula) {
  constexpr double kLr = 0.03, kBeta1 = 0.8, kBeta2 = 0.95, kEpsilon = 1e-3, kDecay = 0.2;
  for (const bool nesterov : {false, true}) {
    for (const std::string correction : {"moments", "rate"}) {
      const Bowl bowl;
      Oracle oracle(bowl, 9);
      oracle.keep_trajectory();
      const nlohmann::json settings{{"lr", kLr},
                                    {"beta1", kBeta1},
                                    {"beta2", kBeta2},
                                    {"epsilon", kEpsilon},
                                    {"weight_decay", kDecay},
                                    {"nesterov", nesterov},
                                    {"schedule", "constant"},
                                    {"correction", correction}};
      EXPECT_THROW(make_optimizer("nadamw", settings)->run(oracle, std::vector<double>(weights, -0.5), Seed(0)),
                   BudgetExhausted);
      double x = -0.5, m = 0, v = 0;
      for (int t = 1; t < 9; ++t) {
        const double g = 2 * (x - 1);  // the second coordinate's
        m = kBeta1 * m + (1 - kBeta1) * g;
        v = kBeta2 * v + (1 - kBeta2) * g * g;
        const double top = nesterov ? kBeta1 * m + (1 - kBeta1) * g : m;
        const double c1 = 1 - std::pow(kBeta1, t), c2 = 1 - std::pow(kBeta2, t);
        if (correction == "moments") {
          x -= kLr * (top / c1 / (std::sqrt(v / c2) + kEpsilon) + kDecay * x);
        } else {
          x -= kLr * std::sqrt(c2) / c1 * (top / (std::sqrt(v) + kEpsilon) + kDecay * x);
        }
        EXPECT_NEAR(oracle.trajectory()[static_cast<std::size_t>(t * weights + 1)], x, 1e-12) << correction << t;
      }
    }
  }
}

TEST(Schedules, WarmUpThenHoldThenCosineToTheFloor) {
  RateOptions rate;
  rate.lr = 2;
  rate.warmup = 0.1;
  rate.hold = 0.4;
  rate.floor = 0.5;
  EXPECT_DOUBLE_EQ(rate.at(0, 100), 0.2);
  EXPECT_DOUBLE_EQ(rate.at(9, 100), 2);
  EXPECT_DOUBLE_EQ(rate.at(39, 100), 2);
  EXPECT_DOUBLE_EQ(rate.at(40, 100), 2);
  EXPECT_DOUBLE_EQ(rate.at(70, 100), 1.5);
  EXPECT_NEAR(rate.at(99, 100), 1, 1e-3);
  rate.schedule = "constant";
  EXPECT_DOUBLE_EQ(rate.at(4, 100), 1);
  EXPECT_DOUBLE_EQ(rate.at(99, 100), 2);
}

TEST(Schedules, EverySettingHasBoth) {
  const auto settings = with_schedules({{{"lr", 1}}, {{"lr", 2}}});
  ASSERT_EQ(settings.size(), 4u);
  EXPECT_EQ(settings[1], (nlohmann::json{{"lr", 2}, {"schedule", "constant"}, {"warmup", 0.0}}));
  EXPECT_EQ(settings[2], (nlohmann::json{{"lr", 1}, {"schedule", "cosine"}, {"warmup", 0.05}}));
}

}  // namespace
}  // namespace scout::baseline
