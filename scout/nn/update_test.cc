#include "scout/nn/update.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "scout/base/random.h"
#include "scout/nn/test_targets.h"

namespace scout::kernel {
namespace {

std::vector<float> normal(std::size_t n, std::uint64_t seed) {
  Random random{Seed(seed)};
  std::vector<float> out(n);
  for (float& x : out) x = static_cast<float>(random.normal());
  return out;
}

/// Calls `body` with every length up to 70, on every instruction set.
void for_every_length(const std::function<void(std::size_t)>& body) {
  on_every_target([&] {
    for (std::size_t n = 0; n <= 70; ++n) body(n);
  });
}

TEST(Update, AdamIsThePapers) {
  for_every_length([](std::size_t n) {
    constexpr double kRate = 0.01;
    std::vector<float> theta = normal(n, 1), mean(n), square(n);
    std::vector<double> expected(theta.begin(), theta.end()), m(n), v(n);
    for (int t = 1; t <= 5; ++t) {
      const std::vector<float> g = normal(n, 1 + static_cast<std::uint64_t>(t));
      const double correction1 = 1 - std::pow(0.9, t);
      const double correction2 = 1 - std::pow(0.999, t);
      adam(theta.data(), mean.data(), square.data(), g.data(), n, static_cast<float>(kRate / correction1),
           static_cast<float>(1 / std::sqrt(correction2)));
      for (std::size_t i = 0; i < n; ++i) {
        const auto gradient = static_cast<double>(g[i]);
        m[i] = 0.9 * m[i] + 0.1 * gradient;
        v[i] = 0.999 * v[i] + 0.001 * gradient * gradient;
        expected[i] -= kRate * (m[i] / correction1) / (std::sqrt(v[i] / correction2) + 1e-8);
      }
    }
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_NEAR(theta[i], expected[i], 1e-6) << i << " of " << n;
      ASSERT_NEAR(mean[i], m[i], 1e-6);
      ASSERT_NEAR(square[i], v[i], 1e-6 * v[i] + 1e-9);
    }
  });
}

TEST(Update, FollowGoesTheGivenShareOfTheWay) {
  for_every_length([](std::size_t n) {
    const std::vector<float> source = normal(n, 1), before = normal(n, 2);
    std::vector<float> target = before;
    follow(target.data(), source.data(), n, 0.25F);
    for (std::size_t i = 0; i < n; ++i) ASSERT_NEAR(target[i], 0.75F * before[i] + 0.25F * source[i], 1e-6F);
  });
}

TEST(Update, SquareSumDoesNotOverflow) {
  for_every_length([](std::size_t n) {
    std::vector<float> x = normal(n, 1);
    double expected = 0;
    for (float& e : x) {
      e *= 1e30F;
      expected += static_cast<double>(e) * static_cast<double>(e);
    }
    ASSERT_NEAR(square_sum(x.data(), n), expected, 1e-12 * expected);
  });
}

}  // namespace
}  // namespace scout::kernel
