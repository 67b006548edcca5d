// For tests only: a policy that was never trained. Its initial weights descend, if it observes gradients.
#pragma once

#include <memory>

#include "scout/policy/policy.h"

namespace scout {

/// A policy of `rule` with the parameters that learning starts from.
inline std::shared_ptr<const Policy> untrained(const RuleOptions& rule, int horizon, nlohmann::json provenance = {}) {
  Random random(Seed(1));
  if (provenance.is_null()) provenance = nlohmann::json::object();
  return std::make_shared<Policy>(PolicyDescription{rule, horizon, std::move(provenance)},
                                  make_rule(rule)->initial_parameters(random));
}

inline std::shared_ptr<const Policy> untrained_policy(int horizon = 50, bool gradient = true) {
  return untrained({.hidden = {8}, .gradient = gradient}, horizon);
}

/// A policy whose decisions move it: random where an untrained one has zeros.
inline std::shared_ptr<const Policy> deciding_policy(int horizon, RuleOptions rule = {.hidden = {8}}) {
  rule.decisions = rule.decisions > 0 ? rule.decisions : 5;
  rule.decision_hidden = {8};
  const auto made = make_rule(rule);
  Random random(Seed(1));
  std::vector<float> parameters = made->initial_parameters(random);
  for (std::size_t i = made->decisions()->offset(); i < parameters.size(); ++i) {
    parameters[i] += 0.2F * static_cast<float>(random.normal());
  }
  return std::make_shared<Policy>(PolicyDescription{rule, horizon}, std::move(parameters));
}

/// The base of the policies for network weights: outputs zero, so annealed Adam in units of each tensor's scale.
inline std::shared_ptr<const Policy> untrained_network_policy() {
  return untrained({.rule = "weight", .hidden = {16, 16}, .step_scale = 0.03}, 1000, {{"trained", false}});
}

}  // namespace scout
