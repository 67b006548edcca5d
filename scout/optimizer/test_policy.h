// For tests only: a policy that was never trained. Its initial weights descend, if it observes gradients.
#pragma once

#include <memory>

#include "scout/policy/policy.h"

namespace scout {

inline std::shared_ptr<const Policy> untrained_policy(int horizon = 50, bool gradient = true) {
  PolicyDescription description;
  description.observer.gradient = gradient;
  description.hidden = {8};
  description.horizon = horizon;
  Random random(Seed(1));
  const Actor actor(description.observer, description.hidden, description.proposals);
  return std::make_shared<Policy>(description, actor.initial_parameters(random));
}

/// The base of the policies for network weights: outputs zero, so annealed Adam in units of each tensor's scale.
inline std::shared_ptr<const Policy> untrained_network_policy() {
  PolicyDescription description;
  description.observer.form = "network";
  description.hidden = {16, 16};
  description.step_scale = 0.03;
  description.horizon = 1000;
  description.provenance = {{"trained", false}};
  Random random(Seed(1));
  return std::make_shared<Policy>(description, WeightRule(description.hidden).initial_parameters(random));
}

}  // namespace scout
