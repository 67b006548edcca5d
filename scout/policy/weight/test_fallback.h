// What the guard has to do with a policy of weights that climbs.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "scout/policy/weight/weight_run.h"

namespace scout {

/// On Σ θ², with a network that climbs: the guard has to let the fallback act, which descends.
inline void expect_that_the_fallback_descends(const std::shared_ptr<const WeightStepper>& climbing) {
  GuardedRun run(climbing, {}, 4, 1000);
  std::vector<double> theta{1, -2, 3, 0.5}, gradient(4);
  const auto loss = [&] {
    double sum = 0;
    for (const double x : theta) sum += x * x;
    return sum;
  };
  const double start = loss();
  for (int t = 0; t < 1000; ++t) {
    for (std::size_t i = 0; i < 4; ++i) gradient[i] = 2 * theta[i];
    run.step(theta, gradient, loss());
  }
  EXPECT_LT(loss(), start);
  EXPECT_GT(run.report().fallback_steps, 300) << to_string(run.report());
}

}  // namespace scout
