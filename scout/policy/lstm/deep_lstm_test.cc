#include "scout/policy/lstm/deep_lstm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace scout {
namespace {

using Doubles = std::vector<double>;

Doubles draw(std::size_t count, double deviation, std::uint64_t seed) {
  Random random{Seed(seed)};
  Doubles out(count);
  for (double& x : out) x = deviation * random.normal();
  return out;
}

/// Σ over steps and rows of dy y, of a run of `steps` steps.
struct Subject {
  DeepLstm network;
  std::size_t rows, steps;
  Doubles x = draw(steps * rows * network.inputs(), 1, 2);
  Doubles dy = draw(steps * rows, 1, 3);

  template <class T>
  double loss(const std::vector<T>& parameters, const std::vector<T>& first, std::vector<T>* traces = nullptr) const {
    std::vector<T> state = first, y(rows), inputs(x.begin(), x.end());
    double sum = 0;
    for (std::size_t t = 0; t < steps; ++t) {
      network.forward(parameters.data(), inputs.data() + t * rows * network.inputs(), rows, state.data(), y.data(),
                      traces != nullptr ? traces->data() + t * rows * network.trace_size() : nullptr);
      for (std::size_t r = 0; r < rows; ++r) sum += dy[t * rows + r] * static_cast<double>(y[r]);
    }
    return sum;
  }
};

class DeepLstmTest : public testing::TestWithParam<std::vector<int>> {};

TEST_P(DeepLstmTest, BackwardIsTheDerivativeOfForward) {
  const Subject subject{DeepLstm(2, GetParam()), 11, 4};
  const DeepLstm& network = subject.network;
  Doubles parameters = draw(network.parameter_count(), 0.5, 1);
  Doubles state = draw(subject.rows * network.state_size(), 0.5, 4);
  Doubles traces(subject.steps * subject.rows * network.trace_size());
  subject.loss(parameters, state, &traces);
  Doubles gradient(parameters.size()), d_state(state.size());
  for (std::size_t t = subject.steps; t-- > 0;) {
    network.backward(parameters.data(), traces.data() + t * subject.rows * network.trace_size(),
                     subject.dy.data() + t * subject.rows, subject.rows, d_state.data(), gradient.data());
  }
  const auto check = [&](Doubles& moved, const Doubles& analytic) {
    for (std::size_t i = 0; i < moved.size(); ++i) {
      const double before = moved[i];
      moved[i] = before + 1e-5;
      const double above = subject.loss(parameters, state);
      moved[i] = before - 1e-5;
      const double below = subject.loss(parameters, state);
      moved[i] = before;
      ASSERT_NEAR(analytic[i], (above - below) / 2e-5, 1e-7 * (1 + std::abs(analytic[i]))) << i;
    }
  };
  check(parameters, gradient);
  check(state, d_state);
}

TEST_P(DeepLstmTest, FloatsAreTheDoublesRounded) {
  const Subject subject{DeepLstm(2, GetParam()), 11, 20};
  const Doubles parameters = draw(subject.network.parameter_count(), 0.5, 1);
  const Doubles state = draw(subject.rows * subject.network.state_size(), 0.5, 4);
  const std::vector<float> p(parameters.begin(), parameters.end()), s(state.begin(), state.end());
  const double exact = subject.loss(parameters, state);
  EXPECT_NEAR(subject.loss(p, s), exact, 1e-4 * (1 + std::abs(exact)));
}

TEST_P(DeepLstmTest, RowsDoNotDependOnEachOther) {
  const DeepLstm network(1, GetParam());
  const Doubles drawn = draw(network.parameter_count(), 0.5, 1), seen = draw(13, 1, 2);
  const std::vector<float> p(drawn.begin(), drawn.end()), x(seen.begin(), seen.end());
  std::vector<float> together(13 * network.state_size()), y(13), apart = together, alone(13);
  for (int t = 0; t < 3; ++t) {
    network.forward(p.data(), x.data(), 13, together.data(), y.data());
    for (std::size_t r = 0; r < 13; ++r) {
      network.forward(p.data(), &x[r], 1, apart.data() + r * network.state_size(), &alone[r]);
    }
    EXPECT_EQ(y, alone);
    EXPECT_EQ(together, apart);
  }
}

INSTANTIATE_TEST_SUITE_P(Layers, DeepLstmTest,
                         testing::Values(std::vector<int>{}, std::vector<int>{1}, std::vector<int>{3},
                                         std::vector<int>{5, 3}));

// One cell by the textbook's formulas.
TEST(DeepLstm, IsTheTextbooksCell) {
  const DeepLstm network(1, {1});
  ASSERT_EQ(network.parameter_count(), 14U);
  const Doubles p = draw(14, 1, 1);
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  const double x = 0.7;
  Doubles state{0.3, -0.4};
  const auto sum = [&](std::size_t gate) { return p[gate] * x + p[4 + gate] * 0.3 + p[8 + gate]; };
  const double c = sigmoid(sum(2) + 1) * -0.4 + sigmoid(sum(0)) * std::tanh(sum(1));
  const double h = sigmoid(sum(3)) * std::tanh(c);
  double y = 0;
  network.forward(p.data(), &x, 1, state.data(), &y);
  EXPECT_NEAR(state[0], h, 1e-14);
  EXPECT_NEAR(state[1], c, 1e-14);
  EXPECT_NEAR(y, p[12] * h + p[13], 1e-14);
}

TEST(PreprocessGradient, IsClampedOnBothSides) {
  const auto inputs = [](double g) {
    double out[2];
    preprocess_gradient(g, 5, out);
    return Doubles{out[0], out[1]};
  };
  EXPECT_THAT(inputs(std::exp(-2.5)), testing::ElementsAre(testing::DoubleNear(-0.5, 1e-6), 1.0));
  EXPECT_THAT(inputs(-std::exp(10)), testing::ElementsAre(testing::DoubleNear(2, 1e-6), -1.0));
  EXPECT_THAT(inputs(-1e-4), testing::ElementsAre(-1.0, testing::DoubleNear(-1e-4 * std::exp(5), 1e-12)));
  EXPECT_THAT(inputs(0), testing::ElementsAre(-1.0, 0.0));
  for (const float g : {3e-3F, -0.2F, 7.0F, 1e18F}) {
    float out[2];
    preprocess_gradient(g, 5, out);
    EXPECT_NEAR(out[0], inputs(static_cast<double>(g))[0], 1e-5);
    EXPECT_NEAR(out[1], inputs(static_cast<double>(g))[1], 1e-5);
  }
  double plain = 0;
  preprocess_gradient(-3.5, 0, &plain);
  EXPECT_EQ(plain, -3.5);
}

}  // namespace
}  // namespace scout
