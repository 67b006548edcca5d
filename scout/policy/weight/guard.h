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
  bool written = false;          ///< something else than the training's steps has changed weights since the last one
  std::int64_t size = 0;         ///< weights
  double theta_square = 0;       ///< Σ θ²
  /// Σ 1/fan-in over the weights of matrices: what Σ θ² of an ordinary initialisation would be. 0: not known.
  double ordinary_square = 0;
  double gradient_square = 0;   ///< Σ g², what is not finite counting as 0
  std::int64_t non_finite = 0;  ///< gradients that are not finite
  double gradient_factor = 1;   ///< multiplies the gradient: clipping
  double momentum_square = 0;   ///< Σ m², m the bias-corrected momentum (decay .9) of the last step, after clipping
  double slope = 0;  ///< Σ g (θ - θ held), if the guard asked for it: the way from there is downhill if negative
  double rate = 1;   ///< of this step: learning rate and annealing; 1 is that of the first

  /// Adds a tensor, whose record is as it was after the last step.
  void add(const TensorShape& shape, const kernel::TensorSums& sums, const TensorRecord& record);
};

/// What a guard did so far.
struct GuardReport {
  std::int64_t non_finite = 0;      ///< interventions: losses or gradients were not finite,
  std::int64_t loss_rose = 0;       ///< losses were far above their record,
  std::int64_t weights_grew = 0;    ///< no loss was given, and weights or gradients grew beyond all measure,
  std::int64_t stalled = 0;         ///< losses fell no further, so that the fallback was tried
  std::int64_t stalls_ended = 0;    ///< those of them in which the fallback went ahead
  std::int64_t restored = 0;        ///< times that the weights of an earlier step were brought back
  std::int64_t fallback_steps = 0;  ///< steps that were left to the fallback
  std::int64_t ignored = 0;         ///< gradients of single weights that were not finite, and counted as 0: no intervention
  std::int64_t rises = 0;      ///< rises that earlier weights did not undo, or could not be asked about: no intervention
  std::int64_t written = 0;    ///< steps before which something else had changed weights: no intervention
  std::int64_t bad_steps = 0;  ///< steps whose loss, or most of whose gradients, were not finite
  // What belongs to the weights and is no parameter (LearnedOptimizer::watch_buffers).
  std::int64_t buffers = 0;           ///< tensors that are watched
  std::int64_t buffers_restored = 0;  ///< times that one was not finite and an earlier one was brought back
  std::int64_t buffers_broken = 0;    ///< watched, not finite when looked at last, and without an earlier one
  std::int64_t interventions() const { return non_finite + loss_rose + weights_grew + stalled; }

  template <class Archive>
  void visit(Archive& a) {
    a(non_finite, loss_rose, weights_grew, stalled, stalls_ended, restored, fallback_steps, ignored, rises, written,
      bad_steps, buffers, buffers_restored, buffers_broken);
  }
};

/// In words, one line: "2 interventions (1 not finite, 1 loss rose), 2 times restored, 150 steps by the fallback; 3
/// gradients of single weights were not finite and counted as 0".
std::string to_string(const GuardReport& report);

/// The scalars of a guard: what has to be kept for a training to be resumed.
struct GuardRecord {
  enum class Cause { none, non_finite, loss_rose, weights_grew, stalled };

  std::int64_t step = 0;
  bool stage_begins = true;           ///< with the next step
  std::int64_t since_written = 1000;  ///< steps since something else changed weights
  // Losses; since the last restoration, but for the first and the spread.
  std::int64_t losses = 0;  ///< finite ones seen in this stage
  bool fresh = true;        ///< none yet
  double first_loss = 0;    ///< of the stage
  double start_loss = 0;    ///< the first or, if it is higher, the mean of the first block
  double fast_loss = 0;     ///< average, decay .9
  double best_loss = 0;     ///< least fast average, slowly forgotten
  double loss_spread = 0;   ///< mean distance from the fast average, decay .99
  double tolerance = 1;     ///< multiplies what a loss may rise by
  // Without losses.
  double first_theta_square = 0;  ///< mean θ² at the first step of the stage
  double gradient_size = 0;       ///< average of log2 of the gradient's norm, decay .99
  bool gradient_seen = false;
  // Divergence.
  double alarm = 0;                               ///< rises with every bad step
  double least_bad = 0;                           ///< least loss of the bad steps of an alarm
  double slope = 0;                               ///< Σ of GuardInput::slope over them
  bool probing = false;                           ///< the weights held stand in for those that raised the alarm
  Cause probed = Cause::none;                     ///< the alarm's
  double probe_bound = 0;                         ///< what is below it speaks against the weights that raised the alarm,
  std::int64_t probe_below = 0, probe_above = 0;  ///< and what is not for them: steps
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
  double block = 0;     ///< mean of the last block
  // Who acts.
  bool fallback = false;
  bool trial = false;           ///< the fallback is on trial,
  double trial_loss = 0;        ///< and the average loss as it began
  std::int64_t left = 0;        ///< steps that are left to the fallback
  std::int64_t length = 0;      ///< of the next period of the fallback
  std::int64_t good_steps = 0;  ///< of the learned rule since it acts
  double fallback_rate = 1;
  std::int64_t until_hold = 0;
  GuardReport report;

  template <class Archive>
  void visit(Archive& a) {
    a(step, stage_begins, since_written, losses, fresh, first_loss, start_loss, fast_loss, best_loss, loss_spread, tolerance,
      first_theta_square, gradient_size, gradient_seen, alarm, least_bad, slope, probing, probed, probe_bound, probe_below,
      probe_above, incurable, momentum_square, gradient_square, block_losses, block_sum, record_known, record, still,
      patience, block, fallback, trial, trial_loss, left, length, good_steps, fallback_rate, until_hold, report);
  }
};

/// Judges a learned rule by the training's own record. It needs nothing but what the training computes anyway.
///
/// An *alarm* is raised when, several steps running, losses or most gradients are not finite, or losses are far above the
/// best average seen (by half of what was gained since the start, by half of that average, and by ten times the spread of
/// losses). Without losses: when weights are sixteen times as large as at the start and as is ordinary, or gradients a
/// hundred times their running size while weights grow.
///
/// A rise alone is no divergence: targets, data or an adversary may have changed. So the weights held last stand in for
/// those that raised the alarm, until three losses at them are below the middle of the rise, or five are not (ten, if they
/// are a million times too high); no step is taken meanwhile. If they are better, the rule *diverges*: the fallback acts
/// from them for 50 steps; for twice as many after each relapse, up to 3,200. Should it diverge too, its steps are halved.
/// If they are not, the weights that raised the alarm come back, a new *stage* begins, whose record is its own, and losses
/// may rise four times as far until that is forgotten. Where losses or gradients are not finite there is nothing to compare:
/// the weights held come back at once. Without losses they do unless gradients say that the way from them to the present
/// weights is downhill.
///
/// The rule *stalls* when means of 50 losses set no new record for long (a fifth of the horizon, within 100 and 500 steps;
/// 500 if none is known) and do not rise, although gradients keep their direction, or for twice as long and nothing was ever
/// gained. Then the fallback is tried for 100 steps. If it sets a clear record it goes on, for 200 steps at least; else the
/// rule comes back, and the next stall has to last twice as long. At a minimum gradients are noise about 0, so that a
/// plateau there is no stall.
///
/// Weights that something else has written are the caller's: they are held in the place of those before, and a new stage
/// begins, unless such a thing happened within the last 50 steps: it is part of the training then, and there is nothing that
/// rises could be compared with.
///
/// A single bad batch, a spike, a change of the learning rate is none of these: a guard that does not intervene changes
/// nothing.
class Guard {
 public:
  /// What the caller does with the step, in this order.
  struct Action {
    bool exchange = false;  ///< Exchange the weights with those held; the state is that of the former,
    bool restore = false;   ///< or bring back the weights held.
    bool clear = false;     ///< Clear the state: momenta, records of tensors.
    bool wait = false;      ///< Take no step: the gradient is not that of these weights, or they are on probation.
    bool hold = false;      ///< Keep a copy of the weights.
    bool fallback = false;  ///< The fallback acts, not the learned rule,
    double rate = 1;        ///< with its steps multiplied by this.
  };

  /// `horizon`: steps that the training will make; 0 if that is not known.
  explicit Guard(std::int64_t horizon = 0);

  Action observe(const GuardInput& input);

  GuardReport& report() { return r_.report; }
  const GuardReport& report() const { return r_.report; }
  const GuardRecord& record() const { return r_; }
  /// Whether the next step without a loss needs `GuardInput::slope`.
  bool asks_slope() const { return r_.alarm >= 1; }
  /// Changes the number of steps that the training will make.
  void set_horizon(std::int64_t horizon);
  /// Goes on from a record.
  void resume(const GuardRecord& record) { r_ = record; }

 private:
  using Cause = GuardRecord::Cause;
  struct Verdict {
    double severity = 0;  ///< 0: nothing wrong
    Cause cause = Cause::none;
  };
  Verdict judge(const GuardInput& input);
  Verdict judge_loss(double loss);
  Verdict judge_growth(const GuardInput& input);
  double margin() const;
  void watch_progress(const GuardInput& input);
  void begin_block();
  void begin_record();
  void begin_stage();
  bool stalled() const;
  bool near_the_end() const;
  Cause judge_step(const GuardInput& input);
  Action observe_written(const GuardInput& input);
  Action raise_alarm(const GuardInput& input, Cause cause);
  Action begin_probe(Cause cause, double bound);
  Action probe(const GuardInput& input);
  Action go_on(const GuardInput& input, bool hold);
  void rise_with_reason();
  void hand_over(Cause cause);
  static bool finite(const GuardInput& input);
  static double measure(const GuardInput& input);
  void begin_fallback();
  void end_trial(bool better);

  std::int64_t horizon_;
  GuardRecord r_;
};

}  // namespace scout
