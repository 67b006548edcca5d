// Watches a training with a learned rule: says when a plain gradient method has to act in its place, and when to go back to
// weights that were good.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "scout/policy/weight/weight_stepper.h"

namespace scout {

/// What a step shows of the training before the weights are changed. Sums are over all weights that take part.
struct GuardInput {
  std::optional<double> loss{};  ///< at the weights as they are, finite or not
  std::int64_t size = 0;         ///< weights
  double theta_square = 0;       ///< Σ θ²
  /// Σ 1/fan-in over the weights of matrices: what Σ θ² of an ordinary initialisation would be. 0: not known.
  double ordinary_square = 0;
  double gradient_square = 0;   ///< Σ g², what is not finite counting as 0
  std::int64_t non_finite = 0;  ///< gradients that are not finite
  double gradient_factor = 1;   ///< multiplies the gradient: clipping
  double momentum_square = 0;   ///< Σ m², m the bias-corrected momentum (decay .9) of the last step, after clipping
  double rate = 1;              ///< of this step: learning rate and annealing; 1 is that of the first

  /// Adds a tensor, whose record is as it was after the last step.
  void add(const TensorShape& shape, const kernel::TensorSums& sums, const TensorRecord& record);
};

/// What a guard did so far. Each intervention restored weights, but for stalls in which the fallback went ahead.
struct GuardReport {
  std::int64_t non_finite = 0;      ///< interventions: losses or gradients were not finite,
  std::int64_t loss_rose = 0;       ///< losses were far above their record,
  std::int64_t weights_grew = 0;    ///< no loss was given, and weights or gradients grew beyond all measure,
  std::int64_t stalled = 0;         ///< losses fell no further, so that the fallback was tried
  std::int64_t stalls_ended = 0;    ///< those of them in which the fallback went ahead
  std::int64_t restored = 0;        ///< times that the weights of an earlier step were brought back
  std::int64_t fallback_steps = 0;  ///< steps that were left to the fallback
  std::int64_t ignored = 0;         ///< gradients of single weights that were not finite, and counted as 0: no intervention
  std::int64_t interventions() const { return non_finite + loss_rose + weights_grew + stalled; }

  template <class Archive>
  void visit(Archive& a) {
    a(non_finite, loss_rose, weights_grew, stalled, stalls_ended, restored, fallback_steps, ignored);
  }
};

/// In words, one line: "2 interventions (1 not finite, 1 loss rose), 2 times restored, 150 steps by the fallback; 3
/// gradients of single weights were not finite and counted as 0".
std::string to_string(const GuardReport& report);

/// The scalars of a guard: what has to be kept for a training to be resumed.
struct GuardRecord {
  std::int64_t step = 0;
  // Losses; since the last restoration, but for the first and the spread.
  std::int64_t losses = 0;  ///< finite ones seen, in all
  bool fresh = true;        ///< none yet
  double first_loss = 0;    ///< of the training
  double start_loss = 0;    ///< the first or, if it is higher, the mean of the first block
  double fast_loss = 0;     ///< average, decay .9
  double best_loss = 0;     ///< least fast average, slowly forgotten
  double loss_spread = 0;   ///< mean distance from the fast average, decay .99
  // Without losses.
  double first_theta_square = 0;  ///< mean θ² at the first step
  double gradient_size = 0;       ///< average of log2 of the gradient's norm, decay .99
  bool gradient_seen = false;
  // Divergence.
  double alarm = 0;            ///< rises with every bad step
  std::int64_t incurable = 0;  ///< finite steps until what is not finite counts again: restoring did not help
  // Stalls.
  double momentum_square = 0;  ///< averages, decay .99
  double gradient_square = 0;
  std::int64_t block_losses = 0;  ///< losses in the block of steps that is under way,
  double block_sum = 0;           ///< and their sum
  bool record_known = false;
  double record = 0;    ///< least mean of a block
  double still = 0;     ///< steps, by their rate, since the record fell
  double patience = 0;  ///< such steps that make a stall
  // Who acts.
  bool fallback = false;
  bool trial = false;           ///< the fallback is on trial
  std::int64_t left = 0;        ///< steps that are left to the fallback
  std::int64_t length = 0;      ///< of the next period of the fallback
  std::int64_t good_steps = 0;  ///< of the learned rule since it acts
  double fallback_rate = 1;
  std::int64_t until_hold = 0;
  GuardReport report;

  template <class Archive>
  void visit(Archive& a) {
    a(step, losses, fresh, first_loss, start_loss, fast_loss, best_loss, loss_spread, first_theta_square, gradient_size,
      gradient_seen, alarm, incurable, momentum_square, gradient_square, block_losses, block_sum, record_known, record,
      still, patience, fallback, trial, left, length, good_steps, fallback_rate, until_hold, report);
  }
};

/// Judges a learned rule by the training's own record. It needs nothing but what the training computes anyway.
///
/// The rule *diverges* when, several steps running, losses or most gradients are not finite, or losses are far above the
/// best average seen (by half of what was gained since the start, by half of that average, and by ten times the spread of
/// losses). Without losses: when weights are sixteen times as large as at the start and as is ordinary, or gradients a
/// hundred times their running size while weights grow. Then the weights held last are restored, and the fallback acts for
/// 50 steps; for twice as many after each relapse, up to 3,200. Should it diverge too, its steps are halved.
///
/// It *stalls* when means of 50 losses set no new record for long (a fifth of the horizon, within 100 and 500 steps; 500 if
/// none is known), although gradients keep their direction, or for twice as long and nothing was ever gained. Then the
/// fallback is tried for 100 steps. If it sets a clear record it goes on, for 200 steps at least; else the weights are
/// restored and the next stall has to last twice as long. At a minimum gradients are noise about 0, so that a plateau there
/// is no stall.
///
/// A single bad batch, a spike, a change of the learning rate is neither: a guard that does not intervene changes nothing.
class Guard {
 public:
  /// What the caller does with the step, in this order.
  struct Action {
    /// Bring back the weights held last and clear the state (momenta, records of tensors); and take no step: the gradient is
    /// not that of these weights.
    bool restore = false;
    bool hold = false;      ///< Keep a copy of the weights.
    bool fallback = false;  ///< The fallback acts, not the learned rule,
    double rate = 1;        ///< with its steps multiplied by this.
  };

  /// `horizon`: steps that the training will make; 0 if that is not known.
  explicit Guard(std::int64_t horizon = 0);

  Action observe(const GuardInput& input);

  const GuardReport& report() const { return r_.report; }
  const GuardRecord& record() const { return r_; }
  /// Goes on from a record.
  void resume(const GuardRecord& record) { r_ = record; }

 private:
  struct Verdict {
    double severity = 0;  ///< 0: nothing wrong
    std::int64_t GuardReport::*cause = nullptr;
  };
  Verdict judge(const GuardInput& input);
  Verdict judge_loss(double loss);
  Verdict judge_growth(const GuardInput& input);
  double margin() const;
  void watch_progress(const GuardInput& input);
  void begin_block();
  bool stalled() const;
  bool near_the_end() const;
  Action restored();
  void begin_fallback();
  Action end_trial(bool better);

  std::int64_t horizon_;
  GuardRecord r_;
};

/// A tensor of weights in one step.
struct TensorStep {
  TensorShape shape{};
  StepSettings settings{};
  TensorRecord* record = nullptr;
  TensorPlan* plan = nullptr;
  kernel::TensorSums sums{};       ///< of θ and ∇f
  kernel::StepSums step_sums{};    ///< of the step taken
  std::vector<double> own_sums{};  ///< [StateLayout::sums], of the step taken
};

/// Where the weights of a training lie.
class StepTarget {
 public:
  virtual ~StepTarget() = default;
  /// The tensors that take part in this step, with sums, settings, record and plan; they live until the step is over.
  virtual std::vector<TensorStep*> tensors() = 0;
  /// Carries out their plans and fills the sums of the step.
  virtual void step(const WeightStepper& stepper) = 0;
  /// Keeps copies of the weights: all, or those that there are none of yet.
  virtual void hold(bool all) = 0;
  /// Brings back the weights held, and clears state and records of all.
  virtual void restore() = 0;
};

/// What a training carries from step to step besides its tensors, and its step, watched by a guard: the one sequence that
/// every deployment runs, wherever weights and state lie.
class GuardedStep {
 public:
  /// `horizon`: steps that the training will make; 0 if that is not known.
  GuardedStep(std::shared_ptr<const WeightStepper> stepper, std::int64_t horizon, bool guarded);

  /// One step. `loss`: at the weights as they are, if it is known. `clip_norm`: the greatest norm of all gradients together;
  /// 0: any.
  void take(StepTarget& target, std::optional<double> loss, double clip_norm = 0);

  const WeightStepper& stepper() const { return *stepper_; }
  bool guarded() const { return guarded_; }
  std::int64_t steps() const { return run_.step; }
  /// Gradients of single weights that were not finite and so counted as 0, over all steps.
  std::int64_t non_finite() const { return non_finite_; }
  const GuardReport& report() const { return guard_.report(); }

  void save(ArchiveWriter& archive) const;
  /// The horizon stays this one's; what was saved without a guard goes on with a new one.
  void restore(ArchiveReader& archive);

 private:
  std::shared_ptr<const WeightStepper> stepper_, fallback_;
  bool guarded_;
  Guard guard_;
  RunRecord run_;
  RunRecord held_run_;  // with the weights that are held
  std::int64_t non_finite_ = 0;
};

}  // namespace scout
