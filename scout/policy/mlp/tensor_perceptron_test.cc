#include "scout/policy/mlp/tensor_perceptron.h"

#include <gtest/gtest.h>

#include <cmath>

namespace scout {
namespace {

struct Subject {
  explicit Subject(std::size_t size, bool clipped) : n(size) {
    Random random(Seed(1).derive(size));
    for (std::vector<float>* numbers : {&theta, &gradient}) {
      for (std::size_t i = 0; i < n; ++i) numbers->push_back(static_cast<float>(random.normal()));
    }
    state.resize(n * GradientStatistics::kNumbers);
    const WeightPiece piece{.theta = theta.data(), .gradient = gradient.data(), .state = state.data(), .stride = n};
    for (int t = 0; t < 3; ++t) statistics.update({}, {}, {}, piece, n);
    inputs.clipped = clipped;
  }
  std::size_t n;
  std::vector<float> theta, gradient, state;
  GradientStatistics statistics;
  TensorPerceptron::Inputs inputs{.epsilon = 1e-6F, .floor = 1e-5F, .constants = 2};
};

constexpr float kConstants[] = {0.3F, -0.9F};

// Features by themselves, their root mean squares, and the network on all rows at once.
TEST(TensorPerceptron, SeesFeaturesDividedByTheirSize) {
  for (const bool clipped : {false, true}) {
    for (const std::size_t n : {1, 63, 64, 65, 200}) {
      const Subject subject(n, clipped);
      const TensorPerceptron perceptron(subject.inputs, {5, 3}, 2);
      const Mlp& network = perceptron.network();
      const auto in = static_cast<std::size_t>(network.inputs());
      ASSERT_EQ(in, 28U + (clipped ? 2 : 0) + 2);
      Random random(Seed(2));
      std::vector<float> parameters(network.parameter_count());
      for (float& w : parameters) w = static_cast<float>(0.4 * random.normal());

      std::vector<float> rows(n * in);
      for (std::size_t i = 0; i < n; ++i) {
        float* row = &rows[i * in];
        subject.statistics.write(i, subject.inputs.epsilon, row);
        if (clipped) {
          const float g = subject.gradient[i];
          row[28] = std::fmin(std::fmax(g, -0.1F), 0.1F);
          row[29] = g / std::sqrt(subject.state[3 * n + i] + subject.inputs.epsilon);
        }
        std::copy_n(kConstants, 2, row + in - 2);
      }
      for (std::size_t k = 0; k + 2 < in; ++k) {
        double square = 0;
        for (std::size_t i = 0; i < n; ++i) square += std::pow(static_cast<double>(rows[i * in + k]), 2);
        const double size = std::sqrt(1e-5 + square / static_cast<double>(n));
        for (std::size_t i = 0; i < n; ++i)
          rows[i * in + k] = static_cast<float>(static_cast<double>(rows[i * in + k]) / size);
      }
      Mlp::Trace trace;
      const std::span<const float> expected = network.forward(parameters.data(), rows.data(), static_cast<int>(n), trace);
      std::vector<float> found(2 * n);
      perceptron.evaluate(parameters.data(), subject.statistics, n, kConstants, found.data());
      for (std::size_t i = 0; i < 2 * n; ++i) EXPECT_NEAR(found[i], expected[i], 1e-4F * (1 + std::fabs(expected[i])));

      const std::vector<double> most = perceptron.bounds(parameters.data(), n);
      for (std::size_t i = 0; i < 2 * n; ++i) EXPECT_LE(std::fabs(found[i]), most[i % 2]);
    }
  }
}

// A feature is at most √n in size, a constant 1.
TEST(TensorPerceptron, BoundsAreThoseOfTheFeatures) {
  const TensorPerceptron perceptron({.constants = 2}, {}, 1);
  std::vector<float> parameters(perceptron.network().parameter_count(), 0.0F);
  parameters[0] = -2;
  EXPECT_NEAR(perceptron.bounds(parameters.data(), 9)[0], 6, 1e-9);
  parameters[29] = 1;
  EXPECT_NEAR(perceptron.bounds(parameters.data(), 9)[0], 7, 1e-9);
}

TEST(TensorPerceptron, BeginsWithTheScaledMomentum) {
  const Subject subject(50, true);
  for (const std::vector<int>& hidden : std::vector<std::vector<int>>{{}, {2}, {4, 4}, {7, 2, 3}}) {
    const TensorPerceptron perceptron(subject.inputs, hidden, 2);
    Random random(Seed(3));
    const std::vector<float> parameters = perceptron.initial_parameters(random);
    std::vector<float> found(100);
    perceptron.evaluate(parameters.data(), subject.statistics, 50, kConstants, found.data());
    double square = 0;
    for (std::size_t i = 0; i < 50; ++i) {
      std::array<float, GradientStatistics::kFeatures> features;
      subject.statistics.write(i, subject.inputs.epsilon, features.data());
      const double scaled = static_cast<double>(features[GradientStatistics::kScaledMomentum]);
      square += scaled * scaled / 50;
    }
    for (std::size_t i = 0; i < 50; ++i) {
      std::array<float, GradientStatistics::kFeatures> features;
      subject.statistics.write(i, subject.inputs.epsilon, features.data());
      const double scaled = static_cast<double>(features[GradientStatistics::kScaledMomentum]);
      EXPECT_NEAR(static_cast<double>(found[2 * i]), scaled / std::sqrt(1e-5 + square), 1e-5);
      EXPECT_EQ(found[2 * i + 1], 0.0F);
    }
  }
}

}  // namespace
}  // namespace scout
