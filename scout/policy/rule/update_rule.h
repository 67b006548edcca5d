// Update rules: whatever turns what a run has seen into the next Δθ. Training and deployment drive the same three classes:
//
//   UpdateRule   an architecture; immutable, and without parameters
//   Stepper      a rule with its parameters, made ready; immutable, shared by runs and threads
//   RuleRun      the state of one run
//
// A step of runs that share a stepper, whoever drives them:
//
//   stepper.decide(runs, scratch);        fills run.decision() where one is due
//                                         (here a mover may change it)
//   stepper.propose(runs, scratch);       fills run.actions()
//                                         (here a mover or a bound may change them)
//   run.apply(theta);                     θ <- θ + Δθ(actions)
//   run.observe({theta, gradient, f});    what was found there; the state now belongs to the new point
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "scout/base/archive.h"
#include "scout/base/random.h"
#include "scout/policy/rule/action.h"
#include "scout/policy/rule/actor.h"
#include "scout/policy/rule/decision_head.h"
#include "scout/problem/instance.h"

namespace scout {

/// What a run is told before it begins.
struct RunFrame {
  double scale = 1;  ///< the largest step of a coordinate, > 0 (rules for functions)
  /// Where θ of `apply` is in other units than observed points: the largest step of each coordinate there [M].
  std::span<const double> scales{};
  std::int64_t horizon = 0;         ///< the updates that the run will make; 0: not known (rules for weights)
  std::span<const double> lower{};  ///< the region of interest [M], which probes may go to (rules for functions)
  std::span<const double> upper{};
  std::span<const TensorShape> tensors{};  ///< what θ consists of (rules for weights)
  // Runs that ask for points as they like (RuleRun::asks):
  std::int64_t calls = 0;                   ///< that the run may make, the first point's included
  double gradient_price = 1;                ///< calls that ∇f costs, beside the value's one
  std::span<const double> least{}, most{};  ///< bounds of every point [M], which may be infinite; empty: none
  std::uint64_t seed = 0;                   ///< of everything random
};

/// What a rule is shown of a point.
struct Observation {
  std::span<const double> theta;     ///< [M]
  std::span<const double> gradient;  ///< ∇f [M]; may be empty if the rule does not observe it
  std::optional<double> f{};         ///< rules for weights do without
};

/// The state of one run. Thread-safe only apart.
///
/// An action is the rule's code of a step of one coordinate. Rules for functions use the signed logarithm of action.h; for
/// rules of weights an action is Δθ itself.
class RuleRun {
 public:
  virtual ~RuleRun() = default;
  RuleRun() = default;
  RuleRun(const RuleRun&) = delete;
  RuleRun& operator=(const RuleRun&) = delete;

  /// Begins at the first point. What the frame refers to has to live as long as this call.
  virtual void start(const Observation& first, const RunFrame& frame) = 0;
  /// Takes in the point that the actions, as they stand, led to.
  virtual void observe(const Observation& next) = 0;

  /// [M], of the step to come; in θ's frame.
  virtual std::span<float> actions() = 0;
  /// Moves θ [M].
  virtual void apply(std::span<double> theta) const = 0;
  /// Whether it asks for points as it likes, with or without ∇f, until the calls of its frame are made. Others take a step
  /// of θ after the other, each with ∇f if the rule observes it.
  virtual bool asks() const { return false; }
  /// Whether ∇f is wanted at the next point; after `propose`.
  virtual bool wants_gradient() const { return true; }
  /// Whether a run that asks has made its calls.
  virtual bool over() const { return false; }
  /// Gives a run that asks so many calls beside those of its frame.
  virtual void grant([[maybe_unused]] std::int64_t calls) {}
  /// Takes in what other runs that ask, of the same rule on the same function, found by their latest answers.
  virtual void hear([[maybe_unused]] std::span<const RuleRun* const> others) {}
  /// What is decided for the steps to come [R, A], numbers in [-1, 1]; empty where the rule has no decisions. R: one row a
  /// run, or one a tensor.
  virtual std::span<float> decision() { return {}; }
  virtual std::size_t decision_rows() const { return 1; }
  /// Whether a decision is due before the coming step.
  virtual bool decision_due() const { return false; }
  /// The action that stands for a step of a coordinate, in units of the largest (rules for functions); not clipped.
  virtual float action_of(float step) const { return encode_step(step); }
  /// The greatest size of coordinate i's action.
  virtual float largest_action([[maybe_unused]] std::size_t i) const { return 1.0F; }

  // What a learner looks at. A row is what the rule's network is applied to: a coordinate, or all of θ at once.

  /// Rows of a state.
  virtual std::size_t rows() const = 0;
  /// Numbers that the actor sees of a row.
  virtual std::size_t features() const = 0;
  /// The actor's inputs of some rows, [rows, features].
  virtual void write_features(std::span<const std::size_t> rows, float* out) const = 0;
  /// The actions of some rows as the actor would have put them out, in [-1, 1]: [rows, actions of a row].
  virtual void write_actions(std::span<const std::size_t> rows, float* out) const = 0;
  /// S, and the rows that a decision is made of [R, S], as they are before the head normalises them.
  virtual std::size_t decision_features() const { return 0; }
  virtual void write_decision_features([[maybe_unused]] float* out) const {}
  /// Turns numbers [M] from the actor's frame into θ's; its own inverse.
  virtual void orient([[maybe_unused]] std::span<float> numbers) const {}

  /// Everything that continues the run.
  virtual void save(ArchiveWriter& archive) const = 0;
  virtual void restore(ArchiveReader& archive) = 0;
};

/// Buffers of `Stepper::propose`, reused from call to call. One a thread.
struct ProposalScratch {
  std::vector<float> features, actions, decisions;
  Actor::Trace trace;
  DecisionHead::Scratch head;
  std::vector<RuleRun*> due;
};

class Stepper {
 public:
  virtual ~Stepper() = default;
  /// A run of M coordinates. Throws std::invalid_argument if the rule is for another M.
  virtual std::unique_ptr<RuleRun> new_run(int dimension) const = 0;
  /// Makes the decisions that are due. Before `propose`.
  virtual void decide([[maybe_unused]] std::span<RuleRun* const> runs, [[maybe_unused]] ProposalScratch& scratch) const {}
  /// Fills the actions of runs of this rule. A run's actions do not depend on which others are in the batch.
  virtual void propose(std::span<RuleRun* const> runs, ProposalScratch& scratch) const = 0;
};

/// Makes the decisions that are due in runs of a rule with this head; `parameters`: all of the rule's.
void decide_due(const DecisionHead& head, std::span<const float> parameters, std::span<RuleRun* const> runs,
                ProposalScratch& scratch);

class UpdateRule {
 public:
  /// `step_scale`: rules for functions: the largest step of a coordinate as a share of its box's width; rules for weights:
  /// the step of a weight as a share of its tensor's scale. `signature` names the meaning of inputs and state: a policy file
  /// records it, and loads only if it is the same. `actor`: the network that makes an action of a row's features, if there
  /// is one; its parameters are the first. `decisions`: the head that decides for whole runs, if there is one; its
  /// parameters follow the actor's.
  UpdateRule(std::string signature, double step_scale, std::optional<Actor> actor = {},
             std::optional<DecisionHead> decisions = {})
      : signature_(std::move(signature)),
        step_scale_(step_scale),
        actor_(std::move(actor)),
        decisions_(std::move(decisions)) {}
  virtual ~UpdateRule() = default;

  const std::string& signature() const { return signature_; }
  double step_scale() const { return step_scale_; }
  /// For learners that differentiate it; null if there is none.
  const Actor* actor() const { return actor_ ? &*actor_ : nullptr; }
  /// Null if there is none.
  const DecisionHead* decisions() const { return decisions_ ? &*decisions_ : nullptr; }
  /// The layer that turns the context, features of the run rather than of a coordinate, into an offset to all outputs; where
  /// `out` is 0 there is none. Its parameters act on whole runs.
  Linear context_head() const { return actor_ ? actor_->head() : Linear{}; }

  /// Whether it steps the weights of networks, on gradients alone; the others minimise functions of a vector in a region.
  virtual bool for_weights() const { return false; }
  /// Whether ∇f is observed.
  virtual bool observes_gradient() const { return true; }
  /// The actor's and the decision head's, where nothing else is said.
  virtual std::size_t parameter_count() const {
    return (actor_ ? actor_->parameter_count() : 0) + (decisions_ ? decisions_->parameter_count() : 0);
  }
  virtual std::vector<float> initial_parameters(Random& random) const {
    std::vector<float> out = actor_ ? actor_->initial_parameters(random) : std::vector<float>{};
    if (!decisions_) return out;
    const std::vector<float> head = decisions_->initial_parameters(random);
    out.insert(out.end(), head.begin(), head.end());
    return out;
  }
  /// The rule with these parameters. Throws std::invalid_argument if their number is another.
  std::shared_ptr<const Stepper> with(std::span<const float> parameters) const {
    if (parameters.size() == parameter_count()) return make_stepper(parameters);
    throw std::invalid_argument("it has " + std::to_string(parameters.size()) + " parameters, and its architecture needs " +
                                std::to_string(parameter_count()));
  }

 protected:
  /// `parameters`: as many as there have to be.
  virtual std::shared_ptr<const Stepper> make_stepper(std::span<const float> parameters) const = 0;

 private:
  std::string signature_;
  double step_scale_;
  std::optional<Actor> actor_;
  std::optional<DecisionHead> decisions_;
};

}  // namespace scout
