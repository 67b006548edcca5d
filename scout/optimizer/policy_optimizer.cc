#include "scout/optimizer/policy_optimizer.h"

#include <cmath>
#include <utility>
#include <vector>

#include "scout/base/parallel.h"
#include "scout/optimizer/minimize.h"
#include "scout/policy/weight/weight_run.h"

namespace scout {
namespace {

/// A policy for the weights of networks makes one run of the whole budget from the start, on gradients alone: a step costs
/// one call, as it does for torch's first-order methods. It is guarded, as LearnedOptimizer is. Returns whether f was finite
/// anywhere.
bool train_weights(const std::shared_ptr<const Policy>& policy, Oracle& oracle, std::span<const double> start) {
  std::vector<double> theta(start.begin(), start.end());
  std::vector<double> gradient(theta.size());
  GuardedRun run(std::static_pointer_cast<const WeightStepper>(policy->stepper()), oracle.instance().tensors(), theta.size(),
                 oracle.remaining());
  while (oracle.remaining() > 0) {
    oracle.gradient(theta, gradient);
    run.step(theta, gradient);
  }
  return std::isfinite(oracle.best_value());
}

}  // namespace

PolicyOptimizer::PolicyOptimizer(std::shared_ptr<const Policy> policy, int explorers, int threads)
    : policy_(std::move(policy)), explorers_(explorers), threads_(threads) {
  if (explorers != 1 && policy_->rule()->for_weights()) {
    throw_bad_option("explorers", std::to_string(explorers), "1 with a policy for the weights of networks");
  }
}

Ending PolicyOptimizer::run(Oracle& oracle, std::span<const double> start, Seed seed) const {
  const Instance& instance = oracle.instance();
  if (oracle.remaining() <= 0) throw BudgetExhausted();
  if (policy_->rule()->for_weights()) {
    if (!train_weights(policy_, oracle, start)) return Ending::failed;
    throw BudgetExhausted();
  }
  MinimizeOptions options;
  options.policy = policy_;
  options.budget = oracle.remaining();
  options.lower.assign(instance.lower().begin(), instance.lower().end());
  options.upper.assign(instance.upper().begin(), instance.upper().end());
  // As in training: a run that asks keeps to the box, steps may leave it.
  options.keep_inside = policy_->stepper()->new_run(instance.dimension())->asks();
  options.seed = seed.value();
  options.explorers = explorers_;
  ThreadTeam team(explorers_ > 1 ? threads_ : 1);
  const auto summary = minimize([&](std::span<const double> theta, std::span<double> values,
                                    std::span<double> gradients) { oracle.batch(theta, values, gradients, team); },
                                start, options);
  oracle.note(summary.message);
  if (summary.status == MinimizeStatus::never_finite) return Ending::failed;
  throw BudgetExhausted();
}

}  // namespace scout
