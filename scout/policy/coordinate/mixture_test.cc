#include "scout/policy/coordinate/mixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <numbers>
#include <vector>

#include "scout/base/random.h"
#include "scout/nn/test_targets.h"
#include "scout/policy/rule/action.h"

namespace scout::kernel {
namespace {

/// One row, by the formulas of mixture.h.
struct Reference {
  float factor = 0, step = 0;
  std::vector<float> proposal, weight;

  Reference(const Mixture& mixture, const float* u, const float* row) : weight(static_cast<std::size_t>(mixture.count)) {
    auto decode = [&](float action) { return decode_action(std::clamp(action, -1.0F, 1.0F)); };
    auto exponential = [](float x) { return fast_exp2(x * std::numbers::log2e_v<float>); };
    factor = exponential(std::clamp(u[0], -2.0F, 2.0F));
    proposal.push_back(exponential(std::clamp(u[1], -10.0F, 3.0F)) *
                       decode(0.5F * (row[mixture.proposals[0]] + row[mixture.proposals[1]])));
    for (int k = 2; k <= mixture.count; ++k) proposal.push_back(decode(row[mixture.proposals[k]]));

    std::vector<float> z(u + 2, u + 2 + mixture.count);
    for (float& x : z) x *= 3.0F;
    std::vector<float> sorted = z;
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    float sum = 0;
    float threshold = 0;
    for (std::size_t k = 0; k < z.size(); ++k) {
      sum += sorted[k];
      const float candidate = (sum - 1.0F) / static_cast<float>(k + 1);
      if (sorted[k] <= candidate) break;
      threshold = candidate;
    }
    for (std::size_t k = 0; k < z.size(); ++k) {
      weight[k] = std::max(0.0F, z[k] - threshold);
      step += factor * weight[k] * proposal[k];
    }
  }
  float action() const { return encode_step(std::clamp(step, -1.0F, 1.0F)); }
  std::vector<float> gradient(const float* u, float da) const {
    const float a = action();
    if ((a >= 1.0F && da < 0.0F) || (a <= -1.0F && da > 0.0F)) da = 0;
    const float slope = action_slope(std::clamp(step, -1.0F, 1.0F));
    auto part = [&](float d_step) { return da * std::clamp(slope * d_step, -1.0F, 1.0F); };
    std::vector<float> d{std::abs(u[0]) < 2.0F ? part(step) : 0.0F,
                         u[1] > -10.0F && u[1] < 3.0F ? part(factor * weight[0] * proposal[0]) : 0.0F};
    float mean = 0;
    float support = 0;
    for (std::size_t k = 0; k < weight.size(); ++k) {
      if (weight[k] > 0) mean += proposal[k], support += 1;
    }
    mean /= support;
    for (std::size_t k = 0; k < weight.size(); ++k) {
      d.push_back(weight[k] > 0 ? part(factor * 3.0F * (proposal[k] - mean)) : 0.0F);
    }
    return d;
  }
};

std::uint32_t bits(float x) { return std::bit_cast<std::uint32_t>(x); }

/// Rows of features and outputs, among them such as are at a bound.
struct Rows {
  static constexpr int kFeatures = 23;
  Mixture mixture;
  int rows;
  std::vector<float> outputs, features, d_actions;

  static std::vector<int> columns(int count) {
    std::vector<int> out;
    for (int k = 0; k <= count; ++k) out.push_back((5 * k + 2) % kFeatures);
    return out;
  }
  Rows(int count, int number, Random& random) : mixture(columns(count), kFeatures), rows(number) {
    auto fill = [&](std::vector<float>& to, int size, double deviation) {
      to.resize(static_cast<std::size_t>(size));
      for (float& x : to) x = static_cast<float>(deviation * random.normal());
    };
    fill(outputs, rows * (count + 2), 1.5);
    fill(features, rows * kFeatures, 0.7);
    fill(d_actions, rows, 1);
  }
  const float* u(int row) const { return outputs.data() + static_cast<std::ptrdiff_t>(row) * (mixture.count + 2); }
  Reference reference(int row) const {
    return {mixture, u(row), features.data() + static_cast<std::ptrdiff_t>(row) * kFeatures};
  }
};

TEST(Mixture, HasTheBitsOfThePlainFormulasOnEveryTarget) {
  on_every_target([] {
    Random random(Seed(1));
    int at_bounds = 0;
    for (int count = 1; count <= kMaxProposals; ++count) {
      for (int rows = 0; rows <= 35; ++rows) {
        const Rows data(count, rows, random);
        std::vector<float> actions(data.d_actions.size() + 1, 7.0F);
        std::vector<float> gradient(data.outputs.size() + 1, 7.0F);
        data.mixture.actions(data.outputs.data(), data.features.data(), rows, actions.data());
        data.mixture.gradient(data.outputs.data(), data.features.data(), data.d_actions.data(), rows, gradient.data());
        for (int r = 0; r < rows; ++r) {
          const auto i = static_cast<std::size_t>(r);
          const Reference reference = data.reference(r);
          ASSERT_EQ(bits(actions[i]), bits(reference.action())) << count << " proposals, row " << r << " of " << rows;
          const std::vector<float> expected = reference.gradient(data.u(r), data.d_actions[i]);
          for (std::size_t k = 0; k < expected.size(); ++k) {
            ASSERT_EQ(gradient[i * expected.size() + k], expected[k])
                << count << " proposals, row " << r << ", output " << k;
          }
          at_bounds += std::abs(reference.action()) >= 1.0F;
        }
        ASSERT_EQ(actions.back(), 7.0F);  // nothing is written beyond the last row
        ASSERT_EQ(gradient.back(), 7.0F);
      }
    }
    ASSERT_GT(at_bounds, 100);
  });
}

TEST(Mixture, TakesOutputsThatAreNotFiniteForWhatThePlainFormulasDo) {
  on_every_target([] {
    Random random(Seed(2));
    Rows data(3, 16, random);
    const float infinity = std::numeric_limits<float>::infinity();
    const float special[]{infinity, -infinity, 1e30F, -1e30F, 0.0F, -0.0F, 1e-40F};
    for (int r = 0; r < data.rows; ++r) {
      data.outputs[static_cast<std::size_t>(r * 5 + r % 2)] = special[r % 7];
      data.features[static_cast<std::size_t>(r * Rows::kFeatures +
                                             data.mixture.proposals[static_cast<std::size_t>(r % 4)])] = special[r % 7];
    }
    std::vector<float> actions(16);
    data.mixture.actions(data.outputs.data(), data.features.data(), data.rows, actions.data());
    for (int r = 0; r < data.rows; ++r) {
      ASSERT_EQ(bits(actions[static_cast<std::size_t>(r)]), bits(data.reference(r).action())) << r;
    }
  });
}

}  // namespace
}  // namespace scout::kernel
