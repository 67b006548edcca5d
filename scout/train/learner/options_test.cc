#include "scout/train/learner/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "scout/policy/rules.h"
#include "scout/train/test_training.h"

namespace scout {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

using Change = std::function<void(TrainOptions&)>;

/// What the trainer says to a small training with a change.
std::string error(const std::string& rule, const std::vector<std::string>& learners, const Change& change) {
  TrainOptions options = small_training(rule, 1, learners);
  change(options);
  try {
    const Trainer trainer(options, 1);
    return "";
  } catch (const std::invalid_argument& caught) {
    return caught.what();
  }
}

struct Case {
  const char* key;
  const char* rule;
  std::vector<std::string> learners;
  Change change;
  bool used;
};

const std::vector<std::string> kDdpg{"ddpg"}, kEvolution{"evolution"}, kBoth{"evolution", "ddpg"}, kEs{"es"};

TEST(TrainOptions, ThatNobodyUsesAreRefusedByName) {
  const std::vector<Case> cases{
      // Of learners that do not take part.
      {"ddpg.discount", "coordinate", kEvolution, [](auto& o) { o.ddpg.discount = 0.5; }, false},
      {"ddpg.discount", "coordinate", kBoth, [](auto& o) { o.ddpg.discount = 0.5; }, true},
      {"updates", "coordinate", kEvolution, [](auto& o) { o.updates = 3; }, false},
      {"replay.capacity", "coordinate", kEs, [](auto& o) { o.replay.capacity = 3; }, false},
      {"ensemble.explorers", "coordinate", kEvolution, [](auto& o) { o.ensemble.explorers = 4; }, false},
      {"rollout.noise", "coordinate", kEvolution, [](auto& o) { o.rollout.noise = 0.02; }, false},
      {"rollout.noise", "coordinate", kDdpg, [](auto& o) { o.rollout.noise = 0.02; }, true},
      {"reward.of", "coordinate", kEvolution, [](auto& o) { o.reward.of = "current"; }, false},
      {"reward.of", "coordinate", kDdpg, [](auto& o) { o.reward.of = "current"; }, true},
      {"evolution.population", "coordinate", kDdpg, [](auto& o) { o.evolution.population = 40; }, false},
      {"evolution.order", "joint", kDdpg, [](auto& o) { o.evolution.order = "ranks"; }, false},
      {"es.pairs", "coordinate", kDdpg,
       [](auto& o) {
         set_training_options(o, {{"es.pairs", 3}});
       },
       false},
      {"es.pairs", "coordinate", kEs,
       [](auto& o) {
         set_training_options(o, {{"es.pairs", 3}});
       },
       true},
      // Of rules for weights.
      {"reward.of", "weight", kBoth, [](auto& o) { o.reward.of = "current"; }, false},
      {"reward.floor", "weight", kBoth, [](auto& o) { o.reward.floor = 0.1; }, false},
      {"reward.path_points", "weight", kBoth, [](auto& o) { o.reward.path_points = 3; }, false},
      {"reward.scale", "weight", kBoth, [](auto& o) { o.reward.scale = 2; }, true},
      {"rollout.weights", "weight", kBoth, [](auto& o) { o.rollout.weights = 9; }, true},
      {"rollout.weights", "coordinate", kBoth, [](auto& o) { o.rollout.weights = 9; }, false},
      {"rollout.weight_noise", "coordinate", kBoth, [](auto& o) { o.rollout.weight_noise = 1; }, false},
      {"rollout.horizon_low", "coordinate", kBoth, [](auto& o) { o.rollout.horizon_low = 5; }, true},
      {"rollout.curriculum", "coordinate", kBoth, [](auto& o) { o.rollout.curriculum = 5; }, true},
      {"rollout.tell_loss", "joint", kDdpg, [](auto& o) { o.rollout.tell_loss = 1; }, false},
      {"evolution.floor", "weight", kDdpg, [](auto& o) { o.evolution.floor = 0.1; }, true},  // of the validation score
      {"evolution.floor", "coordinate", kDdpg, [](auto& o) { o.evolution.floor = 0.1; }, false},
      // Of other rules.
      {"policy.history", "coordinate", kBoth, [](auto& o) { o.policy.history = 5; }, false},
      {"policy.history", "joint", kDdpg, [](auto& o) { o.policy.history = 5; }, true},
      {"policy.proposals", "joint", kDdpg, [](auto& o) { o.policy.proposals = false; }, false},
      {"policy.proposals", "coordinate", kDdpg, [](auto& o) { o.policy.proposals = false; }, true},
      {"policy.gradient", "weight", kBoth, [](auto& o) { o.policy.gradient = false; }, false},
  };
  for (const Case& one : cases) {
    const std::string said = error(one.rule, one.learners, one.change);
    const std::string what = std::string(one.key) + " with " + one.rule + " and " + nlohmann::json(one.learners).dump();
    if (one.used) {
      EXPECT_EQ(said, "") << what;
    } else {
      EXPECT_THAT(said, AllOf(HasSubstr("option '" + std::string(one.key) + "' is "),
                              HasSubstr("policy.rule = \"" + std::string(one.rule) + "\""),
                              HasSubstr("learners = " + nlohmann::json(one.learners).dump())))
          << what;
    }
  }
}

TEST(TrainOptions, AtTheirDefaultsMayBeNamed) {
  for (const nlohmann::json& named : {nlohmann::json{{"ddpg.discount", 0.99}}, nlohmann::json{{"es.pairs", 8}}}) {
    EXPECT_EQ(error("coordinate", kEvolution, [&](auto& o) { set_training_options(o, named); }), "") << named;
  }
}

TEST(TrainOptions, UnknownLearnersAndRulesAreRefusedByName) {
  EXPECT_THAT(error("coordinate", kBoth,
                    [](auto& o) {
                      o.learners = {"evolution", "dqn"};
                    }),
              AllOf(HasSubstr("'learners'"), HasSubstr("\"dqn\""), HasSubstr("ddpg")));
  EXPECT_THAT(error("coordinate", kBoth, [](auto& o) { o.policy.rule = "coordinates"; }),
              AllOf(HasSubstr("coordinates"), HasSubstr("coordinate")));
}

TEST(OwnOptions, AreReadListedAndChecked) {
  TrainOptions options;
  set_training_options(options, {{"es", {{"pairs", 3}, {"slice", "head"}}}, {"rounds", 7}});
  EXPECT_EQ(options.rounds, 7);
  nlohmann::json all = training_options_json(options);
  EXPECT_EQ(all["es.pairs"], 3);
  EXPECT_EQ(all["es.slice"], "head");
  EXPECT_EQ(all["rounds"], 7);
  set_training_options(options, {{"es.pairs", 5}});
  all = training_options_json(options);
  EXPECT_EQ(all["es.pairs"], 5) << "the later one counts";
  EXPECT_EQ(all["es.slice"], "head") << "and leaves the others";
  TrainOptions again;
  set_training_options(again, all);
  EXPECT_EQ(training_options_json(again), all) << "what is written can be read";

  const auto refused = [&](const nlohmann::json& values, const std::string& what) {
    TrainOptions scratch;
    EXPECT_THAT([&] { set_training_options(scratch, values); }, ThrowsMessage<std::invalid_argument>(HasSubstr(what)))
        << values;
  };
  refused({{"es.pairs", 0}}, "pairs");
  refused({{"es.pairs", "many"}}, "pairs");
  refused({{"es.slice", "foot"}}, "slice");
  refused({{"es.piars", 3}}, "unknown option 'es.piars': did you mean 'es.pairs'?");
  refused({{"decisions.replay.warm_up", 3}}, "'decisions.replay.warm_up': did you mean 'decisions.warm_up'?");
  refused({{"es", {{"deviation", -1}}}}, "deviation");
  refused({{"ddgp.discount", 1}}, "ddgp");
}

TEST(OwnOptions, ArePartOfACheckpoint) {
  TrainingFolder folder;
  const TrainOptions options = small_training("coordinate", 1, kEs);
  Trainer original(options, 3);
  original.round();
  original.save(folder.path("checkpoint"));
  TrainOptions other = options;
  set_training_options(other, {{"es.pairs", 5}});
  EXPECT_THAT([&] { Trainer(other, 3).restore(folder.path("checkpoint")); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("option 'es.pairs' = 4, not 5")));
  EXPECT_NO_THROW(Trainer(options, 3).restore(folder.path("checkpoint")));
}

TEST(OwnOptions, AtTheirDefaultsNeedNotBeNamedToGoOn) {
  TrainingFolder folder;
  const TrainOptions unnamed = small_training("coordinate", 1, kEs);
  TrainOptions named = unnamed;
  set_training_options(named, {{"es.average", 0.9}, {"es.slice", "all"}});
  TrainOptions other = unnamed;
  set_training_options(other, {{"es.average", 0.8}});
  for (const auto& [first, second] : {std::pair{unnamed, named}, std::pair{named, unnamed}}) {
    Trainer(first, 3).save(folder.path("checkpoint"));
    EXPECT_NO_THROW(Trainer(second, 3).restore(folder.path("checkpoint")));
    EXPECT_THAT([&] { Trainer(other, 3).restore(folder.path("checkpoint")); },
                ThrowsMessage<std::invalid_argument>(HasSubstr("option 'es.average' = 0.9, not 0.8")));
  }
}

TEST(OwnOptions, AreUsed) {
  const auto trained = [](double rate) {
    TrainOptions options = small_training("coordinate", 1, kEs);
    set_training_options(options, {{"es.learning_rate", rate}});
    Trainer trainer(options, 3);
    trainer.round();
    return trainer.parameters().acting;
  };
  EXPECT_NE(trained(0.01), trained(0.02));
}

TEST(TrainOptions, EveryConfigOfTheRepositoryIsUsedWhole) {
  int configs = 0;
  for (const auto& file : std::filesystem::directory_iterator(SCOUT_SOURCE "/configs")) {
    TrainOptions options;
    set_training_options(options, read_toml(file.path().string()));
    const bool weights = make_rule({.rule = options.policy.rule, .dimension = 2, .hidden = {8}})->for_weights();
    EXPECT_NO_THROW(check_options_are_used(options, weights)) << file.path();
    ++configs;
  }
  EXPECT_GE(configs, 5);
}

}  // namespace
}  // namespace scout
