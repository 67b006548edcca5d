#include "scout/policy/weight/guard.h"

#include <algorithm>
#include <cmath>

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
/// Steps after a restoration in which losses beyond measure are passed over.
constexpr std::int64_t kPatienceWithData = 10;

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

Guard::Action Guard::observe(const GuardInput& input) {
  const bool first = r_.step++ == 0;
  r_.report.ignored += input.non_finite;
  const Verdict verdict = judge(input);
  if (r_.fallback && verdict.severity >= kBeyondMeasure && r_.until_hold > kHoldEvery - kPatienceWithData) {
    --r_.until_hold;
    return {.restore = true};  // what was restored cannot have diverged so soon: bad data go on
  }
  r_.alarm = verdict.severity > 0 ? r_.alarm + verdict.severity : r_.alarm / 2;
  if (r_.alarm >= kAlarm) {
    ++(r_.report.*verdict.cause);
    if (verdict.cause == &GuardReport::non_finite) r_.incurable = 1;
    if (r_.trial) return end_trial(false);
    if (r_.fallback) r_.fallback_rate = std::max(r_.fallback_rate / 2, kLeastRate);
    begin_fallback();
    return restored();
  }
  watch_progress(input);
  // A record that was set during the trial is at most a block old.
  if (r_.trial && r_.left == 0) {
    if (r_.still > static_cast<double>(kBlock)) return end_trial(false);
    end_trial(true);
  }

  Action action;
  const bool calm = r_.alarm < 1;
  if (r_.fallback && r_.left <= 0 && calm && !near_the_end()) {
    r_.fallback = false;
    r_.fallback_rate = std::min(1.0, 2 * r_.fallback_rate);
    r_.good_steps = 0;
    r_.until_hold = 0;
  } else if (!r_.fallback && stalled() && calm && !near_the_end()) {
    ++r_.report.stalled;
    r_.fallback = r_.trial = true;
    r_.left = 2 * kBlock;
    begin_block();
    action.hold = true;
  }

  --r_.until_hold;
  const bool near_record = !input.loss || r_.incurable > 0 || r_.fast_loss <= r_.best_loss + margin() / 4;
  if (first || (r_.until_hold < 0 && calm && !r_.trial && near_record)) action.hold = true;
  if (action.hold) r_.until_hold = kHoldEvery;

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

Guard::Verdict Guard::judge(const GuardInput& input) {
  if (r_.step == 1) r_.first_theta_square = input.theta_square / static_cast<double>(std::max<std::int64_t>(input.size, 1));
  const bool gradients = 2 * input.non_finite <= input.size;
  const bool loss = !input.loss || std::isfinite(*input.loss);
  if (!gradients || !loss) {
    if (r_.incurable == 0) return {kNotFinite, &GuardReport::non_finite};
    r_.incurable = kIncurable;
    return gradients ? judge_growth(input) : Verdict{};
  }
  r_.incurable = std::max<std::int64_t>(r_.incurable - 1, 0);
  return input.loss ? judge_loss(*input.loss) : judge_growth(input);
}

double Guard::margin() const {
  return std::max({0.5 * (r_.first_loss - r_.best_loss), 0.5 * std::fabs(r_.best_loss), 10 * r_.loss_spread,
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
  if (loss > beyond_measure) return {kBeyondMeasure, &GuardReport::loss_rose};
  if (loss > high && r_.losses > kFirstLosses) return {kHigh, &GuardReport::loss_rose};
  return {};
}

Guard::Verdict Guard::judge_growth(const GuardInput& input) {
  const double size = static_cast<double>(std::max<std::int64_t>(input.size, 1));
  const double ordinary = std::sqrt(std::max(r_.first_theta_square, input.ordinary_square / size));
  const double growth = std::sqrt(input.theta_square / size) / std::max(ordinary, 0.05);
  if (growth > 256) return {kBeyondMeasure, &GuardReport::weights_grew};
  if (growth > 16) return {kHigh, &GuardReport::weights_grew};
  if (input.gradient_square <= 0) return {};
  const double gradient = 0.5 * std::log2(input.gradient_square);
  if (!r_.gradient_seen) r_.gradient_size = gradient;
  r_.gradient_seen = true;
  const double rise = gradient - r_.gradient_size;
  r_.gradient_size += 0.01 * std::clamp(rise, -3.0, 3.0);
  if (rise > std::log2(100.0) && growth > 2) return {kHigh, &GuardReport::weights_grew};
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
  const double mean = r_.block_sum / static_cast<double>(kBlock);
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
  if (!r_.record_known || r_.still < r_.patience) return false;
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

Guard::Action Guard::end_trial(bool better) {
  r_.trial = false;
  if (better) {
    ++r_.report.stalls_ended;
    r_.length = std::max(r_.length, kAfterStall);
    r_.patience = std::max(r_.patience / 4, kLeastPatience);
    begin_fallback();
    return {};
  }
  r_.patience = std::min(2 * r_.patience, kMostPatience);
  r_.fallback = false;
  r_.good_steps = 0;
  return restored();
}

Guard::Action Guard::restored() {
  ++r_.report.restored;
  r_.alarm = 0;
  r_.fresh = true;
  r_.gradient_seen = false;
  begin_block();
  r_.record_known = false;
  r_.still = 0;
  r_.until_hold = kHoldEvery;
  return {.restore = true};
}

GuardedStep::GuardedStep(std::shared_ptr<const WeightStepper> stepper, std::int64_t horizon, bool guarded)
    : stepper_(std::move(stepper)),
      fallback_(stepper_->fallback()),
      guarded_(guarded),
      guard_(horizon),
      run_(stepper_->new_run_record(horizon)),
      held_run_(run_) {}

void GuardedStep::take(StepTarget& target, std::optional<double> loss, double clip_norm) {
  const std::vector<TensorStep*> tensors = target.tensors();
  GuardInput input;
  input.loss = loss;
  for (const TensorStep* t : tensors) {
    input.add(t->shape, t->sums, *t->record);
    input.rate = std::max(input.rate, t->settings.rate);
  }
  input.rate *= 1 - run_.elapsed();
  input.gradient_factor = clip_norm > 0 ? std::min(1.0, clip_norm / (std::sqrt(input.gradient_square) + 1e-6))
                                        : 1.0;  // as torch's clip_grad_norm_
  const Guard::Action action = guarded_ ? guard_.observe(input) : Guard::Action{};
  if (action.restore) {
    target.restore();
    const std::int64_t step = run_.step;
    run_ = held_run_;
    run_.step = step + 1;
    non_finite_ += input.non_finite;
    return;
  }
  run_.observe_loss(loss);
  const WeightStepper& stepper = action.fallback ? *fallback_ : *stepper_;
  stepper.begin(run_, input.theta_square, input.size);
  if (guarded_) target.hold(action.hold);
  if (action.hold) held_run_ = run_;
  for (TensorStep* t : tensors) {
    t->settings.rate *= action.rate;
    t->settings.gradient_factor = input.gradient_factor;
    stepper.plan(run_, *t->record, t->shape, t->sums, t->settings, *t->plan);
  }
  target.step(stepper);
  for (TensorStep* t : tensors) {
    stepper.end(run_, *t->record, t->shape, t->step_sums, t->own_sums);
    non_finite_ += t->step_sums.non_finite;
  }
  stepper.end(run_);
}

void GuardedStep::save(ArchiveWriter& archive) const { archive(run_, held_run_, guarded_, guard_.record(), non_finite_); }

void GuardedStep::restore(ArchiveReader& archive) {
  const std::int64_t horizon = run_.horizon;
  bool guarded = false;
  GuardRecord record;
  archive(run_, held_run_, guarded, record, non_finite_);
  const auto own = static_cast<std::size_t>(stepper_->layout().per_run);
  if (run_.own.size() != own || held_run_.own.size() != own) archive.fail("of another rule");
  run_.horizon = held_run_.horizon = horizon;
  guard_ = Guard(horizon);
  if (guarded_ && guarded) guard_.resume(record);
}

}  // namespace scout
