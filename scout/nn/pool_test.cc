#include "scout/nn/layers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "scout/base/random.h"
#include "scout/nn/test_targets.h"

namespace scout::kernel {
namespace {

constexpr int kStates = 4;
constexpr int kBegin[kStates + 1] = {0, 1, 4, 14, 16};
constexpr int kRows = kBegin[kStates];

std::vector<float> normal(int n, std::uint64_t seed) {
  Random random{Seed(seed)};
  std::vector<float> out(static_cast<std::size_t>(n));
  for (float& x : out) x = static_cast<float>(random.normal());
  return out;
}

/// Calls body(where an element is in an array of rows, where in one of states, rows of the state) for every element.
template <class Body>
void for_elements(int width, const Body& body) {
  for (int s = 0; s < kStates; ++s) {
    for (int r = kBegin[s]; r < kBegin[s + 1]; ++r) {
      for (int j = 0; j < width; ++j) {
        body(static_cast<std::size_t>(r * width + j), static_cast<std::size_t>(s * width + j),
             static_cast<float>(kBegin[s + 1] - kBegin[s]));
      }
    }
  }
}

TEST(Pool, AddsOrAveragesTheRowsOfAState) {
  on_every_target([] {
    for (int width = 1; width <= 40; ++width) {
      const auto x = normal(kRows * width, 1);
      std::vector<float> sum(static_cast<std::size_t>(kStates * width)), mean = sum, expected = sum, share = sum;
      pool(x.data(), kBegin, kStates, width, false, sum.data());
      pool(x.data(), kBegin, kStates, width, true, mean.data());
      for_elements(width, [&](std::size_t row, std::size_t state, float count) {
        expected[state] += x[row];
        share[state] = 1.0F / count;
      });
      for (std::size_t i = 0; i < sum.size(); ++i) {
        ASSERT_NEAR(sum[i], expected[i], 1e-5F);
        ASSERT_NEAR(mean[i], expected[i] * share[i], 1e-5F);
      }
    }
  });
}

TEST(Pool, AddsWhatWasPooledAndRectifies) {
  on_every_target([] {
    for (int width = 1; width <= 40; ++width) {
      const auto before = normal(kRows * width, 1), pooled = normal(kStates * width, 2);
      auto y = before;
      add_pooled_relu(pooled.data(), kBegin, kStates, width, y.data());
      for_elements(width, [&](std::size_t row, std::size_t state, float) {
        ASSERT_EQ(y[row], std::max(before[row] + pooled[state], 0.0F));
      });
    }
  });
}

TEST(Pool, SharesTheMeansGradientOutToActiveRows) {
  on_every_target([] {
    for (int width = 1; width <= 40; ++width) {
      const auto before = normal(kRows * width, 1), d_mean = normal(kStates * width, 2),
                 activation = normal(kRows * width, 3);
      auto dy = before;
      add_mean_gradient_relu(d_mean.data(), kBegin, kStates, width, activation.data(), dy.data());
      for_elements(width, [&](std::size_t row, std::size_t state, float count) {
        ASSERT_NEAR(dy[row], activation[row] > 0 ? before[row] + d_mean[state] / count : 0.0F, 1e-6F);
      });
    }
  });
}

}  // namespace
}  // namespace scout::kernel
