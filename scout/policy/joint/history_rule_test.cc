#include <gtest/gtest.h>

#include "scout/policy/rules.h"

namespace scout {
namespace {

/// H = 2, M = 2: two changes of f, two gradients, newest first.
TEST(HistoryRule, SeesChangesOfTheValueAndGradients) {
  const auto rule = make_rule({.rule = "history", .dimension = 2, .hidden = {3}, .history = 2, .step_scale = 0.5});
  Random random(Seed(1));
  const auto run = rule->with(rule->initial_parameters(random))->new_run(2);
  const auto seen = [&] {
    std::vector<float> out(run->features());
    const std::size_t row = 0;
    run->write_features({&row, 1}, out.data());
    return out;
  };
  const auto point = [](const std::vector<double>& theta, const std::vector<double>& gradient, double f) {
    return Observation{.theta = theta, .gradient = gradient, .f = f};
  };
  const std::vector<double> theta{5, 6};
  run->start(point(theta, {1, 2}, 10), {.scale = 3, .horizon = 10});
  EXPECT_EQ(seen(), (std::vector<float>{0, 0, 1, 2, 0, 0}));
  run->observe(point(theta, {3, 4}, 7));
  EXPECT_EQ(seen(), (std::vector<float>{-3, 0, 3, 4, 1, 2}));
  run->observe(point(theta, {5, 6}, 9));
  EXPECT_EQ(seen(), (std::vector<float>{2, -1, 5, 6, 3, 4}));
  run->observe(point(theta, {1e300, -7}, 9.5));
  EXPECT_EQ(seen(), (std::vector<float>{0.5F, 2.5F, 100, -7, 5, 6}));

  run->actions()[0] = 0.25F;
  run->actions()[1] = -1;
  std::vector<double> moved{0, 0};
  run->apply(moved);
  EXPECT_EQ(moved, (std::vector<double>{0.75, -3})) << "an action is a step";
}

}  // namespace
}  // namespace scout
