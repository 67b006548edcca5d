#include "scout/policy/network_run.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace scout {
namespace {

NetworkStepper stepper_of(const std::shared_ptr<const Policy>& policy) {
  if (!policy || policy->description().observer.form != "network") {
    throw std::invalid_argument("NetworkRun: needs a policy of form \"network\"");
  }
  return {policy->network_rule(), policy->parameters(), policy->description().step_scale};
}

}  // namespace

NetworkRun::NetworkRun(std::shared_ptr<const Policy> policy, std::size_t size, std::int64_t horizon)
    : policy_(std::move(policy)),
      stepper_(stepper_of(policy_)),
      state_((kernel::kMomenta + 1) * size, 0),
      weights_(size),
      gradient_(size),
      delta_(size) {
  run_.horizon = horizon;
  shape_.size = static_cast<std::int64_t>(size);
  shape_.dimensions = 1;
  shape_.rows = shape_.size;
}

void NetworkRun::step(std::span<double> theta, std::span<const double> gradient, double f) {
  const std::size_t size = weights_.size();
  std::transform(theta.begin(), theta.end(), weights_.begin(), [](double x) { return static_cast<float>(x); });
  std::transform(gradient.begin(), gradient.end(), gradient_.begin(), [](double x) { return static_cast<float>(x); });
  if (std::isfinite(f)) {
    run_.observe_loss(f);
  } else {
    run_.observe_loss();
  }
  const kernel::TensorSums sums = kernel::tensor_sums(weights_.data(), gradient_.data(), size);
  stepper_.begin(run_, sums.theta_square, shape_.size);
  const TensorPlan plan = stepper_.plan(run_, tensor_, shape_, sums, {});
  kernel::StepArrays arrays;
  arrays.theta = weights_.data();
  arrays.gradient = gradient_.data();
  for (std::size_t k = 0; k < kernel::kMomenta; ++k) arrays.momentum[k] = state_.data() + k * size;
  arrays.square = state_.data() + kernel::kMomenta * size;
  arrays.delta = delta_.data();
  NetworkStepper::end(tensor_, shape_, kernel::network_step(plan.network, plan.constants, arrays, size));
  stepper_.end(run_);
  for (std::size_t i = 0; i < size; ++i) theta[i] += static_cast<double>(delta_[i]);
}

}  // namespace scout
