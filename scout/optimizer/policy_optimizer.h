// A trained policy as an optimizer that can be judged beside the baselines.
#pragma once

#include <memory>
#include <utility>

#include "scout/optimizer/optimizer.h"
#include "scout/policy/policy.h"

namespace scout {

/// `minimize` on an oracle. The instance's box sets the scales and the restarts; it is not a constraint.
class PolicyOptimizer : public Optimizer {
 public:
  explicit PolicyOptimizer(std::shared_ptr<const Policy> policy) : policy_(std::move(policy)) {}

  /// Uses the whole budget: ends by BudgetExhausted, or as failed if the function was finite nowhere.
  Ending run(Oracle& oracle, std::span<const double> start, Seed seed) const override;

 private:
  std::shared_ptr<const Policy> policy_;
};

}  // namespace scout
