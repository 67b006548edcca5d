#include "scout/optimizer/oracle.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "scout/base/parallel.h"
#include "scout/optimizer/test_instance.h"

namespace scout {
namespace {

const double nan = std::numeric_limits<double>::quiet_NaN();
const double infinity = std::numeric_limits<double>::infinity();

TestInstance half_nan() {  // θ² for θ > 0, NaN elsewhere
  return TestInstance(1, [](std::span<const double> theta, std::span<double> gradient) {
    gradient[0] = theta[0] > 0 ? 2 * theta[0] : nan;
    return theta[0] > 0 ? theta[0] * theta[0] : nan;
  });
}

TEST(Oracle, CountsEachKindOfCall) {
  const TestInstance sphere = shifted_sphere(2);
  Oracle oracle(sphere, 10);
  const std::vector<double> theta{2, 3};
  std::vector<double> gradient(2);
  EXPECT_EQ(oracle.value(theta), 5);
  oracle.gradient(theta, gradient);
  EXPECT_EQ(gradient, (std::vector<double>{2, 4}));
  EXPECT_EQ(oracle.value_and_gradient(theta, gradient), 5);
  EXPECT_EQ(oracle.values(), 2);
  EXPECT_EQ(oracle.gradients(), 2);
  EXPECT_EQ(oracle.calls(), 4);
  EXPECT_EQ(oracle.remaining(), 6);
}

TEST(Oracle, RecordsTheResultInThePlaceOfThePoint) {
  const TestInstance sphere = shifted_sphere(2);
  Oracle oracle(sphere, 2);
  oracle.keep_trajectory();
  const std::vector<double> theta{1, 1}, result{2, 3};
  std::vector<double> gradient(2);
  oracle.gradient(theta, gradient, result);
  EXPECT_EQ(gradient, (std::vector<double>{0, 0})) << "of the point";
  EXPECT_EQ(oracle.gradients(), 1);
  EXPECT_EQ(oracle.values(), 0);
  EXPECT_EQ(oracle.best_value(), 5) << "of the result";
  EXPECT_EQ(oracle.trajectory(), result);
  EXPECT_EQ(std::vector<double>(oracle.last_point().begin(), oracle.last_point().end()), result);
  EXPECT_THROW(oracle.gradient(theta, gradient, std::vector<double>{1}), std::invalid_argument);
  EXPECT_EQ(oracle.calls(), 1) << "what is refused costs nothing";
}

/// θ + the number of the minibatch.
class Minibatches : public TestInstance {
 public:
  Minibatches()
      : TestInstance(1, [](std::span<const double> theta, std::span<double> gradient) {
          gradient[0] = 1;
          return theta[0];
        }) {}
  void evaluate_minibatch(std::uint64_t minibatch, std::span<const double> theta, std::span<double> f,
                          std::span<double> gradient) const override {
    if (!f.empty()) f[0] = theta[0] + static_cast<double>(minibatch);
    if (!gradient.empty()) gradient[0] = static_cast<double>(minibatch);
  }
};

TEST(Oracle, EachPointHasAMinibatchAndTheRecordIsOfTheTrueValue) {
  const Minibatches instance;
  Oracle oracle(instance, 10);
  const std::vector<double> theta{5};
  std::vector<double> gradient(1);
  EXPECT_EQ(oracle.value(theta), 5);
  oracle.gradient(theta, gradient);
  EXPECT_EQ(gradient[0], 1);
  EXPECT_EQ(oracle.value_and_gradient(theta, gradient), 7);
  EXPECT_EQ(gradient[0], 2) << "of the same minibatch as the value";
  EXPECT_EQ(oracle.best_value(), 5);
}

TEST(Oracle, OneMinibatchAnswersForAllPointsAndEachIsCounted) {
  const Minibatches instance;
  Oracle oracle(instance, 10);
  std::vector<double> gradient(1);
  EXPECT_EQ(oracle.value(std::vector<double>{5}), 5 + 0);
  {
    const OneMinibatch minibatch(oracle);
    EXPECT_EQ(oracle.value(std::vector<double>{5}), 5 + 1);
    EXPECT_EQ(oracle.value_and_gradient(std::vector<double>{7}, gradient), 7 + 1);
    EXPECT_EQ(gradient[0], 1);
  }
  EXPECT_EQ(oracle.value(std::vector<double>{5}), 5 + 2);
  EXPECT_EQ(oracle.calls(), 5);
}

TEST(Oracle, AStochasticGradientBringsItsValueAlong) {
  class Stochastic : public Minibatches {
   public:
    bool stochastic() const override { return true; }
  };
  const Stochastic instance;
  Oracle oracle(instance, 3);
  const std::vector<double> theta{5};
  std::vector<double> gradient(1);
  oracle.value(theta);
  EXPECT_EQ(oracle.value_and_gradient(theta, gradient), 5 + 1);
  EXPECT_EQ(gradient[0], 1);
  EXPECT_EQ(oracle.values(), 1);
  EXPECT_EQ(oracle.gradients(), 1);
  EXPECT_EQ(oracle.value_and_gradient(theta, gradient), 5 + 2);
  EXPECT_EQ(oracle.remaining(), 0);
  EXPECT_THROW(oracle.value_and_gradient(theta, gradient), BudgetExhausted);
}

TEST(Oracle, StochasticValuesAreJudgedMoreAndMoreRarely) {
  class Counted : public Minibatches {
   public:
    bool stochastic() const override { return true; }
    double true_value(std::span<const double> theta) const override {
      judged.push_back(theta[0]);
      return theta[0];
    }
    mutable std::vector<double> judged;
  };
  const Counted instance;
  Oracle oracle(instance, 1000);
  std::vector<double> gradient(1);
  for (int call = 1; call <= 1000; ++call) oracle.gradient(std::vector<double>{-1.0 * call}, gradient);
  ASSERT_GT(instance.judged.size(), 16U);
  EXPECT_LT(instance.judged.size(), 90U);
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(instance.judged[i], -1.0 * static_cast<double>(i + 1));
  for (std::size_t i = 1; i < instance.judged.size(); ++i) {
    EXPECT_LE(-instance.judged[i], -instance.judged[i - 1] + std::ceil(-instance.judged[i - 1] / 16));
  }
  EXPECT_EQ(instance.judged.back(), -1000) << "the last point counts";
  EXPECT_EQ(oracle.best_value(), -1000);

  const Counted unseen;
  Oracle blind(unseen, 2);
  blind.blindfold_judge();
  blind.gradient(std::vector<double>{-1}, gradient);
  blind.gradient(std::vector<double>{-2}, gradient);
  EXPECT_TRUE(unseen.judged.empty());
  EXPECT_EQ(blind.best_value(), infinity);
  EXPECT_EQ(blind.last_point()[0], -2);
}

TEST(Oracle, NeverExceedsTheBudget) {
  const TestInstance sphere = shifted_sphere(1);
  Oracle oracle(sphere, 2);
  const std::vector<double> theta{0};
  std::vector<double> gradient(1);
  oracle.value(theta);
  EXPECT_THROW(oracle.value_and_gradient(theta, gradient), BudgetExhausted);
  EXPECT_EQ(oracle.calls(), 1);
  oracle.gradient(theta, gradient);
  EXPECT_THROW(oracle.value(theta), BudgetExhausted);
  EXPECT_EQ(oracle.calls(), 2);
  EXPECT_THROW(Oracle(sphere, -1), std::invalid_argument);
}

TEST(Oracle, CurveHoldsImprovementsAndTheLastCall) {
  const TestInstance sphere = shifted_sphere(1);
  Oracle oracle(sphere, 10);
  EXPECT_TRUE(oracle.curve().empty());
  std::vector<double> gradient(1);
  oracle.value(std::vector<double>{4});
  oracle.value(std::vector<double>{5});
  oracle.gradient(std::vector<double>{3}, gradient);
  oracle.value(std::vector<double>{-9});
  const auto curve = oracle.curve();
  ASSERT_EQ(curve.size(), 3u);
  EXPECT_EQ(curve[0].best, 9);
  EXPECT_EQ(curve[1].best, 4);
  EXPECT_EQ(curve[1].values, 2);
  EXPECT_EQ(curve[1].gradients, 1);
  EXPECT_EQ(curve[2].best, 4);
  EXPECT_EQ(curve[2].values, 3);
  EXPECT_EQ(oracle.best_point()[0], 3);
}

TEST(Oracle, NanIsCountedAndNeverTheBest) {
  const TestInstance instance = half_nan();
  Oracle oracle(instance, 10);
  std::vector<double> gradient(1);
  EXPECT_TRUE(std::isnan(oracle.value(std::vector<double>{-1})));
  EXPECT_EQ(oracle.best_value(), infinity);
  EXPECT_TRUE(oracle.best_point().empty());
  oracle.value(std::vector<double>{2});
  oracle.gradient(std::vector<double>{-1}, gradient);
  oracle.value(std::vector<double>{nan});
  EXPECT_EQ(oracle.non_finite(), 3);
  EXPECT_EQ(oracle.best_value(), 4);
  EXPECT_EQ(oracle.curve().back().best, 4);
  EXPECT_TRUE(std::isnan(oracle.last_point()[0])) << "the last point is kept whatever it is";
}

TEST(Oracle, MinusInfinityIsNotTheBest) {
  const TestInstance instance(1, [](std::span<const double>, std::span<double>) { return -infinity; });
  Oracle oracle(instance, 1);
  oracle.value(std::vector<double>{0});
  EXPECT_EQ(oracle.best_value(), infinity);
  EXPECT_EQ(oracle.non_finite(), 1);
}

TEST(Oracle, KeepsTheTrajectoryIfAsked) {
  const TestInstance sphere = shifted_sphere(2);
  Oracle oracle(sphere, 10);
  oracle.value(std::vector<double>{1, 2});
  EXPECT_TRUE(oracle.trajectory().empty());
  oracle.keep_trajectory();
  oracle.value(std::vector<double>{3, 4});
  oracle.value(std::vector<double>{5, 6});
  EXPECT_EQ(oracle.trajectory(), (std::vector<double>{3, 4, 5, 6}));
}

TEST(Oracle, ABatchIsItsPointsOneAfterTheOther) {
  const TestInstance sphere = shifted_sphere(2);
  const std::vector<double> points{3, 1, 1, 4, 2, 2, 1, 1.5};
  for (const int threads : {1, 3}) {
    ThreadTeam team(threads);
    Oracle oracle(sphere, 12);
    oracle.keep_trajectory();
    std::vector<double> values(4), gradients(4), many(6);
    oracle.batch(points, values, gradients, team);
    EXPECT_EQ(values, (std::vector<double>{4, 9, 2, 0.25}));
    EXPECT_EQ(gradients, (std::vector<double>{4, 0, 0, 6})) << "of the first two";
    EXPECT_EQ(oracle.values(), 4);
    EXPECT_EQ(oracle.gradients(), 2);
    EXPECT_EQ(oracle.best_value(), 0.25);
    EXPECT_EQ(oracle.trajectory(), points);
    ASSERT_EQ(oracle.curve().size(), 3U);
    EXPECT_EQ(oracle.curve()[1].values, 3);
    EXPECT_THROW(oracle.batch(points, values, many, team), BudgetExhausted);
    EXPECT_EQ(oracle.calls(), 6) << "nothing of it was evaluated";
  }
}

TEST(Oracle, RejectsAPointOfAnotherDimension) {
  const TestInstance sphere = shifted_sphere(2);
  Oracle oracle(sphere, 10);
  EXPECT_THROW(oracle.value(std::vector<double>{1}), std::invalid_argument);
  EXPECT_EQ(oracle.calls(), 0);
}

TEST(BudgetShare, EndsWithTheShareAndGivesTheRestBack) {
  const TestInstance sphere = shifted_sphere(1);
  Oracle oracle(sphere, 5);
  const std::vector<double> theta{0};
  oracle.value(theta);
  {
    const BudgetShare share(oracle, 2);
    EXPECT_EQ(oracle.remaining(), 2);
    oracle.value(theta);
    oracle.value(theta);
    EXPECT_THROW(oracle.value(theta), BudgetExhausted);
  }
  EXPECT_EQ(oracle.remaining(), 2);
  const BudgetShare more_than_left(oracle, 100);
  EXPECT_EQ(oracle.remaining(), 2);
}

}  // namespace
}  // namespace scout
