// Rules that step the weights of neural networks, tensor by tensor, on gradients alone.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "scout/policy/rule/update_rule.h"
#include "scout/policy/weight/weight_step.h"

namespace scout {

/// The numbers that a rule keeps from step to step, all beginning at 0: whoever drives it allocates, holds and saves them.
struct StateLayout {
  enum class Type { bfloat16, float32 };
  Type type = Type::float32;  ///< of the numbers of a weight
  int per_weight = 0;
  int per_tensor = 0;  ///< TensorRecord::own
  int per_run = 0;     ///< RunRecord::own
  int sums = 0;        ///< numbers added up over a tensor's weights in a step: what a level above can pool
  bool whole = false;  ///< whether a step has to see a tensor as one piece

  std::size_t element_size() const { return type == Type::bfloat16 ? 2 : 4; }
  /// Of the numbers of so many weights.
  std::size_t bytes(std::size_t weights) const { return weights * static_cast<std::size_t>(per_weight) * element_size(); }
};

/// The scalars that a tensor carries from step to step, all beginning at 0.
struct TensorRecord {
  std::int64_t step = 0;       ///< steps taken
  double unit = 0;             ///< of gradients: a power of two near the rms of the first that was not zero; 0: none yet
  double square_mean = 0;      ///< average of the mean g², decay .999, in units
  double least_scale = 0;      ///< the scale ρ is the rms of θ, but at least this
  double first_scale = 0;      ///< ρ at the first step
  double update_square = 0;    ///< mean (Δ/step)² of the last step
  double momentum_square = 0;  ///< mean square of m_.9, bias-corrected, in units, at the last step
  std::vector<double> own{};   ///< [StateLayout::per_tensor], for the rule alone

  template <class Archive>
  void visit(Archive& a) {
    a(step, unit, square_mean, least_scale, first_scale, update_square, momentum_square, own);
  }
};

/// What is known of the run.
struct RunRecord {
  std::int64_t step = 0;     ///< steps taken
  std::int64_t horizon = 0;  ///< steps planned; 0: not known
  double first_rms = 0;      ///< of all weights at the first step
  std::int64_t losses = 0;   ///< finite losses seen
  bool loss_given = false;   ///< with the current step
  double fast_loss = 0;      ///< averages, decay .9 and .99, not corrected
  double slow_loss = 0;
  double loss_variance = 0;  ///< about the slow average, decay .99
  double best_loss = 0;      ///< least and greatest fast average
  double worst_loss = 0;
  std::vector<double> own{};  ///< [StateLayout::per_run], for the rule alone

  /// Takes in the loss at the current step, if there is one; what is not finite is passed over.
  void observe_loss(std::optional<double> loss);
  /// Share of the horizon that is over, in [0, 1]; 0 if there is none.
  double elapsed() const;
  /// What linear annealing over the horizon leaves of a step: 1 - elapsed(), but a hundredth for steps beyond.
  double annealing() const;

  template <class Archive>
  void visit(Archive& a) {
    a(step, horizon, first_rms, losses, loss_given, fast_loss, slow_loss, loss_variance, best_loss, worst_loss, own);
  }
};

/// The size of a tensor's weights: the rms of θ, but at least `least_scale`, which the first step sets: a share of the rms
/// of all weights at the start, or .05 where those were zero.
double tensor_scale(const RunRecord& run, TensorRecord& tensor, const TensorShape& shape, const kernel::TensorSums& sums);

/// What a caller decides about a tensor's step.
struct StepSettings {
  double rate = 1;             ///< multiplies the rule's step
  double weight_decay = 0;     ///< share of θ taken away a step, decoupled; multiplied by `rate` and by the annealing
  double gradient_factor = 1;  ///< multiplies the gradient: clipping
};

/// What a rule works out for one tensor and step. Reused from step to step.
class TensorPlan {
 public:
  virtual ~TensorPlan() = default;
};

/// The factor of ∇f, or of an average of it, that moves a tensor by a hundredth of its scale: plain descent, which fallbacks
/// fall back on. Fixes the record's least scale at the first step. At most 1e18; 0 where ∇f is.
double plain_descent(const RunRecord& run, TensorRecord& tensor, const TensorShape& shape, const kernel::TensorSums& sums,
                     const StepSettings& settings);

/// A rule of weights with its parameters: the stepper of every rule that is `for_weights()`. How a step runs:
///
///     sums = kernel::tensor_sums(...)                             of every tensor
///     stepper.begin(run, Σ θ², Σ sizes)
///     stepper.plan(run, record, shape, sums, settings, plan)      of every tensor
///     stepper.look(plan, piece, n, own_sums)                      of every piece, in any order, if it `looks()`
///     stepper.looked(plan, shape, own_sums)                       of every tensor, likewise
///     stepper.step(plan, piece, n, own_sums)                      of every piece, in any order, by any thread
///     stepper.end(run, record, shape, step_sums, own_sums)        of every tensor
///     stepper.end(run)
///
/// Must be owned by a shared_ptr. How a tensor is cut into pieces must not change its weights and state; where its layout
/// says `whole`, none is cut.
class WeightStepper : public Stepper, public std::enable_shared_from_this<WeightStepper> {
 public:
  std::unique_ptr<RuleRun> new_run(int dimension) const final;
  void propose(std::span<RuleRun* const> runs, ProposalScratch& scratch) const final;

  virtual StateLayout layout() const = 0;
  virtual std::unique_ptr<TensorPlan> new_plan() const = 0;
  /// Before the plans of a step: `theta_square` summed over all `size` weights that take part.
  virtual void begin(RunRecord& run, double theta_square, std::int64_t size) const;
  /// Advances the tensor's record.
  virtual void plan(RunRecord& run, TensorRecord& tensor, const TensorShape& shape, const kernel::TensorSums& sums,
                    const StepSettings& settings, TensorPlan& plan) const = 0;
  /// Whether the step of a weight depends on what the step makes of the tensor's others, so that there has to be a pass over
  /// them first.
  virtual bool looks() const { return false; }
  /// That pass: may change the state, and adds to `own_sums` [StateLayout::sums].
  virtual void look(const TensorPlan&, const WeightPiece&, std::size_t, double*) const {}
  /// Takes in a tensor's sums of that pass.
  virtual void looked(TensorPlan&, const TensorShape&, std::span<const double>) const {}
  /// Moves `n` weights. Adds to `own_sums` [StateLayout::sums].
  virtual kernel::StepSums step(const TensorPlan& plan, const WeightPiece& piece, std::size_t n, double* own_sums) const = 0;
  /// Once a tensor is done. `sums` and `own_sums` are over all its weights.
  virtual void end(RunRecord& run, TensorRecord& tensor, const TensorShape& shape, const kernel::StepSums& sums,
                   std::span<const double> own_sums) const;
  /// Once all tensors are.
  virtual void end(RunRecord& run) const { ++run.step; }
  /// What acts while this rule's steps diverge or stall: a plain gradient method on the same state and plans.
  virtual std::shared_ptr<const WeightStepper> fallback() const = 0;

  // Decisions (policy/rule/decision_head.h), a row a tensor. `plan` makes those that are due, and keeps them in the record.

  virtual const DecisionHead* decisions() const { return nullptr; }
  /// The row of a planned tensor [S].
  virtual void write_decision_features(const TensorPlan&, float*) const {}
  /// What was decided for a tensor [A].
  virtual std::span<double> decision(TensorRecord&) const { return {}; }
  /// Takes what is decided now into a plan that was made before.
  virtual void plan_again(const TensorRecord&, TensorPlan&) const {}

  // What a learner looks at.

  /// Inputs of the rule's actor, and those of weight i of a piece whose step is planned but not yet taken.
  virtual std::size_t features() const { return 0; }
  virtual void write_features(const TensorPlan&, const WeightPiece&, std::size_t, float*) const {}
  /// The greatest |Δθ| of a weight, weight decay apart.
  virtual float largest_step(const TensorPlan& plan) const = 0;
  /// The sign of Δθ in which a positive action of the actor moves weight i of a piece, whose step was taken.
  virtual float direction(const WeightPiece&, std::size_t) const { return 1.0F; }

  TensorRecord new_record() const;
  RunRecord new_run_record(std::int64_t horizon) const;
};

}  // namespace scout
