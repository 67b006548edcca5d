#include "scout/train/learner/options.h"

#include <algorithm>

#include "scout/policy/rules.h"
#include "scout/train/learner/learner.h"

namespace scout {
namespace {

/// The learner that a key begins with the name of, if that learner has options of its own.
const LearnerEntry* owner_of(const std::string& key) {
  for (const LearnerEntry& entry : learner_table()) {
    if (entry.describe != nullptr && key.starts_with(std::string(entry.name) + ".")) return &entry;
  }
  return nullptr;
}

}  // namespace

nlohmann::json training_options_json(const TrainOptions& options) {
  nlohmann::json out = to_json(options);
  for (const auto& [learner, values] : options.others) {
    for (const auto& [key, value] : values.items()) out[learner + "." + key] = value;
  }
  return out;
}

void set_training_options(TrainOptions& options, const nlohmann::json& values) {
  nlohmann::json shared = nlohmann::json::object();
  const nlohmann::json flat = flatten(values);
  for (const auto& [key, value] : flat.items()) {
    const LearnerEntry* owner = owner_of(key);
    if (owner == nullptr) {
      shared[key] = value;
      continue;
    }
    nlohmann::json& own = options.others.try_emplace(owner->name, nlohmann::json::object()).first->second;
    own[key.substr(std::string(owner->name).size() + 1)] = value;
    owner->describe(own);
  }
  set_options(options, shared);
}

void check_options_are_used(const TrainOptions& options, bool weights) {
  std::vector<std::string> used{"problems",    "learners",         "dimensions",      "rounds",
                                "threads",     "checkpoint_every", "validation.",     "distributed.",
                                "policy.rule", "policy.start",     "rollout.horizon", "rollout.episodes"};
  for (const LearnerEntry& entry : learner_table()) {
    if (std::find(options.learners.begin(), options.learners.end(), entry.name) == options.learners.end()) continue;
    used.insert(used.end(), entry.options.begin(), entry.options.end());
  }
  for (const RuleEntry& entry : rule_table()) {
    if (entry.name != options.policy.rule) continue;
    for (const std::string& key : entry.options) used.push_back("policy." + key);
  }
  // What a kind of rule does not look at, whichever learner does.
  const std::vector<std::string> of_weights{"rollout.horizon_low",  "rollout.curriculum",   "rollout.weights",
                                            "rollout.weight_noise", "rollout.noise_memory", "rollout.tell_horizon",
                                            "rollout.tell_loss"};
  const std::vector<std::string> of_functions{"reward.of", "reward.floor", "reward.path_points", "ddpg.credit"};
  if (weights) {
    used.insert(used.end(), of_weights.begin(), of_weights.end());
    used.emplace_back("evolution.floor");  // of the validation score too
  }
  const std::vector<std::string>& unused = weights ? of_functions : of_weights;

  const nlohmann::json values = training_options_json(options);
  const nlohmann::json defaults = to_json(TrainOptions{});
  for (const auto& [key, value] : values.items()) {
    if (defaults.contains(key) && defaults[key] == value) continue;
    const bool known = std::any_of(used.begin(), used.end(), [&key = key](const std::string& beginning) {
      return beginning.ends_with('.') ? key.starts_with(beginning) : key == beginning;
    });
    if (known && std::find(unused.begin(), unused.end(), key) == unused.end()) continue;
    throw std::invalid_argument("option '" + key + "' is " + value.dump() + ": neither policy.rule = \"" +
                                options.policy.rule + "\" nor learners = " + nlohmann::json(options.learners).dump() +
                                " uses it; leave it at its default");
  }
}

}  // namespace scout
