// For tests only: instances whose coordinates' parts of f are known, and episodes whose steps a test takes itself.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "scout/optimizer/test_instance.h"
#include "scout/policy/test_policy.h"
#include "scout/problem/catalog/family.h"
#include "scout/train/episode/episode.h"

namespace scout {

/// A TestInstance of known optimum 0, at 0.
class Solved : public TestInstance {
 public:
  Solved(int dimension, Function evaluate)
      : TestInstance(dimension, std::move(evaluate)), optimum_(static_cast<std::size_t>(dimension), 0.0) {}
  std::optional<double> optimum_value() const override { return 0.0; }
  std::span<const double> optimum() const override { return optimum_; }

 private:
  std::vector<double> optimum_;
};

inline double ripple(std::size_t i, double x, double& slope) {
  const double weight = 1.0 + static_cast<double>(i);
  slope = weight * (2 * x + 6 * std::sin(3 * x));
  return weight * (x * x + 2 * (1 - std::cos(3 * x)));
}

/// Σ ripple(i, θ_i).
inline std::shared_ptr<const Instance> separable(int dimension) {
  return std::make_shared<Solved>(dimension, [](std::span<const double> theta, std::span<double> gradient) {
    double f = 0;
    for (std::size_t i = 0; i < theta.size(); ++i) f += ripple(i, theta[i], gradient[i]);
    return f;
  });
}

/// A rule with the parameters that learning starts from.
inline std::shared_ptr<const Stepper> untrained_stepper(const RuleOptions& rule = {.hidden = {8}}) {
  return untrained(rule, 1)->stepper();
}
/// Annealed Adam in units of each tensor's scale.
inline std::shared_ptr<const Stepper> weight_stepper(double step_scale) {
  return untrained_stepper({.rule = "weight", .hidden = {16, 16}, .step_scale = step_scale});
}

inline std::vector<double> first_start(const Instance& instance) {
  Random random(Seed(1));
  return sample_start(instance, random);
}

/// One step, as the rule proposes and `move` changes it.
inline void step(Episode& episode, const std::function<void(Episode&)>& move = {}, bool propose = true) {
  Episode* const alone = &episode;
  ProposalScratch scratch;
  Episode::step({&alone, 1}, scratch, {.move = move, .propose = propose});
}
/// One step by these actions; the rule is not asked.
inline void step_by(Episode& episode, const std::vector<float>& actions) {
  step(
      episode, [&](Episode& e) { std::copy(actions.begin(), actions.end(), e.run().actions().begin()); }, false);
}
inline void finish(Episode& episode) {
  while (!episode.over()) step(episode);
}
/// Makes episodes that have just begun to their ends, in step.
inline void run(std::span<Episode* const> episodes) {
  std::vector<Episode*> running(episodes.begin(), episodes.end());
  ProposalScratch scratch;
  while (std::erase_if(running, [](const Episode* e) { return e->over(); }), !running.empty()) {
    Episode::step(running, scratch);
  }
}

constexpr double kStepScale = 0.2;
inline const std::vector<double> kStart{3.1, -2.2, 1.7};

inline RewardOptions rewards() {
  RewardOptions options;
  options.of = "current";
  options.floor = 1e-4;
  options.path_points = 200;
  return options;
}

inline Episode episode_on(std::shared_ptr<const Instance> instance, const RewardOptions& reward, bool by_coordinate,
                          int horizon = 100, const RuleOptions& rule = {.hidden = {8}}) {
  return {std::move(instance), untrained_stepper(rule),
          EpisodeOptions{.step_scale = kStepScale, .credit_by_coordinate = by_coordinate, .reward = reward},
          EpisodePlan{.horizon = horizon}};
}

/// Takes `steps` random steps from kStart and returns the trajectory; visit(t, θ before, actions) follows each.
template <class Visit>
Trajectory wander(Episode& episode, int steps, Visit&& visit) {
  Random random(Seed(4));
  episode.start(kStart, {.all = true}, steps);
  for (int t = 0; t < steps; ++t) {
    std::vector<float> actions;
    for (int i = 0; i < episode.instance().dimension(); ++i) {
      actions.push_back(static_cast<float>(random.uniform(-0.9, 0.9)));
    }
    const std::vector<double> before(episode.theta().begin(), episode.theta().end());
    step_by(episode, actions);
    visit(t, before, actions);
  }
  return episode.take_trajectory();
}

}  // namespace scout
