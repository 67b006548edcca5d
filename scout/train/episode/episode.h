// One run of an update rule on one instance, for functions and for the weights of networks: the Markov decision process.
#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <stdexcept>

#include "scout/policy/rule/update_rule.h"
#include "scout/problem/instance.h"
#include "scout/train/episode/credit.h"

namespace scout {

/// T steps of C coordinates. A coordinate is what the shared networks see: a coordinate of θ, a sampled weight, or the whole
/// state at once (joint rule, classic control tasks). All arrays row-major.
struct Trajectory {
  int coordinates = 0;         ///< C
  int features = 0;            ///< F, of a coordinate's state
  int action_size = 0;         ///< A, numbers of a coordinate's action
  bool terminated = false;     ///< true: the last state is terminal. false: cut off there, so its value is bootstrapped
  std::vector<float> states;   ///< [T + 1, C, F]
  std::vector<float> actions;  ///< [T, C, A]
  std::vector<float> rewards;  ///< [T, C]

  int steps() const { return coordinates == 0 ? 0 : static_cast<int>(rewards.size()) / coordinates; }

  /// Throws std::runtime_error if the sizes of the arrays do not fit each other.
  void check() const {
    const auto size = [](int value) { return static_cast<std::size_t>(value); };
    const bool counts = coordinates >= 0 && features >= 0 && action_size >= 0;
    if (counts && coordinates == 0 && rewards.empty() && actions.empty() && states.empty()) return;
    if (!counts || coordinates == 0 || rewards.size() % size(coordinates) != 0 ||
        rewards.size() > size(std::numeric_limits<int>::max()) || actions.size() != rewards.size() * size(action_size) ||
        states.size() != (rewards.size() + size(coordinates)) * size(features)) {
      throw std::runtime_error("damaged trajectory: " + std::to_string(states.size()) + " numbers of states, " +
                               std::to_string(actions.size()) + " of actions and " + std::to_string(rewards.size()) +
                               " of rewards do not fit " + std::to_string(coordinates) + " coordinates");
    }
  }

  void visit(auto& archive) {
    archive(coordinates, features, action_size, terminated, states, actions, rewards);
    check();
  }
};

/// What all episodes of a training have in common.
struct EpisodeOptions {
  /// Whether θ are weights, and the rule one for weights: then an episode is judged by the loss at its last point, is over
  /// where f or ∇f is not finite, and credits along the step. Else it is judged by its best point, goes back to that where f
  /// or ∇f is not finite, and credits to the optimum.
  bool weights = false;
  double step_scale = 0.7;           ///< UpdateRule::step_scale
  bool credit_by_coordinate = true;  ///< see credit_to_optimum
  RewardOptions reward{};
};

/// What one episode is told.
struct EpisodePlan {
  int horizon = 100;         ///< steps, T
  bool tell_horizon = true;  ///< whether a rule for weights knows T
  bool tell_loss = true;     ///< whether a rule for weights sees the minibatches' losses
};

/// What is recorded of an episode: nothing; all rows of the rule or some of them, at each step; or, if their reward is
/// given, the run's row at each decision.
struct Recording {
  bool all = false;
  std::vector<std::size_t> rows{};
  std::optional<DecisionReward> decisions{};
};

/// θ [M], drawn from the instance's start distribution.
std::vector<double> sample_start(const Instance& instance, Random& random);

/// What changes what a rule proposes.
struct Moves {
  std::function<void(Episode& episode)> prepare{};  ///< before the rule is asked; here the parameters may change
  std::function<void(Episode& episode)> decide{};   ///< the decision that the run has just made, episode.run().decision()
  std::function<void(Episode& episode)> move{};     ///< the actions that it is about to take, episode.run().actions()
  bool propose = true;                              ///< whether the rule is asked at all, or the move does everything
};

class Episode {
 public:
  Episode(std::shared_ptr<const Instance> instance, std::shared_ptr<const Stepper> stepper, const EpisodeOptions& options,
          const EpisodePlan& plan);

  /// Begins at θ [M]; with another horizon than the plan's, if one is given.
  void start(std::span<const double> theta, Recording recording = {}, std::optional<int> horizon = {});

  /// Takes one step in each of the episodes, none of which is over. Those that follow each other with the same stepper make
  /// their proposals as one batch; those that follow each other on the same instance, at the same step, are evaluated as one
  /// batch (Classifier::evaluate_each).
  static void step(std::span<Episode* const> episodes, ProposalScratch& scratch, const Moves& moves = {});
  /// Whether the horizon is reached, or as many oracle calls are made as it stands for, or a loss was not finite (see
  /// EpisodeOptions::weights).
  bool over() const { return ended_ || (run_->asks() ? run_->over() : step_ >= plan_.horizon); }
  /// Whether the latter.
  bool failed() const { return ended_; }

  const Instance& instance() const { return *instance_; }
  RuleRun& run() { return *run_; }
  const RuleRun& run() const { return *run_; }
  const EpisodeOptions& options() const { return options_; }
  int horizon() const { return plan_.horizon; }
  int steps() const { return step_; }
  /// The largest step of a coordinate (functions).
  double scale() const { return scale_; }
  /// The point that the run stands on, and f and ∇f there, of the latest minibatch.
  std::span<const double> theta() const { return theta_; }
  double value() const { return f_; }
  std::span<const double> gradient() const { return gradient_; }
  double best_value() const { return best_; }
  std::span<const double> best_point() const { return best_theta_; }
  bool best_is_new() const { return best_step_ == step_; }
  /// f*, or the least value seen where it is not known; the start's gap to it.
  double reference() const { return reference_; }
  double start_gap() const { return start_gap_; }
  double start_value() const { return start_value_; }
  /// Φ = -log(gap/gap⁰ + floor): the negated function value, normalised so that families of any scale can be mixed and so
  /// that each halving of the gap counts the same.
  double potential(double f) const;
  /// By how much the last step raised Φ of the point that the run stands on.
  double last_rise() const { return last_rise_; }
  /// Of the last step: a number for each recorded coordinate.
  std::span<const float> last_rewards() const;
  std::span<const std::size_t> recorded() const { return recorded_; }

  /// The final gap as a share of the start's: functions, of the best point; weights, of the judged loss at the last point
  /// (which costs two evaluations), infinite if something was not finite.
  double final_share() const;
  /// f at the point that is judged: functions, the gap in textbook units; weights, the judged loss.
  double final_value() const;
  /// Of f and ∇f, those for credit and judgement included.
  std::int64_t evaluations() const { return evaluations_ + credit_->evaluations(); }

  /// Hands over what was recorded since `start`.
  Trajectory take_trajectory();

  /// Goes on with other parameters of the same rule, between two steps.
  void act_with(std::shared_ptr<const Stepper> stepper);
  /// Everything that continues an episode that was started and records nothing, but its instance, its parameters and the
  /// options. `restore` replaces the plan.
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  void visit(auto& archive) {
    archive(plan_.horizon, plan_.tell_horizon, plan_.tell_loss);
    archive(reference_, start_gap_, worst_, f_, previous_f_, best_, last_rise_, start_value_);
    archive(theta_, gradient_, start_theta_, best_theta_, best_gradient_);
    archive(step_, best_step_, ended_, minibatches_, evaluations_);
  }
  bool wants_before() const { return !recorded_.empty() && credit_->wants_before(); }
  void record_state();
  /// Of the point that the run stands on, whose decision has changed.
  void record_state_again();
  void record_decision();
  void record_deciding();
  /// What decisions are judged by. Functions: the gap of the best point so far as a share of the start's; where f* is not
  /// known, 1/(1 + the fall of f over the start's supposed gap). Weights: the mean loss over the second half of
  /// what the last decision held for, each on examples that the step had not seen, as a share of the first; at the end of
  /// the run the judged loss (`final_share`); at most 10.
  double decided_share(bool end) const;
  /// Rewards the last decision for what has happened since.
  void reward_decision(bool end = false);
  void digest(double f_before, std::span<const double> gradient_before);

  std::shared_ptr<const Instance> instance_;
  std::shared_ptr<const Stepper> stepper_;
  EpisodeOptions options_;
  EpisodePlan plan_;
  std::unique_ptr<RuleRun> run_;
  std::unique_ptr<Credit> credit_;
  double scale_ = 1;
  double reference_ = 0;
  double start_gap_ = 1;
  double worst_ = 0;
  double f_ = 0, previous_f_ = 0, best_ = 0, last_rise_ = 0;
  std::vector<double> start_theta_, theta_, before_, gradient_, best_theta_, best_gradient_;
  int step_ = 0;
  int best_step_ = 0;
  bool ended_ = false;
  std::uint64_t minibatches_ = 0;  // one a point
  mutable std::int64_t evaluations_ = 0;
  std::vector<std::size_t> recorded_;
  std::optional<DecisionReward> decisions_;
  double worth_ = 0;
  std::vector<double> losses_;  // since the last decision
  double start_value_ = 0;
  Trajectory trajectory_;
};

}  // namespace scout
