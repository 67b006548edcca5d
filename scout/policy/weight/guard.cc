#include "scout/policy/weight/guard.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace scout {
namespace {

// An alarm is a run of bad steps: a normal step halves it, so that only bad steps in a row reach the bound. 20 of losses
// that are far too high, 5 of losses beyond all measure, 3 that are not finite.
constexpr double kAlarm = 20;
constexpr double kHigh = 1, kBeyondMeasure = 4, kNotFinite = 7;
/// Losses that have to be seen before high ones count: early ones may rise.
constexpr std::int64_t kFirstLosses = 50;

constexpr std::int64_t kHoldEvery = 50;
constexpr std::int64_t kShortest = 50, kLongest = 3200;  // periods of the fallback
constexpr std::int64_t kAfterStall = 200;                // the least of them after a stall
constexpr double kLeastRate = 0x1p-10;
/// The learned rule has recovered when it acted for this many periods of the fallback.
constexpr std::int64_t kRecovery = 10;

constexpr std::int64_t kBlock = 50;  // losses
/// Of the gradient's mean square, the share that is in the momentum. Independent noise: (1 - .9)/(1 + .9) = .05.
constexpr double kPersistent = 0.15;
constexpr double kLeastPatience = 100, kUsualPatience = 500, kMostPatience = 8000;
/// Finite steps that have to pass before what is not finite counts again, if restoring the weights did not help.
constexpr std::int64_t kIncurable = 50;

// Steps at the weights held that decide for them, and against them. Data that are broken may go on for a while.
constexpr std::int64_t kBelow = 3, kAbove = 5, kBroken = 10;
/// A loss that is so many margins above the record comes from such data.
constexpr double kBrokenLoss = 1e6;
// How a rise with reason widens what losses may rise by, and how that is forgotten: half of it in 3,500 steps.
constexpr double kWider = 4, kWidest = 256, kForget = 0.9998;

double usual_patience(std::int64_t horizon) {
  return horizon > 0 ? std::clamp(static_cast<double>(horizon) / 5, kLeastPatience, kUsualPatience) : kUsualPatience;
}

}  // namespace

std::string to_string(const GuardReport& r) {
  const auto count = [](std::int64_t n, const char* one, const char* many) {
    return std::to_string(n) + " " + (n == 1 ? one : many);
  };
  std::string ignored;
  if (r.ignored > 0) {
    ignored = "; " + count(r.ignored, "gradient of a single weight was", "gradients of single weights were") +
              " not finite and counted as 0";
  }
  const auto add = [&](std::int64_t n, const std::string& one, const std::string& many) {
    if (n > 0) ignored += "; " + count(n, one.c_str(), many.c_str());
  };
  add(r.rises, "rise that earlier weights did not undo", "rises that earlier weights did not undo");
  add(r.written, "time something else changed the weights", "times something else changed the weights");
  add(r.buffers_restored, "time a buffer was not finite and an earlier one brought back",
      "times a buffer was not finite and an earlier one brought back");
  add(r.buffers_broken, "buffer is not finite and there is none to bring back",
      "buffers are not finite and there are none to bring back");
  if (r.bad_steps > 0 && r.buffers == 0) {
    ignored +=
        "; " + count(r.bad_steps, "step was", "steps were") +
        " not finite: buffers, such as running statistics of batch norm, may be so too, as watch_buffers was not called";
  }
  if (r.interventions() == 0) return "no intervention" + ignored;
  std::string causes;
  const auto cause = [&](std::int64_t n, const std::string& what) {
    if (n > 0) causes += (causes.empty() ? "" : ", ") + std::to_string(n) + " " + what;
  };
  cause(r.non_finite, "not finite");
  cause(r.loss_rose, "loss rose");
  cause(r.weights_grew, "weights or gradients grew");
  cause(r.stalled, "stalled, " + std::to_string(r.stalls_ended) + " ended by the fallback");
  return count(r.interventions(), "intervention", "interventions") + " (" + causes + "), " +
         count(r.restored, "time", "times") + " restored, " + count(r.fallback_steps, "step", "steps") + " by the fallback" +
         ignored;
}

void GuardInput::add(const TensorShape& shape, const kernel::TensorSums& sums, const TensorRecord& record) {
  size += shape.size;
  theta_square += sums.theta_square;
  if (shape.dimensions > 1) ordinary_square += static_cast<double>(shape.rows);  // size / fan-in
  gradient_square += sums.gradient_square;
  non_finite += sums.non_finite;
  momentum_square += static_cast<double>(shape.size) * record.momentum_square * record.unit * record.unit;
}

Guard::Guard(std::int64_t horizon) : horizon_(horizon) {
  r_.length = kShortest;
  r_.patience = usual_patience(horizon);
}

void Guard::set_horizon(std::int64_t horizon) {
  if (r_.step == 0) r_.patience = usual_patience(horizon);
  horizon_ = horizon;
}

Guard::Action Guard::observe(const GuardInput& input) {
  const bool first = r_.step++ == 0;
  r_.report.ignored += input.non_finite;
  if (!finite(input)) ++r_.report.bad_steps;
  if (input.written) return observe_written(input);
  ++r_.since_written;
  if (r_.probing) return probe(input);
  const Cause alarm = judge_step(input);
  if (alarm != Cause::none) return raise_alarm(input, alarm);
  watch_progress(input);
  if (r_.trial && r_.left <= 0) {
    // A record that was set during the trial is at most a block old.
    if (r_.still > static_cast<double>(kBlock) && r_.fast_loss > r_.trial_loss + r_.loss_spread) {
      return begin_probe(Cause::stalled, 0.5 * (r_.trial_loss + r_.fast_loss));
    }
    end_trial(r_.still <= static_cast<double>(kBlock));
  }
  return go_on(input, first);
}

Guard::Action Guard::observe_written(const GuardInput& input) {
  ++r_.report.written;
  const bool routine = r_.since_written < kHoldEvery;
  r_.since_written = 0;
  if (!routine) {
    if (r_.trial) end_trial(false);
    r_.probing = false;
    begin_stage();
  }
  Cause alarm = r_.probing ? r_.probed : Cause::none;
  r_.probing = false;
  if (alarm == Cause::none) alarm = judge_step(input);
  if (alarm == Cause::none) {
    watch_progress(input);
  } else {  // and no earlier weights to compare with: they would undo what was written
    rise_with_reason();
  }
  return go_on(input, true);
}

/// Of the alarm that the step raises, if it does.
Guard::Cause Guard::judge_step(const GuardInput& input) {
  const Verdict verdict = judge(input);
  if (verdict.severity > 0) {
    const double loss = measure(input);
    r_.least_bad = r_.alarm < 1 ? loss : std::min(r_.least_bad, loss);
    r_.slope = r_.alarm < 1 ? 0 : r_.slope + input.slope;
  }
  r_.alarm = verdict.severity > 0 ? r_.alarm + verdict.severity : r_.alarm / 2;
  return r_.alarm >= kAlarm ? verdict.cause : Cause::none;
}

Guard::Action Guard::raise_alarm(const GuardInput& input, Cause cause) {
  if (cause == Cause::non_finite) r_.incurable = 1;
  if (cause == Cause::loss_rose) return begin_probe(cause, r_.best_loss + 0.5 * (r_.least_bad - r_.best_loss));
  if (cause == Cause::weights_grew && !input.loss && r_.slope < 0) {
    rise_with_reason();
    return go_on(input, true);
  }
  hand_over(cause);
  ++r_.report.restored;
  return {.restore = true, .clear = true, .wait = true};
}

Guard::Action Guard::begin_probe(Cause cause, double bound) {
  r_.probing = true;
  r_.probed = cause;
  r_.probe_bound = bound;
  r_.probe_below = r_.probe_above = 0;
  return {.exchange = true, .wait = true};
}

Guard::Action Guard::probe(const GuardInput& input) {
  const double loss = measure(input);
  if (loss < r_.probe_bound) {
    r_.probing = ++r_.probe_below < kBelow;
  } else {
    const bool broken = loss > r_.best_loss + kBrokenLoss * margin();
    r_.probing = ++r_.probe_above < (broken ? kBroken : kAbove);
  }
  if (r_.probing) return {.wait = true};
  if (r_.probe_below >= kBelow) {
    hand_over(r_.probed);
    ++r_.report.restored;
    Action action = go_on(input, true);
    action.clear = true;
    return action;
  }
  rise_with_reason();
  r_.until_hold = 0;
  return {.exchange = true, .wait = true};
}

void Guard::rise_with_reason() {
  ++r_.report.rises;
  r_.tolerance = std::min(kWider * r_.tolerance, kWidest);
  if (r_.trial) end_trial(false);
  begin_stage();
}

/// From a rule that diverges to the fallback; from a fallback that does, to smaller steps; from one on trial, to the rule.
void Guard::hand_over(Cause cause) {
  if (cause == Cause::non_finite) ++r_.report.non_finite;
  if (cause == Cause::loss_rose) ++r_.report.loss_rose;
  if (cause == Cause::weights_grew) ++r_.report.weights_grew;
  if (r_.trial) {
    end_trial(false);
  } else {
    if (r_.fallback) r_.fallback_rate = std::max(r_.fallback_rate / 2, kLeastRate);
    begin_fallback();
  }
  begin_record();
}

Guard::Action Guard::go_on(const GuardInput& input, bool hold) {
  const bool calm = r_.alarm < 1;
  if (r_.fallback && !r_.trial && r_.left <= 0 && calm && !near_the_end()) {
    r_.fallback = false;
    r_.fallback_rate = std::min(1.0, 2 * r_.fallback_rate);
    r_.good_steps = 0;
    r_.until_hold = 0;
  } else if (!r_.fallback && stalled() && calm && !near_the_end()) {
    ++r_.report.stalled;
    r_.fallback = r_.trial = true;
    r_.trial_loss = r_.fast_loss;
    r_.left = 2 * kBlock;
    begin_block();
    hold = true;
  }

  Action action{.hold = hold};
  --r_.until_hold;
  const bool near_record = !input.loss || r_.incurable > 0 || r_.fast_loss <= r_.best_loss + margin() / 4;
  if (r_.until_hold < 0 && calm && !r_.trial && near_record) action.hold = true;
  if (action.hold) r_.until_hold = kHoldEvery;
  r_.tolerance = std::max(1.0, kForget * r_.tolerance);

  if (r_.fallback) {
    ++r_.report.fallback_steps;
    --r_.left;
  } else if (++r_.good_steps >= kRecovery * r_.length) {
    r_.good_steps = 0;
    r_.length = std::max(r_.length / 2, kShortest);
    r_.patience = std::max(r_.patience, usual_patience(horizon_));
  }
  action.fallback = r_.fallback;
  action.rate = r_.fallback ? r_.fallback_rate : 1;
  return action;
}

bool Guard::finite(const GuardInput& input) {
  return 2 * input.non_finite <= input.size && (!input.loss || std::isfinite(*input.loss));
}

/// The loss; infinite if there is nothing to compare.
double Guard::measure(const GuardInput& input) {
  constexpr double kNothing = std::numeric_limits<double>::infinity();
  return finite(input) ? input.loss.value_or(kNothing) : kNothing;
}

Guard::Verdict Guard::judge(const GuardInput& input) {
  if (r_.stage_begins) {
    r_.first_theta_square = input.theta_square / static_cast<double>(std::max<std::int64_t>(input.size, 1));
  }
  r_.stage_begins = false;
  if (!finite(input)) {
    if (r_.incurable == 0) return {kNotFinite, Cause::non_finite};
    r_.incurable = kIncurable;
    return 2 * input.non_finite <= input.size ? judge_growth(input) : Verdict{};
  }
  r_.incurable = std::max<std::int64_t>(r_.incurable - 1, 0);
  return input.loss ? judge_loss(*input.loss) : judge_growth(input);
}

double Guard::margin() const {
  return r_.tolerance * std::max({0.5 * (r_.first_loss - r_.best_loss), 0.5 * std::fabs(r_.best_loss), 10 * r_.loss_spread,
                                  r_.losses < kFirstLosses ? std::fabs(r_.first_loss) : 0.0});
}

Guard::Verdict Guard::judge_loss(double loss) {
  if (r_.losses++ == 0) {
    r_.first_loss = r_.start_loss = loss;
    r_.loss_spread = 0.05 * std::fabs(loss);
  }
  if (r_.losses == 1) r_.fast_loss = r_.best_loss = loss;
  // The record begins anew, but not with a spike.
  if (r_.fresh) r_.fast_loss = r_.best_loss = std::min(loss, r_.best_loss + 10 * margin());
  r_.fresh = false;
  const double high = r_.best_loss + margin();
  const double beyond_measure = r_.best_loss + 10 * margin();
  // What is taken into the record is bounded, so that a spike does not hide what follows.
  const double distance = std::min(std::fabs(loss - r_.fast_loss), 3 * r_.loss_spread + 0.01 * std::fabs(r_.fast_loss));
  r_.loss_spread += 0.01 * (distance - r_.loss_spread);
  r_.fast_loss += 0.1 * (std::min(loss, beyond_measure) - r_.fast_loss);
  r_.best_loss = std::min(r_.best_loss + 1e-3 * (r_.fast_loss - r_.best_loss), r_.fast_loss);
  if (loss > beyond_measure) return {kBeyondMeasure, Cause::loss_rose};
  if (loss > high && r_.losses > kFirstLosses) return {kHigh, Cause::loss_rose};
  return {};
}

Guard::Verdict Guard::judge_growth(const GuardInput& input) {
  const double size = static_cast<double>(std::max<std::int64_t>(input.size, 1));
  const double ordinary = std::sqrt(std::max(r_.first_theta_square, input.ordinary_square / size));
  const double growth = std::sqrt(input.theta_square / size) / std::max(ordinary, 0.05);
  if (growth > 256) return {kBeyondMeasure, Cause::weights_grew};
  if (growth > 16) return {kHigh, Cause::weights_grew};
  if (input.gradient_square <= 0) return {};
  const double gradient = 0.5 * std::log2(input.gradient_square);
  if (!r_.gradient_seen) r_.gradient_size = gradient;
  r_.gradient_seen = true;
  const double rise = gradient - r_.gradient_size;
  r_.gradient_size += 0.01 * std::clamp(rise, -3.0, 3.0);
  if (rise > std::log2(100.0) && growth > 2) return {kHigh, Cause::weights_grew};
  return {};
}

void Guard::watch_progress(const GuardInput& input) {
  const double factor = input.gradient_factor * input.gradient_factor;
  r_.momentum_square += 0.01 * (input.momentum_square - r_.momentum_square);
  r_.gradient_square += 0.01 * (factor * input.gradient_square - r_.gradient_square);
  if (!input.loss || !std::isfinite(*input.loss)) return;
  r_.still += std::clamp(input.rate, 0.0, 1.0);
  r_.block_sum += std::min(*input.loss, r_.best_loss + 10 * margin());
  if (++r_.block_losses < kBlock) return;
  const double mean = r_.block = r_.block_sum / static_cast<double>(kBlock);
  begin_block();
  if (r_.losses == kBlock) r_.start_loss = std::max(r_.start_loss, mean);  // the first may have been low by chance
  const double least_fall = (r_.trial ? 0.5 : 0.2) * r_.loss_spread;
  if (r_.record_known && mean >= r_.record - least_fall) return;
  r_.record = mean;
  r_.record_known = true;
  r_.still = 0;
}

void Guard::begin_block() {
  r_.block_losses = 0;
  r_.block_sum = 0;
}

bool Guard::stalled() const {
  if (!r_.record_known || r_.still < r_.patience || r_.block > r_.record + r_.loss_spread) return false;
  const bool persistent = r_.momentum_square > kPersistent * r_.gradient_square;
  if (persistent || r_.report.stalls_ended > 0) return true;  // the fallback has gone ahead before
  return r_.still >= 2 * r_.patience && r_.record > r_.start_loss - 0.5 * r_.loss_spread;
}

bool Guard::near_the_end() const { return r_.step < horizon_ && horizon_ - r_.step < std::max(horizon_ / 10, kShortest); }

void Guard::begin_fallback() {
  r_.fallback = true;
  r_.left = r_.length;
  r_.length = std::min(2 * r_.length, kLongest);
  r_.good_steps = 0;
}

void Guard::end_trial(bool better) {
  r_.trial = false;
  if (better) {
    ++r_.report.stalls_ended;
    r_.length = std::max(r_.length, kAfterStall);
    r_.patience = std::max(r_.patience / 4, kLeastPatience);
    begin_fallback();
    return;
  }
  r_.patience = std::min(2 * r_.patience, kMostPatience);
  r_.fallback = false;
  r_.good_steps = 0;
  r_.record_known = false;
  r_.still = 0;
  begin_block();
}

/// After weights were brought back.
void Guard::begin_record() {
  r_.alarm = 0;
  r_.fresh = true;
  r_.gradient_seen = false;
  begin_block();
  r_.record_known = false;
  r_.still = 0;
  r_.until_hold = kHoldEvery;
}

void Guard::begin_stage() {
  begin_record();
  r_.stage_begins = true;
  r_.losses = 0;
}

}  // namespace scout
