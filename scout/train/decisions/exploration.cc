#include "scout/train/decisions/exploration.h"

#include <algorithm>

#include "scout/base/json_lines.h"

namespace scout {

// Each is defined in a file of its own.
namespace exploration {
extern const ExplorationEntry noise, ornstein_uhlenbeck, parameter_noise, prediction, exemplars, bootstrapped, divide, soft;
}  // namespace exploration

const std::vector<ExplorationEntry>& exploration_table() {
  static const std::vector<ExplorationEntry> table{
      exploration::noise,     exploration::ornstein_uhlenbeck, exploration::parameter_noise, exploration::prediction,
      exploration::exemplars, exploration::bootstrapped,       exploration::divide,          exploration::soft,
  };
  return table;
}

namespace {

bool among(const std::vector<std::string>& beginnings, const std::string& key) {
  return std::ranges::any_of(beginnings, [&](const std::string& beginning) {
    return beginning.ends_with('.') ? key.starts_with(beginning) : key == beginning;
  });
}

void check_used(const ExplorationEntry& chosen, const DecisionsOptions& options) {
  const nlohmann::json values = to_json(options), defaults = to_json(DecisionsOptions{});
  for (const auto& [key, value] : values.items()) {
    if (value == defaults.at(key) || among(chosen.used, key)) continue;
    const bool special = std::ranges::any_of(exploration_table(),
                                             [&key = key](const ExplorationEntry& entry) { return among(entry.used, key); });
    if (!special && !among(chosen.unused, key)) continue;
    throw_bad_option("decisions." + key, json_text(value),
                     "left at its default, " + json_text(defaults.at(key)) + ": decisions.exploration = \"" + chosen.name +
                         "\" does not use it");
  }
}

}  // namespace

std::unique_ptr<Exploration> make_exploration(const ExplorationContext& context) {
  std::string names;
  for (const ExplorationEntry& entry : exploration_table()) {
    if (entry.name == context.options.exploration) {
      check_used(entry, context.options);
      return entry.make(context);
    }
    names += (names.empty() ? "" : ", ") + std::string(entry.name);
  }
  throw_bad_option("decisions.exploration", json_text(context.options.exploration), "one of " + names);
}

void Exploration::schedule(double imitation, double rates) {
  context_.ddpg.weigh_imitation(imitation);
  context_.ddpg.scale_rates(rates);
}

bool Exploration::normalises(std::span<const float> parameters) const {
  return std::ranges::any_of(parameters.subspan(inputs(), inputs()), [](float inverse) { return inverse != 0; });
}

void DecisionMover::decide(Episode& episode) {
  const RuleRun& run = episode.run();
  rows_.resize(run.decision_rows() * run.decision_features());
  run.write_decision_features(rows_.data());
  change(rows_, episode.run().decision());
  if (then_ != nullptr) then_->decide(episode);
}

namespace {

class OtherHead final : public DecisionMover {
 public:
  OtherHead(const DecisionHead& head, std::vector<float> parameters, std::shared_ptr<Mover> noise)
      : DecisionMover(std::move(noise)), head_(head), parameters_(std::move(parameters)) {}

  void change(std::span<const float> rows, std::span<float> decision) override {
    const auto n = static_cast<int>(decision.size()) / head_.size();
    head_.decide(parameters_.data(), rows.data(), n, scratch_, decision.data());
  }

 private:
  const DecisionHead& head_;
  std::vector<float> parameters_;
  DecisionHead::Scratch scratch_;
};

}  // namespace

std::shared_ptr<Mover> other_head(const DecisionHead& head, std::vector<float> parameters, std::shared_ptr<Mover> noise) {
  return std::make_shared<OtherHead>(head, std::move(parameters), std::move(noise));
}

std::shared_ptr<Mover> drawn_noise(const DecisionsOptions& options, Random& random, double memory) {
  const double deviation = random.log_uniform(options.noise, std::max(options.noise, options.noise_high));
  return decision_noise(deviation, random, memory);
}

}  // namespace scout
