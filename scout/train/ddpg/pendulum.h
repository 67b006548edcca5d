// The classic swing-up task: validates the learner against published figures, apart from everything that is Scout's own.
#pragma once

#include <array>

#include "scout/train/ddpg/ddpg.h"

namespace scout {

/// Pendulum-v1 of OpenAI Gym: a rod that hangs from a hinge and has to be balanced upright with too weak a motor. It never
/// terminates; an episode is cut off after 200 steps.
struct Pendulum {
  static constexpr int kSteps = 200;
  static constexpr int kFeatures = 3;
  static constexpr double kMaxSpeed = 8;
  static constexpr double kMaxTorque = 2;

  double angle;  ///< in radians from upright
  double speed;  ///< in rad/s

  /// The start distribution: angle uniform in [-π, π], speed in [-1, 1].
  static Pendulum start(Random& random);

  /// One step of 0.05 s under a torque in N·m, clipped to ±2. Returns the reward -(angle² + 0.1 speed² + 0.001 torque²) of
  /// the state before the step, with the angle in [-π, π].
  double step(double torque);
  /// cos(angle), sin(angle), speed.
  std::array<float, kFeatures> features() const;
};

/// Settings that solve the task in 20,000 steps; departures from the paper are in the learner's own defaults only, and off
/// here.
struct PendulumOptions {
  int steps = 20000;
  int warm_up = 1000;
  int episodes = 100;
  double noise = 0.1;
  double reward_scale = 1;
  std::vector<int> hidden{64, 64};
  DdpgOptions ddpg{.actor_learning_rate = 1e-3,
                   .critic_learning_rate = 1e-3,
                   .discount = 0.98,
                   .batch = 100,
                   .n_step = 1,
                   .actor_delay = 1,
                   .critic_first = 0,
                   .twin_critics = false,
                   .target_noise = 0,
                   .pooled_critic = false,
                   .imitation = 0,
                   .output_penalty = 0,
                   .loss_bound = 1e9,
                   .gradient_clip = 0,
                   .average = 0};

  void describe(auto&& visit) {
    visit("steps", steps, "steps of training, one update each after the warm-up", at_least(Pendulum::kSteps));
    visit("warm_up", warm_up, "steps with uniformly random actions before the first update", at_least(Pendulum::kSteps));
    visit("episodes", episodes, "deterministic episodes that the result is the mean return of", at_least(1));
    visit("noise", noise, "standard deviation of the normal noise on actions in [-1, 1]", at_least(0));
    visit("reward_scale", reward_scale, "factor on the rewards that the learner sees", positive());
    visit("hidden", hidden, "widths of the actor's hidden layers", at_least(1));
    visit("ddpg", ddpg);
  }
};

/// Trains a fresh learner on one thread and returns the return of each of `episodes` deterministic episodes.
/// Throws std::invalid_argument on bad options.
std::vector<double> train_pendulum(const PendulumOptions& options, Seed seed);

}  // namespace scout
