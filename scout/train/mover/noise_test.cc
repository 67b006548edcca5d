#include <gtest/gtest.h>

#include <cmath>

#include "scout/policy/rule/action.h"
#include "scout/train/episode/test_episode.h"
#include "scout/train/mover/mover.h"

namespace scout {
namespace {

/// Σ w_i (θ_i - c_i)^2 + cos(3 θ_i), or its mirror image in every coordinate.
std::shared_ptr<const Instance> hills(double mirror) {
  return std::make_shared<TestInstance>(3, [mirror](std::span<const double> theta, std::span<double> gradient) {
    double f = 0;
    for (std::size_t i = 0; i < theta.size(); ++i) {
      const double c = 0.7 * static_cast<double>(i) - 0.4, x = mirror * theta[i];
      f += (x - c) * (x - c) + std::cos(3 * x);
      gradient[i] = mirror * (2 * (x - c) - 3 * std::sin(3 * x));
    }
    return f;
  });
}

TEST(ActionNoise, OfAMirroredFunctionIsMirrored) {
  std::vector<Trajectory> trajectories;
  std::vector<double> end;
  for (const double mirror : {1.0, -1.0}) {
    Episode episode = episode_on(hills(mirror), rewards(), false, 20);
    std::vector<double> start = kStart;
    for (double& x : start) x *= mirror;
    episode.start(start, {.all = true});
    const auto noise = action_noise({.deviation = 0.2}, Random(Seed(7)));
    while (!episode.over()) step(episode, [&](Episode& e) { noise->move(e); });
    trajectories.push_back(episode.take_trajectory());
    for (const double x : episode.theta()) end.push_back(mirror * x);
  }
  const auto expect_near = [](const std::vector<float>& one, const std::vector<float>& other) {
    ASSERT_EQ(one.size(), other.size());
    for (std::size_t k = 0; k < one.size(); ++k) EXPECT_NEAR(one[k], other[k], 1e-3) << k;
  };
  expect_near(trajectories[0].actions, trajectories[1].actions);
  expect_near(trajectories[0].states, trajectories[1].states);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(end[i], end[i + 3], 1e-3);
}

TEST(ActionNoise, IsNormalAndBounded) {
  const auto noise = action_noise({.deviation = 0.4}, Random(Seed(1)));
  double sum = 0, square = 0;
  int count = 0, bounded = 0;
  Episode episode = episode_on(separable(3), rewards(), false, 1000);
  episode.start(kStart);
  while (!episode.over()) {
    step(
        episode,
        [&](Episode& e) {
          std::fill(e.run().actions().begin(), e.run().actions().end(), 0.0F);
          noise->move(e);
          for (const float action : e.run().actions()) {
            ++count;
            bounded += std::abs(action) >= 1;
            sum += static_cast<double>(action);
            square += static_cast<double>(action * action);
            EXPECT_LE(std::abs(action), 1);
          }
        },
        false);
  }
  ASSERT_EQ(count, 3000);
  EXPECT_NEAR(sum / count, 0, 0.03);
  EXPECT_NEAR(std::sqrt(square / count), 0.4, 0.02);
  EXPECT_NEAR(static_cast<double>(bounded) / count, 0.0124, 0.006) << "beyond 2.5 deviations";
}

class TensorNoise : public testing::Test {
 protected:
  /// Δθ of the first step that the noise makes, over the policy's; by weight.
  std::vector<double> factors(const NoiseOptions& options, const std::vector<std::size_t>& recorded) const {
    Episode e(instance_, weight_stepper(0.02), {.weights = true}, {.horizon = 5});
    e.start(first_start(*instance_), {.rows = recorded});
    const auto noise = tensor_noise(options, instance_->tensors(), Random(Seed(3)));
    std::vector<double> out;
    step(e, [&](Episode& moved) {
      const std::vector<float> before(moved.run().actions().begin(), moved.run().actions().end());
      noise->move(moved);
      for (std::size_t i = 0; i < before.size(); ++i) {
        out.push_back(before[i] == 0 ? 1 : static_cast<double>(moved.run().actions()[i]) / static_cast<double>(before[i]));
      }
    });
    return out;
  }

  const std::shared_ptr<const Instance> instance_ = family("mlp-blobs:hidden=5,batch=16")->sample(Split::train, 0, 0);
};

TEST_F(TensorNoise, ScalesEachTensorsStep) {
  const auto out = factors({.deviation = 0.1}, {0, 3});
  std::size_t begin = 0;
  std::vector<double> of_tensors;
  for (const TensorShape& tensor : instance_->tensors()) {
    const std::size_t end = begin + static_cast<std::size_t>(tensor.size);
    double first = 1;
    for (std::size_t i = begin; i < end; ++i) {
      if (out[i] != 1) first = out[i];
    }
    for (std::size_t i = begin; i < end; ++i) {
      if (out[i] != 1) {
        EXPECT_NEAR(out[i], first, 1e-5 * first);
      }
    }
    of_tensors.push_back(first);
    begin = end;
  }
  EXPECT_NE(of_tensors[0], 1);
  EXPECT_NE(of_tensors[0], of_tensors[1]) << "each tensor has a factor of its own";
}

TEST_F(TensorNoise, OnSingleWeightsIsOnTheRecordedOnes) {
  const NoiseOptions plain{.deviation = 0.1}, single{.deviation = 0.1, .weight_noise = 1};
  const std::vector<std::size_t> recorded{0, 3};
  const auto without = factors(plain, recorded), with = factors(single, recorded);
  for (std::size_t i = 0; i < with.size(); ++i) {
    const bool moved = i == 0 || i == 3;
    EXPECT_EQ(with[i] != without[i], moved) << i;
  }
}

}  // namespace
}  // namespace scout
