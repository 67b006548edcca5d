#include "scout/train/ddpg/pendulum.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace scout {

Pendulum Pendulum::start(Random& random) {
  return {random.uniform(-std::numbers::pi, std::numbers::pi), random.uniform(-1.0, 1.0)};
}

double Pendulum::step(double torque) {
  constexpr double dt = 0.05;
  constexpr double gravity = 10;
  constexpr double mass = 1;
  constexpr double length = 1;
  const double u = std::clamp(torque, -kMaxTorque, kMaxTorque);
  const double wrapped = std::remainder(angle, 2.0 * std::numbers::pi);
  const double reward = -(wrapped * wrapped + 0.1 * speed * speed + 0.001 * u * u);
  const double acceleration = 3 * gravity / (2 * length) * std::sin(angle) + 3 / (mass * length * length) * u;
  speed = std::clamp(speed + acceleration * dt, -kMaxSpeed, kMaxSpeed);
  angle += speed * dt;
  return reward;
}

std::array<float, Pendulum::kFeatures> Pendulum::features() const {
  return {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle)), static_cast<float>(speed)};
}

std::vector<double> train_pendulum(const PendulumOptions& options, Seed seed) {
  validate(options);
  ThreadTeam alone(1);
  Ddpg ddpg(Actor(Pendulum::kFeatures, options.hidden, 1), options.ddpg, seed.derive("ddpg"), alone);
  Replay replay(static_cast<std::size_t>(options.steps));
  Random random(seed.derive("training"));
  Actor::Trace trace;
  Batch batch;
  auto act = [&](const std::vector<float>& parameters, const Pendulum& pendulum) {
    const auto features = pendulum.features();
    float action = 0;
    ddpg.actor().forward(parameters.data(), features.data(), 1, trace, &action);
    return action;
  };

  for (int step = 0; step < options.steps;) {
    // Whole episodes enter the replay; meanwhile the updates, one a step, learn from those before.
    Pendulum pendulum = Pendulum::start(random);
    Trajectory episode;
    episode.coordinates = episode.action_size = 1;
    episode.features = Pendulum::kFeatures;
    auto record_state = [&] {
      const auto features = pendulum.features();
      episode.states.insert(episode.states.end(), features.begin(), features.end());
    };
    record_state();
    for (int t = 0; t < Pendulum::kSteps && step < options.steps; ++t, ++step) {
      const bool warm = step >= options.warm_up;
      const double noisy =
          warm ? static_cast<double>(act(ddpg.actor_parameters(), pendulum)) + options.noise * random.normal()
               : random.uniform(-1.0, 1.0);
      const double action = std::clamp(noisy, -1.0, 1.0);
      episode.actions.push_back(static_cast<float>(action));
      episode.rewards.push_back(static_cast<float>(options.reward_scale * pendulum.step(Pendulum::kMaxTorque * action)));
      record_state();
      if (!warm) continue;
      batch.clear(options.ddpg.batch, Pendulum::kFeatures, 1);
      replay.sample(options.ddpg.batch, options.ddpg.n_step, static_cast<float>(options.ddpg.discount), 0, random, batch);
      ddpg.update(batch, random);
    }
    replay.add(std::move(episode));
  }

  std::vector<double> returns;
  for (int k = 0; k < options.episodes; ++k) {
    Random start(seed.derive("episode").derive(k));
    Pendulum pendulum = Pendulum::start(start);
    double sum = 0;
    for (int t = 0; t < Pendulum::kSteps; ++t) {
      sum += pendulum.step(Pendulum::kMaxTorque * static_cast<double>(act(ddpg.averaged_parameters(), pendulum)));
    }
    returns.push_back(sum);
  }
  return returns;
}

}  // namespace scout
