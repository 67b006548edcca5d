#include "scout/train/ddpg/pendulum.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace scout {
namespace {

TEST(Pendulum, FollowsTheEquationsOfMotion) {
  Pendulum pendulum{1.0, 0.5};
  const double reward = pendulum.step(0.7);
  EXPECT_DOUBLE_EQ(reward, -(1.0 + 0.1 * 0.25 + 0.001 * 0.49));
  const double speed = 0.5 + (15 * std::sin(1.0) + 3 * 0.7) * 0.05;
  EXPECT_DOUBLE_EQ(pendulum.speed, speed);
  EXPECT_DOUBLE_EQ(pendulum.angle, 1.0 + speed * 0.05);
  const auto features = pendulum.features();
  EXPECT_FLOAT_EQ(features[0], static_cast<float>(std::cos(pendulum.angle)));
  EXPECT_FLOAT_EQ(features[1], static_cast<float>(std::sin(pendulum.angle)));
  EXPECT_FLOAT_EQ(features[2], static_cast<float>(speed));
}

TEST(Pendulum, ClipsTorqueAndSpeedAndWrapsTheAngle) {
  Pendulum strong{0, 0};
  Pendulum greatest{0, 0};
  EXPECT_DOUBLE_EQ(strong.step(100), greatest.step(2));
  EXPECT_DOUBLE_EQ(strong.speed, greatest.speed);

  Pendulum fast{std::numbers::pi / 2, 7.9};
  fast.step(2);
  EXPECT_DOUBLE_EQ(fast.speed, Pendulum::kMaxSpeed);

  Pendulum once{0.3, 0};
  Pendulum around{0.3 + 2 * std::numbers::pi, 0};
  EXPECT_NEAR(once.step(0), around.step(0), 1e-12);
}

TEST(Pendulum, StartsWhereGymDoes) {
  Random random(Seed(3));
  double highest = 0;
  for (int k = 0; k < 1000; ++k) {
    const Pendulum pendulum = Pendulum::start(random);
    EXPECT_LE(std::abs(pendulum.angle), std::numbers::pi);
    EXPECT_LE(std::abs(pendulum.speed), 1.0);
    highest = std::max(highest, std::abs(pendulum.angle));
  }
  EXPECT_GT(highest, 3.0);
}

TEST(Pendulum, TrainingIsReproducibleAndImproves) {
  PendulumOptions options;
  options.steps = 5000;
  options.episodes = 10;
  const auto returns = train_pendulum(options, Seed(1));
  EXPECT_EQ(returns, train_pendulum(options, Seed(1)));
  EXPECT_NE(returns, train_pendulum(options, Seed(2)));
  double mean = 0;
  for (double r : returns) mean += r / options.episodes;
  EXPECT_GT(mean, -600) << "a random policy's mean is about -1200";
}

TEST(Pendulum, RefusesAWarmUpShorterThanAnEpisode) {
  PendulumOptions options;
  options.warm_up = 100;
  EXPECT_THROW(train_pendulum(options, Seed(1)), std::invalid_argument);
}

}  // namespace
}  // namespace scout
