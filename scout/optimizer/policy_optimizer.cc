#include "scout/optimizer/policy_optimizer.h"

#include "scout/optimizer/minimize.h"

namespace scout {

Ending PolicyOptimizer::run(Oracle& oracle, std::span<const double> start, Seed seed) const {
  const Instance& instance = oracle.instance();
  if (oracle.remaining() <= 0) throw BudgetExhausted();
  MinimizeOptions options;
  options.policy = policy_;
  options.budget = oracle.remaining();
  options.lower.assign(instance.lower().begin(), instance.lower().end());
  options.upper.assign(instance.upper().begin(), instance.upper().end());
  options.seed = seed.value();
  const auto summary = minimize(
      [&](std::span<const double> theta, std::span<double> gradient) {
        return gradient.empty() ? oracle.value(theta) : oracle.value_and_gradient(theta, gradient);
      },
      start, options);
  if (summary.status == MinimizeStatus::never_finite) return Ending::failed;
  throw BudgetExhausted();
}

}  // namespace scout
