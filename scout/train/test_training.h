// For tests only: trainings of a second, and all that they say and save.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "scout/train/trainer.h"

namespace scout {

/// Six rounds of what the rule is for. Only options that some learner uses differ from their defaults; a new learner whose
/// defaults take long adds small values of its own.
inline TrainOptions small_training(const std::string& rule, int threads,
                                   const std::vector<std::string>& learners = {"evolution", "ddpg"}) {
  const RuleEntry& entry = rule_entry(rule);
  const auto used = [&](const std::string& key) {
    const auto begins = [&](const std::string& beginning) {
      return beginning.ends_with('.') ? key.starts_with(beginning) : key == beginning;
    };
    for (const LearnerEntry& learner : learner_table()) {
      if (std::find(learners.begin(), learners.end(), learner.name) == learners.end()) continue;
      if (std::any_of(learner.options.begin(), learner.options.end(), begins)) return true;
    }
    return std::find(entry.options.begin(), entry.options.end(), key.substr(key.find('.') + 1)) != entry.options.end() &&
           key.starts_with("policy.");
  };
  TrainOptions options;
  options.problems = {"rastrigin", "ackley-rotated"};
  options.learners = learners;
  options.dimensions = {3};
  options.rounds = 6;
  options.threads = threads;
  options.policy.rule = rule;
  options.rollout.episodes = 4;
  options.rollout.horizon = 12;
  options.validation.instances = 2;
  options.validation.every = 2;
  nlohmann::json wanted{{"policy.hidden", {8, 8}},
                        {"updates", 4},
                        {"ensemble.instances", 2},
                        {"ensemble.explorers", 2},
                        {"replay.warm_up", 60},
                        {"replay.capacity", 150},  // overwritten within the six rounds
                        {"replay.explorer_capacity", 60},
                        {"ddpg.critic_hidden", {8, 8}},
                        {"ddpg.critic_first", 4},
                        {"ddpg.batch", 16},
                        {"evolution.population", 6},
                        {"evolution.instances", 2},
                        {"evolution.renew", 2},
                        {"es.pairs", 4},
                        {"pes.pairs", 4},
                        {"pes.truncation", 5},
                        {"guided.conditions", 3},
                        {"guided.samples", 4},
                        {"guided.clusters", 2},
                        {"guided.updates", 20},
                        {"policy.layers", {4, 3}},
                        {"tbptt.length", 5},
                        {"policy.width", 8},
                        {"policy.context", 7},  // shorter than a run
                        {"ppo.hidden", {8}},
                        {"decisions.episodes", 4},
                        {"decisions.warm_up", 20},
                        {"decisions.capacity", 60},
                        {"decisions.ensemble.instances", 1},
                        {"decisions.ensemble.explorers", 2},
                        {"decisions.ddpg.batch", 16},
                        {"decisions.ddpg.critic_first", 4},
                        {"decisions.ddpg.critic_hidden", {8, 8}}};
  int decisions = 3;
  if (make_rule({.rule = rule, .dimension = 3})->for_weights()) {
    options.problems = {"mlp-blobs:hidden=4,batch=8", "mlp-spirals:hidden=6,batch=8,init=he,rescale=0.5"};
    options.rollout.horizon_low = 4;
    options.rollout.curriculum = 3;
    options.rollout.weights = 5;
    wanted["evolution.population"] = 4;
    wanted["evolution.instances"] = 1;
    wanted["ensemble.explorers"] = 3;
    decisions = 60;
  }
  wanted["policy.by_coordinate"] = learners != std::vector<std::string>{"decisions"};
  if (std::find(learners.begin(), learners.end(), "decisions") != learners.end()) {
    wanted["policy.decisions"] = decisions;
    wanted["policy.decision_hidden"] = {8, 8};
  }
  nlohmann::json chosen = nlohmann::json::object();
  for (const auto& [key, value] : wanted.items()) {
    if (used(key)) chosen[key] = value;
  }
  set_training_options(options, chosen);
  return options;
}

/// All of a report, to be compared.
inline std::string text(const RoundReport& r) {
  const EnsembleSummary& e = r.ensembles;
  nlohmann::json out{r.round,  r.evaluations, r.validated,         r.validation_score, r.validation_gaps,
                     r.best,   r.staleness,   r.dropped,           e.coordinate_moves, e.gradient_moves,
                     e.resets, e.prunes,      e.coordinates_tried, e.best_gap_share,   e.basins};
  for (const Metric& metric : r.metrics) out.push_back({metric.name, metric.value});
  return out.dump();
}

inline std::vector<std::string> train(Trainer& trainer, int rounds) {
  std::vector<std::string> reports;
  for (int k = 0; k < rounds; ++k) reports.push_back(text(trainer.round()));
  return reports;
}

/// A folder of its own for each test.
class TrainingFolder {
 public:
  TrainingFolder() { std::filesystem::create_directories(folder_); }
  ~TrainingFolder() { std::filesystem::remove_all(folder_); }
  TrainingFolder(const TrainingFolder&) = delete;
  TrainingFolder& operator=(const TrainingFolder&) = delete;

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  /// The whole checkpoint.
  std::string saved(const Trainer& trainer) const {
    trainer.save(path("compared"));
    std::ifstream file(path("compared"), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  const std::string folder_ = testing::TempDir() + "scout_training_test." + std::to_string(getpid());
};

}  // namespace scout
