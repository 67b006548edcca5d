#include "scout/policy/weight/weight_run.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "scout/policy/weight/reference.h"

namespace scout {
namespace {

std::shared_ptr<const WeightStepper> stepper_of(const std::shared_ptr<const Policy>& policy) {
  if (!policy || policy->description().observer.form != "network") {
    throw std::invalid_argument("NetworkRun: needs a policy of form \"network\"");
  }
  return std::make_shared<WeightStepper>(policy->weight_rule(), policy->parameters(), policy->description().step_scale);
}

}  // namespace

WeightRun::WeightRun(std::shared_ptr<const WeightStepper> stepper, std::vector<TensorShape> tensors, std::int64_t horizon)
    : stepper_(std::move(stepper)), tensors_(std::move(tensors)), records_(tensors_.size()), plans_(tensors_.size()) {
  run_.horizon = horizon;
  begin_.push_back(0);
  for (const TensorShape& tensor : tensors_) begin_.push_back(begin_.back() + static_cast<std::size_t>(tensor.size));
  const std::size_t size = begin_.back();
  state_.assign((kernel::kMomenta + 1) * size, 0);
  weights_.resize(size);
  gradient_.resize(size);
  delta_.resize(size);
  sums_.resize(tensors_.size());
}

WeightRun::WeightRun(const std::shared_ptr<const Policy>& policy, std::vector<TensorShape> tensors, std::int64_t horizon)
    : WeightRun(stepper_of(policy), std::move(tensors), horizon) {}

std::size_t WeightRun::tensor_of(std::size_t weight) const {
  return static_cast<std::size_t>(std::upper_bound(begin_.begin(), begin_.end(), weight) - begin_.begin()) - 1;
}

kernel::StepArrays WeightRun::arrays(std::size_t tensor) {
  const std::size_t begin = begin_[tensor];
  kernel::StepArrays out;
  out.theta = weights_.data() + begin;
  out.gradient = gradient_.data() + begin;
  for (std::size_t k = 0; k < kernel::kMomenta; ++k) out.momentum[k] = state_.data() + k * size() + begin;
  out.square = state_.data() + kernel::kMomenta * size() + begin;
  out.delta = delta_.data() + begin;
  return out;
}

void WeightRun::load(std::span<const double> theta, std::span<const double> gradient, std::optional<double> f) {
  std::transform(theta.begin(), theta.end(), weights_.begin(), [](double x) { return static_cast<float>(x); });
  std::transform(gradient.begin(), gradient.end(), gradient_.begin(), [](double x) { return static_cast<float>(x); });
  f_ = f;
  for (std::size_t t = 0; t < tensors_.size(); ++t) {
    const std::size_t begin = begin_[t];
    sums_[t] = kernel::tensor_sums(weights_.data() + begin, gradient_.data() + begin, begin_[t + 1] - begin);
  }
}

void WeightRun::plan(const WeightStepper& stepper, double rate) {
  if (f_ && std::isfinite(*f_)) {
    run_.observe_loss(*f_);
  } else {
    run_.observe_loss();
  }
  double theta_square = 0;
  for (const kernel::TensorSums& sums : sums_) theta_square += sums.theta_square;
  stepper.begin(run_, theta_square, static_cast<std::int64_t>(size()));
  for (std::size_t t = 0; t < tensors_.size(); ++t) {
    plans_[t] = stepper.plan(run_, records_[t], tensors_[t], sums_[t], {.rate = rate});
  }
}

void WeightRun::observe(std::span<const double> theta, std::span<const double> gradient, std::optional<double> f) {
  load(theta, gradient, f);
  plan(*stepper_, 1);
}

WeightRow WeightRun::row(std::size_t weight) const {
  const std::size_t t = tensor_of(weight);
  const TensorPlan& plan = plans_[t];
  const auto view = kernel::reference::view(plan.constants, const_cast<WeightRun*>(this)->arrays(t), weight - begin_[t]);
  WeightRow out;
  std::copy(plan.context.begin(), plan.context.end(),
            std::copy(view.features.begin(), view.features.end(), out.features.begin()));
  out.sign = view.sign;
  out.step = plan.constants.step;
  return out;
}

std::span<float> WeightRun::update() {
  for (std::size_t t = 0; t < tensors_.size(); ++t) {
    const TensorPlan& plan = plans_[t];
    const auto sums = kernel::weight_step(plan.network, plan.constants, arrays(t), begin_[t + 1] - begin_[t]);
    WeightStepper::end(records_[t], tensors_[t], sums);
  }
  stepper_->end(run_);
  return delta_;
}

void WeightRun::apply(std::span<double> theta) const {
  for (std::size_t i = 0; i < delta_.size(); ++i) theta[i] += static_cast<double>(delta_[i]);
}

void WeightRun::guard() {
  guarded_ = Guarded{.guard = Guard(run_.horizon), .fallback = fallback_rule(), .held = {}, .held_run = {}};
}

const GuardReport* WeightRun::guard_report() const { return guarded_ ? &guarded_->guard.report() : nullptr; }

void WeightRun::step(std::span<double> theta, std::span<const double> gradient, std::optional<double> f) {
  load(theta, gradient, f);
  if (!guarded_) {
    plan(*stepper_, 1);
    update();
    apply(theta);
    return;
  }
  GuardInput input;
  input.loss = f;
  input.rate = 1 - run_.elapsed();
  for (std::size_t t = 0; t < tensors_.size(); ++t) input.add(tensors_[t], sums_[t], records_[t]);
  const Guard::Action action = guarded_->guard.observe(input);
  if (action.restore) {
    std::copy(guarded_->held.begin(), guarded_->held.end(), theta.begin());
    const std::int64_t step = run_.step;
    run_ = guarded_->held_run;
    run_.step = step + 1;
    std::fill(state_.begin(), state_.end(), std::uint16_t{0});
    records_.assign(records_.size(), {});
    return;
  }
  if (action.hold) {
    guarded_->held.assign(theta.begin(), theta.end());
    guarded_->held_run = run_;
  }
  plan(action.fallback ? guarded_->fallback : *stepper_, action.rate);
  update();
  apply(theta);
}

}  // namespace scout
