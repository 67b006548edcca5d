// A trained policy as an optimizer that can be judged beside the baselines.
#pragma once

#include <memory>

#include "scout/optimizer/optimizer.h"
#include "scout/policy/policy.h"

namespace scout {

/// `minimize` on an oracle. The instance's box sets the scales and the restarts; it is not a constraint.
class PolicyOptimizer : public Optimizer {
 public:
  /// `explorers`: MinimizeOptions::explorers; `threads` evaluate their points, 0: one a core. Throws std::invalid_argument
  /// if `explorers` is more than 1 with a policy for the weights of networks; `run`, with others that have no explorers.
  explicit PolicyOptimizer(std::shared_ptr<const Policy> policy, int explorers = 1, int threads = 1);

  /// Uses the whole budget: ends by BudgetExhausted, or as failed if the function was finite nowhere.
  Ending run(Oracle& oracle, std::span<const double> start, Seed seed) const override;

 private:
  std::shared_ptr<const Policy> policy_;
  int explorers_, threads_;
};

}  // namespace scout
