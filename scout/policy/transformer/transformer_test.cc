#include "scout/policy/transformer/transformer.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <stdexcept>

namespace scout {
namespace {

using Doubles = std::vector<double>;

Doubles draw(std::size_t count, double deviation, std::uint64_t seed) {
  Random random{Seed(seed)};
  Doubles out(count);
  for (double& x : out) x = deviation * random.normal();
  return out;
}

class Transformers : public testing::TestWithParam<Transformer::Shape> {
 protected:
  static constexpr std::size_t kSteps = 9;
  const Transformer network_{GetParam()};
  Doubles parameters_ = draw(network_.parameter_count(), 0.4, 1);
  const Doubles x_ = draw(kSteps * network_.inputs(), 1, 2);
  const Doubles dy_ = draw(kSteps, 1, 3);

  double loss() {
    Doubles y(kSteps);
    Transformer::Trace<double> trace;
    network_.forward(parameters_.data(), x_.data(), kSteps, y.data(), trace);
    double sum = 0;
    for (std::size_t t = 0; t < kSteps; ++t) sum += dy_[t] * y[t];
    return sum;
  }
};

TEST_P(Transformers, BackwardIsTheDerivativeOfForward) {
  Doubles y(kSteps), gradient(parameters_.size());
  Transformer::Trace<double> trace;
  network_.forward(parameters_.data(), x_.data(), kSteps, y.data(), trace);
  network_.backward(parameters_.data(), kSteps, dy_.data(), trace, gradient.data());
  double largest = 0;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const double before = parameters_[i];
    parameters_[i] = before + 1e-6;
    const double above = loss();
    parameters_[i] = before - 1e-6;
    const double below = loss();
    parameters_[i] = before;
    ASSERT_NEAR(gradient[i], (above - below) / 2e-6, 1e-6 * (1 + std::abs(gradient[i]))) << i;
    largest = std::max(largest, std::abs(gradient[i]));
  }
  EXPECT_GT(largest, 0.1);
}

// As in a run: with a memory no longer than the context.
TEST_P(Transformers, StepByStepIsTheWholeSequence) {
  Doubles y(kSteps);
  Transformer::Trace<double> trace;
  network_.forward(parameters_.data(), x_.data(), kSteps, y.data(), trace);
  const std::size_t slots = std::min(network_.context(), kSteps);
  Doubles memory(slots * network_.memory_size());
  const std::vector<float> p(parameters_.begin(), parameters_.end()), x(x_.begin(), x_.end());
  std::vector<float> rounded(memory.size());
  for (std::size_t t = 0; t < kSteps; ++t) {
    const double* token = &x_[t * network_.inputs()];
    for (int repeated = 0; repeated < 2; ++repeated) {
      EXPECT_EQ(network_.step(parameters_.data(), token, t, memory.data(), slots), y[t]) << t;
    }
    EXPECT_NEAR(network_.step(p.data(), &x[t * network_.inputs()], t, rounded.data(), slots), y[t], 1e-4) << t;
  }
}

TEST_P(Transformers, TokensSeeThemselvesAndThoseBeforeThem) {
  const auto outputs = [&](std::size_t changed) {
    Doubles x = x_, y(kSteps);
    x[changed * network_.inputs()] += 1;
    Transformer::Trace<double> trace;
    network_.forward(parameters_.data(), x.data(), kSteps, y.data(), trace);
    return y;
  };
  Doubles y(kSteps);
  Transformer::Trace<double> trace;
  network_.forward(parameters_.data(), x_.data(), kSteps, y.data(), trace);
  // Each block looks back by its context.
  const std::size_t blocks = GetParam().blocks.size(), reach = blocks * (network_.context() - 1);
  for (std::size_t changed : {0U, 4U}) {
    const Doubles other = outputs(changed);
    for (std::size_t t = 0; t < kSteps; ++t) {
      const bool seen = t >= changed && t <= changed + reach;
      EXPECT_EQ(other[t] != y[t], seen) << "token " << t << " after a change in " << changed;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Transformers,
                         testing::Values(Transformer::Shape{3, 4, 1, {}, 5}, Transformer::Shape{3, 4, 2, {5}, 3},
                                         Transformer::Shape{2, 6, 3, {4, 7}, 20}, Transformer::Shape{2, 6, 1, {4, 7}, 2},
                                         Transformer::Shape{1, 5, 5, {3}, 1}));

// Two tokens of one number, one head, worked out by the formulas.
TEST(Transformer, IsTheTextbooksAttention) {
  const Transformer network({1, 2, 1, {1}, 5});
  const Doubles p = draw(network.parameter_count(), 1, 4), x{0.7, -1.3};
  using Pair = std::array<double, 2>;
  const auto norm = [](const Pair& h) {
    const double mean = 0.5 * (h[0] + h[1]), half = 0.5 * (h[0] - h[1]);
    const double deviation = std::sqrt(half * half + 1e-5);
    return Pair{(h[0] - mean) / deviation, (h[1] - mean) / deviation};
  };
  std::array<Pair, 2> h, q, k, v;
  for (std::size_t t = 0; t < 2; ++t) {
    h[t] = {x[t] * p[0] + p[2], x[t] * p[1] + p[3]};
    const Pair n = norm(h[t]);
    const auto column = [&](std::size_t c) { return n[0] * p[4 + c] + n[1] * p[10 + c] + p[16 + c]; };
    q[t] = {column(0), column(1)};
    k[t] = {column(2), column(3)};
    v[t] = {column(4), column(5)};
  }
  const auto score = [&](std::size_t s) { return (q[1][0] * k[s][0] + q[1][1] * k[s][1]) / std::sqrt(2.0); };
  const double before = std::exp(score(0) - std::exp2(-8.0)), here = std::exp(score(1));
  Pair seen;
  for (std::size_t i = 0; i < 2; ++i) seen[i] = (before * v[0][i] + here * v[1][i]) / (before + here);
  Pair out = h[1];
  for (std::size_t i = 0; i < 2; ++i) out[i] += seen[0] * p[22 + i] + seen[1] * p[24 + i] + p[26 + i];
  const Pair n = norm(out);
  const double hidden = std::max(0.0, n[0] * p[28] + n[1] * p[29] + p[30]);
  for (std::size_t i = 0; i < 2; ++i) out[i] += hidden * p[31 + i] + p[33 + i];
  const Pair last = norm(out);
  Doubles y(2);
  Transformer::Trace<double> trace;
  network.forward(p.data(), x.data(), 2, y.data(), trace);
  EXPECT_NEAR(y[1], last[0] * p[35] + last[1] * p[36] + p[37], 1e-12);
  EXPECT_EQ(p.size(), 38U);
}

TEST(Transformer, RefusesWhatItCannotBe) {
  EXPECT_THROW(Transformer({0, 4, 2, {4}, 5}), std::invalid_argument);
  EXPECT_THROW(Transformer({1, 5, 2, {4}, 5}), std::invalid_argument);
  EXPECT_THROW(Transformer({1, 4, 0, {4}, 5}), std::invalid_argument);
  EXPECT_THROW(Transformer({1, 4, 2, {0}, 5}), std::invalid_argument);
  EXPECT_THROW(Transformer({1, 4, 2, {4}, 0}), std::invalid_argument);
}

}  // namespace
}  // namespace scout
