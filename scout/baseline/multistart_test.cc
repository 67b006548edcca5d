#include <gtest/gtest.h>

#include "scout/baseline/method.h"
#include "scout/baseline/test_optimizer.h"
#include "scout/optimizer/test_instance.h"

namespace scout::baseline {
namespace {

struct Visit {
  std::int64_t budget;
  std::vector<double> start;
};

/// Notes what it was given, asks for at most `calls` values, and returns.
class Probe : public Optimizer {
 public:
  Probe(std::vector<Visit>& runs, int calls) : runs_(runs), calls_(calls) {}
  Ending run(Oracle& oracle, std::span<const double> start, Seed) const override {
    runs_.push_back({oracle.remaining(), {start.begin(), start.end()}});
    for (int i = 0; i < calls_; ++i) oracle.value(start);
    return Ending::converged;
  }

 private:
  std::vector<Visit>& runs_;
  int calls_;
};

const std::vector<double> start{1, 2};

TEST(MultiStart, SharesTheBudgetEqually) {
  const TestInstance sphere = shifted_sphere(2);
  Oracle oracle(sphere, 11);
  std::vector<Visit> runs;
  const MultiStart method(std::make_unique<Probe>(runs, 1000), 3);
  EXPECT_THROW(method.run(oracle, start, Seed(1)), BudgetExhausted);
  ASSERT_EQ(runs.size(), 3u);
  EXPECT_EQ(runs[0].budget, 3);
  EXPECT_EQ(runs[1].budget, 4);
  EXPECT_EQ(runs[2].budget, 4);
  EXPECT_EQ(oracle.remaining(), 0);
  EXPECT_EQ(runs[0].start, start);
  EXPECT_NE(runs[1].start, start);
  EXPECT_NE(runs[1].start, runs[2].start);
}

TEST(MultiStart, RestartsOnConvergenceUntilTheBudgetIsUsed) {
  const TestInstance sphere = shifted_sphere(2);
  Oracle oracle(sphere, 10);
  std::vector<Visit> runs;
  const MultiStart method(std::make_unique<Probe>(runs, 4), 1);
  EXPECT_THROW(method.run(oracle, start, Seed(1)), BudgetExhausted);
  ASSERT_EQ(runs.size(), 3u);
  EXPECT_EQ(runs[2].budget, 2);
  EXPECT_EQ(oracle.calls(), 10);
}

TEST(MultiStart, EndsIfTheInnerMethodAsksForNothing) {
  const TestInstance sphere = shifted_sphere(2);
  Oracle oracle(sphere, 10);
  std::vector<Visit> runs;
  EXPECT_EQ(MultiStart(std::make_unique<Probe>(runs, 0), 3).run(oracle, start, Seed(1)), Ending::stalled);
  EXPECT_EQ(runs.size(), 3u);
}

TEST(MultiStart, FindsTheBetterOfTwoBasins) {
  // From θ = -3 descent ends in the worse basin (f = 1 near -2.9); fresh starts over [-5, 5] find the better one at 2.
  const TestInstance two_basins(1, [](std::span<const double> theta, std::span<double> gradient) {
    const double left = (theta[0] + 2.9) * (theta[0] + 2.9) + 1;
    const double right = (theta[0] - 2) * (theta[0] - 2);
    gradient[0] = 2 * (left < right ? theta[0] + 2.9 : theta[0] - 2);
    return std::min(left, right);
  });
  const auto best = [&](std::string_view name) {
    Oracle oracle(two_basins, 120);
    try {
      make_optimizer(name, {})->run(oracle, std::vector<double>{-3}, Seed(0));
    } catch (const BudgetExhausted&) {
    }
    return oracle.best_value();
  };
  EXPECT_GT(best("lbfgs"), 0.9);
  EXPECT_LT(best("multistart-lbfgs"), 1e-6);
  EXPECT_LT(best("nlopt-lbfgs-multistart"), 1e-6);
  EXPECT_LT(best("nlopt-mlsl"), 1e-6);
}

}  // namespace
}  // namespace scout::baseline
