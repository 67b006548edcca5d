#include "scout/train/learner/start.h"

#include <algorithm>

#include "scout/base/json_lines.h"
#include "scout/policy/shipped.h"

namespace scout {

RuleOptions rule_options_of(const TrainOptions& options) {
  RuleOptions out = options.policy;
  if (!learns_decisions(options)) out.decisions = 0;
  if (!options.policy.start.empty()) {  // of the policy that it starts from
    const RuleOptions other = policy_or_file(options.policy.start)->description().rule;
    out.decisions = std::max(out.decisions, other.decisions);
    if (other.decisions > 0) out.decision_hidden = other.decision_hidden;
    out.by_coordinate = other.by_coordinate;
  }
  const RuleEntry& entry = rule_entry(out.rule);
  const bool fixed = std::ranges::find(entry.options, "dimension") != entry.options.end();
  if (fixed && options.dimensions.size() != 1) {
    throw_bad_option("dimensions", json_text(options.dimensions), "one dimension for policy.rule = \"" + out.rule + "\"");
  }
  if (fixed) out.dimension = options.dimensions.front();
  return out;
}

EpisodeOptions episode_options_of(const TrainOptions& options, const UpdateRule& rule) {
  return {.weights = rule.for_weights(),
          .step_scale = rule.step_scale(),
          .credit_by_coordinate = options.ddpg.credit == "coordinate",
          .reward = options.reward};
}

std::vector<float> initial_parameters(const UpdateRule& rule, const TrainOptions& options, Seed seed) {
  if (options.policy.start.empty()) {
    Random random(seed.derive("ddpg").derive("networks"));  // the names are part of what a seed gives
    return rule.initial_parameters(random);
  }
  const auto policy = policy_or_file(options.policy.start);
  const RuleOptions& other = policy->description().rule;
  const RuleOptions& own = options.policy;
  if (other.rule != own.rule || other.hidden != own.hidden || policy->parameters().size() != rule.parameter_count()) {
    throw_bad_option("policy.start", options.policy.start,
                     "a policy of rule \"" + own.rule + "\" with hidden layers " + json_text(own.hidden) +
                         "; that one is \"" + other.rule + "\" with " + json_text(other.hidden));
  }
  return policy->parameters();
}

}  // namespace scout
