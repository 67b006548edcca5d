#include "scout/train/learner/options.h"

#include "scout/base/json_lines.h"
#include "scout/policy/rules.h"
#include "scout/train/learner/learner.h"

namespace scout {
namespace {

/// The learner that a key begins with the name of, if that learner has options of its own; else the table's end.
auto owner_of(const std::string& key) {
  return std::ranges::find_if(learner_table(), [&](const LearnerEntry& entry) {
    return entry.describe != nullptr && key.starts_with(std::string(entry.name) + ".");
  });
}

}  // namespace

bool learns_decisions(const TrainOptions& options) {
  return std::ranges::any_of(options.learners, [&](const std::string& learner) {
    const auto own = options.others.find(learner);
    return learner == "decisions" || (own != options.others.end() && own->second.value("slice", "") == "decisions");
  });
}

nlohmann::json training_options_json(const TrainOptions& options) {
  nlohmann::json out = to_json(options);
  for (const auto& [learner, values] : options.others) {
    for (const auto& [key, value] : values.items()) out[learner + "." + key] = value;
  }
  return out;
}

nlohmann::json training_option_defaults() {
  nlohmann::json out = to_json(TrainOptions{});
  for (const LearnerEntry& learner : learner_table()) {
    if (learner.describe == nullptr) continue;
    for (const OptionDescription& option : learner.describe(nlohmann::json::object())) {
      out[learner.name + ("." + option.key)] = nlohmann::json::parse(option.default_value);
    }
  }
  return out;
}

void set_training_options(TrainOptions& options, const nlohmann::json& values) {
  nlohmann::json shared = nlohmann::json::object();
  const nlohmann::json flat = flatten(values);
  for (const auto& [key, value] : flat.items()) {
    const auto owner = owner_of(key);
    if (owner == learner_table().end()) {
      shared[key] = value;
      continue;
    }
    nlohmann::json& own = options.others.try_emplace(owner->name, nlohmann::json::object()).first->second;
    own[key.substr(std::string(owner->name).size() + 1)] = value;
    try {
      owner->describe(own);
    } catch (const std::invalid_argument& error) {  // which names the option without the learner
      std::string text = error.what();
      for (const std::string before : {"option '", "did you mean '"}) {
        if (const auto at = text.find(before); at != std::string::npos) {
          text.insert(at + before.size(), owner->name + std::string("."));
        }
      }
      throw std::invalid_argument(text);
    }
  }
  set_options(options, shared);
}

std::vector<std::string> unused_options(const TrainOptions& options, bool weights) {
  std::vector<std::string> used{"problems",
                                "learners",
                                "dimensions",
                                "rounds",
                                "threads",
                                "checkpoint_every",
                                "validation.",
                                "distributed.",
                                "policy.rule",
                                "policy.start",
                                "rollout.horizon",
                                "rollout.episodes",
                                "rollout.horizon_low",
                                "rollout.curriculum"};
  for (const LearnerEntry& entry : learner_table()) {
    if (std::ranges::find(options.learners, entry.name) == options.learners.end()) continue;
    used.insert(used.end(), entry.options.begin(), entry.options.end());
  }
  for (const RuleEntry& entry : rule_table()) {
    if (entry.name != options.policy.rule) continue;
    const bool decides = learns_decisions(options);
    for (const std::string& key : entry.options) {
      if (decides || !key.starts_with("decision")) used.push_back("policy." + key);
    }
  }
  // What a kind of rule does not look at, whichever learner does.
  const std::vector<std::string> of_weights{"rollout.weights", "rollout.weight_noise", "rollout.noise_memory",
                                            "rollout.tell_horizon", "rollout.tell_loss"};
  const std::vector<std::string> of_functions{"reward.of", "reward.floor", "reward.path_points", "ddpg.credit"};
  if (weights) {
    used.insert(used.end(), of_weights.begin(), of_weights.end());
    used.emplace_back("evolution.floor");  // of the validation score too
  }
  const std::vector<std::string>& unused = weights ? of_functions : of_weights;

  const nlohmann::json values = training_options_json(options);
  const nlohmann::json defaults = training_option_defaults();
  std::vector<std::string> out;
  for (const auto& [key, value] : values.items()) {
    if (defaults.at(key) == value) continue;
    const bool known = std::ranges::any_of(used, [&key = key](const std::string& beginning) {
      return beginning.ends_with('.') ? key.starts_with(beginning) : key == beginning;
    });
    if (!known || std::ranges::find(unused, key) != unused.end()) out.push_back(key);
  }
  return out;
}

void check_options_are_used(const TrainOptions& options, bool weights) {
  const std::vector<std::string> unused = unused_options(options, weights);
  if (unused.empty()) return;
  throw std::invalid_argument("option '" + unused.front() + "' is " +
                              json_text(training_options_json(options).at(unused.front())) + ": neither policy.rule = \"" +
                              options.policy.rule + "\" nor learners = " + json_text(options.learners) +
                              " uses it; leave it at its default");
}

}  // namespace scout
