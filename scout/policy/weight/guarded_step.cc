#include "scout/policy/weight/guarded_step.h"

#include <algorithm>
#include <cmath>

namespace scout {
namespace {

/// Visits a record: whether its whole numbers are such that no training, nor a few times of one, runs them over.
struct CountCheck {
  bool right = true;
  void operator()(std::int64_t count) { right = right && count > -(1LL << 50) && count < 1LL << 50; }
  template <class Other>
  void operator()(Other& other) {
    if constexpr (requires { other.visit(*this); }) other.visit(*this);
  }
  template <class... Several>
  requires(sizeof...(Several) > 1) void operator()(Several&... several) { ((*this)(several), ...); }
};

}  // namespace

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
    input.written = input.written || t->written;
    input.add(t->shape, t->sums, *t->record);
    input.rate = std::max(input.rate, t->settings.rate);
  }
  input.rate *= 1 - run_.elapsed();
  input.gradient_factor = clip_norm > 0 ? std::min(1.0, clip_norm / (std::sqrt(input.gradient_square) + 1e-6))
                                        : 1.0;  // as torch's clip_grad_norm_
  if (guarded_ && !loss && guard_.asks_slope()) input.slope = target.slope();
  const Guard::Action action = guarded_ ? guard_.observe(input) : Guard::Action{};
  if (action.exchange) target.exchange();
  if (action.restore) target.restore();
  if (action.clear) {
    target.clear();
    const std::int64_t step = run_.step;
    run_ = held_run_;
    run_.step = step;
  }
  if (action.wait) {
    ++run_.step;
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

void GuardedStep::set_horizon(std::int64_t horizon) {
  run_.horizon = held_run_.horizon = horizon;
  guard_.set_horizon(horizon);
}

void GuardedStep::restore(ArchiveReader& archive) {
  bool guarded = false;
  GuardRecord record;
  archive(run_, held_run_, guarded, record, non_finite_);
  const auto own = static_cast<std::size_t>(stepper_->layout().per_run);
  if (run_.own.size() != own || held_run_.own.size() != own) archive.fail("of another rule");
  CountCheck counts;
  RunRecord run = run_, held_run = held_run_;
  run.horizon = held_run.horizon = 0;  // which may be any
  run.visit(counts), held_run.visit(counts), record.visit(counts), counts(non_finite_);
  const bool fits = counts.right && run_.step >= 0 && run_.horizon >= 0 && held_run_.step >= 0 && non_finite_ >= 0;
  if (!fits) archive.fail("a count is out of range");
  guard_ = Guard(run_.horizon);
  if (guarded_ && guarded) {
    guard_.resume(record);
  } else {  // what is said of buffers, which are watched without a guard too
    report().buffers = record.report.buffers;
    report().buffers_restored = record.report.buffers_restored;
    report().buffers_broken = record.report.buffers_broken;
  }
}

}  // namespace scout
