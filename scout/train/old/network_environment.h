// The training of a network as a Markov decision process whose rows are weights: one run of a network policy on an instance.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "scout/policy/weight/weight_run.h"
#include "scout/problem/instance.h"
#include "scout/train/learner/replay.h"

namespace scout {

/// What a run of a network policy is told.
struct NetworkEpisode {
  int horizon = 100;         ///< steps, T
  bool tell_horizon = true;  ///< whether the policy knows T
  bool tell_loss = false;    ///< whether it sees the minibatches' losses
  double reward_scale = 1;   ///< factor on rewards
  bool terminal = true;      ///< the horizon ends the task; off: it truncates, and is bootstrapped
};

/// A run has as many coordinates as the network has weights, and each step of it as many transitions. Those of a few
/// *sampled* weights are recorded, as the rows of a trajectory: states are WeightRun::row, the action is the step that was
/// taken as a signed logarithm of its size (encode_step(Δθ / (32 · step)), towards the negative momentum), as in Actor.
///
/// Credit by coordinate: the reward of weight i for its step is its share of the fall of log f,
///
///     r_i = -M · ½ (g_i(θ) + g_i(θ + Δθ)) Δθ_i / f(θ),
///
/// all on the next minibatch, which the step did not see: the trapezoid rule for the integral of the gradient along the step
/// (Environment integrates from the optimum, which is not known here). The mean of r over all weights is the fall of log f
/// to second order. Bounded to ±10; if f or ∇f is not finite, -1 for all, and the run is over.
class NetworkEnvironment {
 public:
  NetworkEnvironment(std::shared_ptr<const Instance> instance, std::shared_ptr<const WeightStepper> stepper,
                     const NetworkEpisode& episode);

  /// Begins at θ [M]; records the transitions of the weights `sampled`, if any.
  void start(std::span<const double> theta, std::vector<std::size_t> sampled = {});

  /// May change the step Δθ [M] that the policy is about to take.
  using Move = std::function<void(std::span<float> delta)>;
  /// Takes a step; nothing happens once the run is over.
  void step(const Move& move = {});
  /// Makes the runs to their ends, in step: all are runs of one instance that have just begun. They see the same
  /// minibatches, which all nets go through at once (Network::evaluate_each).
  static void run_together(std::span<NetworkEnvironment> environments);
  bool over() const { return over_; }
  int steps() const { return step_; }

  const Instance& instance() const { return *instance_; }
  const WeightRun& run() const { return *run_; }
  /// Mutable parts of the current step, for moves: what Δθ of a weight is measured in.
  WeightRow row(std::size_t weight) const { return run_->row(weight); }
  std::span<const double> theta() const { return theta_; }
  /// f and ∇f of the latest minibatch at the current point.
  double value() const { return f_; }
  std::span<const double> gradient() const { return gradient_; }
  const std::vector<std::size_t>& sampled() const { return sampled_; }
  /// Of the last step, a number for each sampled weight.
  std::span<const float> last_rewards() const;
  /// log of the judged f as a share of the judged f at the start, gaps to f* where that is known, plus `floor`; log 10 at
  /// most, and for a run that met something not finite. Costs two evaluations of f.
  double final_score(double floor) const;
  /// Minibatches' f and ∇f, and judged f.
  std::int64_t evaluations() const { return evaluations_; }

  Trajectory take_trajectory();

 private:
  static void step_together(std::span<NetworkEnvironment* const> environments, const Move& move);
  /// Moves θ.
  void advance(const Move& move);
  /// Records the rewards of the sampled weights for the last step, given f and ∇f before it.
  void reward(double f_before, std::span<const double> gradient_before);
  void observe();

  std::shared_ptr<const Instance> instance_;
  std::shared_ptr<const WeightStepper> stepper_;
  NetworkEpisode episode_;
  std::unique_ptr<WeightRun> run_;
  std::vector<std::size_t> sampled_;
  std::vector<WeightRow> rows_;  // of the sampled weights, now
  std::vector<double> start_theta_, theta_, before_, gradient_;
  double f_ = 0;
  bool over_ = false;
  int step_ = 0;
  std::uint64_t draws_ = 0;
  mutable std::int64_t evaluations_ = 0;
  Trajectory trajectory_;
};

}  // namespace scout
