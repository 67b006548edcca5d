// What the learner "pes" does beyond what every learner has to (learners_test.cc); its estimate: persistent_es_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "scout/train/test_training.h"

namespace scout {
namespace {

/// Four pairs, truncations of 5 steps, horizon 12.
TrainOptions small(const nlohmann::json& changes = nlohmann::json::object()) {
  TrainOptions options = small_training("coordinate", 1, {"pes"});
  set_training_options(options, changes);
  return options;
}

std::vector<std::int64_t> evaluations_by_round(const TrainOptions& options, int rounds) {
  Trainer trainer(options, 1);
  std::vector<std::int64_t> out;
  for (std::int64_t before = 0; rounds > 0; --rounds) {
    const std::int64_t now = trainer.round().evaluations;
    out.push_back(now - before);
    before = now;
  }
  return out;
}

std::vector<float> learnt(const TrainOptions& options, int rounds) {
  Trainer trainer(options, 1);
  train(trainer, rounds);
  return trainer.parameters().acting;
}

TEST(Pes, CarriesEpisodesFromRoundToRound) {
  // 8 particles make 5 steps each; episodes begin with the steps number 0, 12, 24, 36, at the cost of a point.
  EXPECT_THAT(evaluations_by_round(small({{"pes.stagger", false}}), 8),
              testing::ElementsAre(48, 40, 48, 40, 48, 40, 40, 48));
  // In the middle of a truncation there may be several: of 3 steps each, within 5.
  EXPECT_THAT(evaluations_by_round(small({{"pes.stagger", false}, {"rollout.horizon", 3}}), 3),
              testing::ElementsAre(56, 56, 48));
}

TEST(Pes, StaggersTheFirstEpisodes) {
  const std::vector<std::int64_t> evaluations = evaluations_by_round(small(), 8);
  EXPECT_NE(evaluations, evaluations_by_round(small({{"pes.stagger", false}}), 8));
  for (const std::int64_t count : evaluations) EXPECT_GE(count, 40);
}

TEST(Pes, CreditsEarlierPerturbationsOfAnEpisodeAlone) {
  const nlohmann::json truncated{{"pes.stagger", false}, {"pes.persistent", false}};
  const nlohmann::json persistent{{"pes.stagger", false}};
  EXPECT_EQ(learnt(small(persistent), 1), learnt(small(truncated), 1)) << "there are none in the first truncation";
  EXPECT_NE(learnt(small(persistent), 2), learnt(small(truncated), 2));
  // An episode in each truncation: persistent or not, that is a plain evolution strategy.
  nlohmann::json whole = persistent, also = truncated;
  whole["pes.truncation"] = also["pes.truncation"] = 12;
  EXPECT_EQ(learnt(small(whole), 4), learnt(small(also), 4));
  whole["pes.truncation"] = also["pes.truncation"] = 36;
  EXPECT_EQ(learnt(small(whole), 3), learnt(small(also), 3)) << "three episodes in each";
}

TEST(Pes, OnSeveralRanksMakesWholeEpisodes) {
  Trainer trainer(small(), 1, {1, 2});
  for (const std::int64_t sequence : {0, 1, 2, 7}) {
    const Experience experience = trainer.collect(sequence);
    EXPECT_EQ(experience.evaluations, 2 * 13);
    ASSERT_EQ(experience.findings[0].candidates.size(), 1U);
  }
}

/// The network puts out the step, and does not know yet where to go.
TEST(Pes, ImprovesAPolicy) {
  for (const char* loss : {"mean", "final"}) {
    SCOPED_TRACE(loss);
    TrainOptions options = small({{"problems", {"sphere"}},
                                  {"policy.proposals", false},
                                  {"pes.pairs", 16},
                                  {"pes.loss", loss},
                                  {"pes.deviation", 0.05},
                                  {"pes.learning_rate", 0.01}});
    options.rounds = 150;
    options.validation.instances = 16;
    options.validation.every = 150;
    Trainer trainer(options, 1);
    const double before = trainer.validate_now().validation_score;
    while (!trainer.finished()) trainer.round();
    EXPECT_LT(trainer.best_score(), before - 0.3);
  }
}

TEST(Pes, LearnsWhatIsDecidedForWholeRuns) {
  for (const std::string learner : {"pes", "es"}) {
    SCOPED_TRACE(learner);
    TrainOptions options = small_training("coordinate", 1, {learner});
    set_training_options(options, {{learner + ".slice", "decisions"}, {"policy.decisions", 3}, {"rollout.horizon", 30}});
    Trainer whole(options, 1);
    ASSERT_NE(whole.rule().decisions(), nullptr);
    const DecisionHead& head = *whole.rule().decisions();
    const auto n = static_cast<std::size_t>(head.inputs());
    const std::vector<float> first = whole.parameters().acting;
    whole.round();
    const std::vector<float> normalised = whole.parameters().acting;
    EXPECT_GT(normalised[head.offset() + n], 0.5F) << "the elapsed time varies";
    EXPECT_EQ(normalised[head.offset() + 2 * n - 1], 0) << "the horizon is the same in all runs";
    const TrainingFolder folder;
    whole.save(folder.path("checkpoint"));
    Trainer parts(options, 1);
    parts.restore(folder.path("checkpoint"));
    EXPECT_EQ(train(parts, 3), train(whole, 3));
    EXPECT_TRUE(folder.saved(parts) == folder.saved(whole));
    const std::vector<float>& last = whole.parameters().acting;
    const auto same = [&](const std::vector<float>& other, std::size_t begin, std::size_t end) {
      return std::ranges::equal(std::span(last).subspan(begin, end - begin), std::span(other).subspan(begin, end - begin));
    };
    EXPECT_TRUE(same(first, 0, head.offset())) << "the actor's";
    EXPECT_TRUE(same(normalised, head.offset(), head.offset() + 2 * n)) << "once and for all";
    EXPECT_NE(last, normalised);
  }
}

}  // namespace
}  // namespace scout
