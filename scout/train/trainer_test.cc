#include "scout/train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "scout/train/checkpoint.h"
#include "scout/train/test_training.h"

namespace scout {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

/// The learners of a training by this rule.
std::vector<std::string> learners_of(const std::string& rule) {
  if (rule == "joint") return {"ddpg"};  // it has no context head
  return {"evolution", "ddpg"};
}
TrainOptions small(const std::string& rule, int threads) { return small_training(rule, threads, learners_of(rule)); }

class TrainerFile : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_.path(name); }
  std::string saved(const Trainer& trainer) const { return folder_.saved(trainer); }

  TrainingFolder folder_;
};

class Resuming : public TrainerFile, public testing::WithParamInterface<std::tuple<const char*, int>> {};

TEST_P(Resuming, EqualsAnUninterruptedRun) {
  const TrainOptions options = small(std::get<0>(GetParam()), std::get<1>(GetParam()));
  Trainer whole(options, 3);
  const auto expected = train(whole, 6);

  Trainer first(options, 3);
  auto reports = train(first, 3);
  first.save(path("checkpoint"));
  Trainer second(options, 3);
  second.restore(path("checkpoint"));
  EXPECT_EQ(second.rounds_done(), 3);
  for (const auto& report : train(second, 3)) reports.push_back(report);

  EXPECT_EQ(reports, expected);
  EXPECT_TRUE(second.finished());
  EXPECT_EQ(second.best_parameters(), whole.best_parameters());
  EXPECT_EQ(second.best_score(), whole.best_score());
  EXPECT_TRUE(saved(second) == saved(whole)) << "networks, optimizers, replays or counters differ";
}

TEST_P(Resuming, TheSameSeedGivesTheSameRun) {
  const TrainOptions options = small(std::get<0>(GetParam()), std::get<1>(GetParam()));
  Trainer one(options, 3), other(options, 3), another(options, 4);
  const auto reports = train(one, 6);
  EXPECT_EQ(reports, train(other, 6));
  EXPECT_TRUE(saved(one) == saved(other));
  EXPECT_NE(reports, train(another, 6));
}

INSTANTIATE_TEST_SUITE_P(All, Resuming,
                         testing::Combine(testing::Values("coordinate", "joint", "weight"), testing::Values(1, 2)),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param)) + std::to_string(std::get<1>(test.param));
                         });

TEST_F(TrainerFile, RefusesTheCheckpointOfAnotherRunAndNamesTheDifference) {
  const TrainOptions options = small("coordinate", 1);
  Trainer original(options, 3);
  original.round();
  original.save(path("checkpoint"));
  auto error = [&](const TrainOptions& other, std::uint64_t seed) -> std::string {
    Trainer trainer(other, seed);
    const std::string before = saved(trainer);
    try {
      trainer.restore(path("checkpoint"));
      return "";
    } catch (const std::invalid_argument& caught) {
      EXPECT_TRUE(saved(trainer) == before) << "a failed restore must not change the trainer";
      return caught.what();
    }
  };
  EXPECT_THAT(error(options, 4), HasSubstr("seed = 3, not 4"));
  TrainOptions changed = options;
  changed.threads = 2;
  EXPECT_THAT(error(changed, 3), HasSubstr("threads = 1, not 2"));
  changed = options;
  changed.ddpg.discount = 0.5;
  EXPECT_THAT(error(changed, 3), HasSubstr("option 'ddpg.discount' = "));
  changed = options;
  changed.learners = {"evolution"};
  changed.updates = TrainOptions{}.updates;
  changed.replay = {};
  changed.ensemble = {};
  changed.ddpg = {};
  EXPECT_THAT(error(changed, 3), HasSubstr("option 'ddpg."));
  changed = options;
  changed.rounds = 100;
  changed.checkpoint_every = 7;
  EXPECT_EQ(error(changed, 3), "");
}

TEST_F(TrainerFile, AStateThatDoesNotFitChangesNothing) {
  const std::size_t around = 12;  // bytes of head and tail
  for (const char* rule : {"coordinate", "weight"}) {
    Trainer original(small(rule, 1), 3), other(small(rule, 1), 3);
    original.round();
    other.round();
    other.round();
    const std::string file = saved(original), before = saved(other);
    const std::size_t begin = file.size() / 3, end = file.size() - around;
    for (std::size_t left = 1; left < end - begin; left += 1 + (end - begin) / 20) {  // behind a right checksum
      CheckpointWriter writer(path("checkpoint"));
      writer.content().raw(file.data() + around, end - around - left);
      writer.finish();
      EXPECT_THROW(other.restore(path("checkpoint")), std::runtime_error) << left;
      EXPECT_TRUE(saved(other) == before) << left;
    }
  }
}

TEST_F(TrainerFile, ARunWithoutTheEnsembleHasNoExplorers) {
  TrainOptions options = small("coordinate", 1);
  options.replay.explorer_share = 0;
  Trainer trainer(options, 3);
  int events = 0;
  trainer.observe_explorers = [&](const std::string&, const ExplorerEvent&) { ++events; };
  const auto report = trainer.round();
  EXPECT_EQ(events, 0);
  EXPECT_EQ(report.ensembles.coordinate_moves + report.ensembles.gradient_moves, 0);
}

TEST(Trainer, TellsWhatTheFirstEnsembleDoes) {
  Trainer trainer(small("coordinate", 2), 3);
  int moves = 0;
  trainer.observe_explorers = [&](const std::string& instance, const ExplorerEvent& event) {
    EXPECT_THAT(instance, testing::StartsWith("rastrigin/train/"));
    EXPECT_EQ(event.theta.size(), 3U);
    moves += event.kind == ExplorerEvent::Kind::coordinate || event.kind == ExplorerEvent::Kind::gradient;
  };
  trainer.round();
  EXPECT_EQ(moves, 2 * 12);
}

TEST(Trainer, KeepsTheBestOfItsValidations) {
  TrainOptions options = small("coordinate", 1);
  options.rounds = 20;
  Trainer trainer(options, 3);
  double best = INFINITY;
  std::int64_t best_round = 0;
  while (!trainer.finished()) {
    const auto report = trainer.round();
    EXPECT_EQ(report.validated, report.round % 2 == 0);
    if (!report.validated) continue;
    EXPECT_EQ(report.best, report.validation_score < best);
    if (report.best) best_round = report.round;
    best = std::min(best, report.validation_score);
    EXPECT_EQ(report.validation_gaps.size(), 2U);
  }
  EXPECT_EQ(trainer.best_score(), best);
  EXPECT_EQ(trainer.best_round(), best_round);
}

TEST(Trainer, EvolutionFindsAStepForNetworks) {
  // The base step is a hundredth of what would do; the context head can only make up for it by outputs far from zero.
  TrainOptions options = small_training("weight", 2, {"evolution"});
  options.problems = {"mlp-blobs:hidden=4,batch=16"};
  options.policy.step_scale = 1e-3;
  options.rounds = 25;
  options.rollout.horizon = options.rollout.horizon_low = 30;
  options.evolution.population = 12;
  options.evolution.deviation = 2.0;
  options.validation.every = 1;
  const double before = Trainer(options, 1).validate_now().validation_score;
  Trainer trainer(options, 1);
  while (!trainer.finished()) trainer.round();
  EXPECT_LT(trainer.best_score(), before - 0.15) << "log10 of the final loss's share";
}

TEST_F(TrainerFile, StartsFromAPolicy) {
  TrainOptions options = small("weight", 1);
  options.policy.step_scale = 0.05;
  Trainer first(options, 1);
  while (!first.finished()) first.round();
  EXPECT_EQ(first.rule_options().step_scale, 0.05);
  const Policy policy({.rule = first.rule_options()}, first.best_parameters());
  policy.save(path("policy.scout"));
  options.policy.start = path("policy.scout");
  options.validation.every = 1;
  Trainer second(options, 2);
  EXPECT_EQ(second.rule().parameter_count(), policy.parameters().size());
  EXPECT_EQ(second.validate_now().validation_score, first.best_score()) << "nothing has changed it yet";
  EXPECT_EQ(second.best_parameters(), policy.parameters());
  EXPECT_EQ(second.parameters().acting, policy.parameters());
  EXPECT_EQ(second.parameters().kept, policy.parameters());
  options.learners = {"ddpg"};
  options.evolution = {};
  options.updates = 0;
  Trainer third(options, 2);
  EXPECT_EQ(third.round().validation_score, first.best_score()) << "without updates nothing changes it";
  EXPECT_EQ(third.best_parameters(), policy.parameters());
  options.policy.hidden = {9};
  EXPECT_THROW(Trainer(options, 2), std::invalid_argument);
}

TEST(Trainer, JudgesByFWhereTheOptimumIsNotKnown) {
  // A net as a function of a vector: nobody knows its least loss.
  TrainOptions options = small("coordinate", 1);
  options.problems = {"mlp-blobs:hidden=4,batch=8"};
  options.validation.instances = 1;
  const RoundReport report = Trainer(options, 1).validate_now();
  ASSERT_EQ(report.validation_gaps.size(), 1U);
  EXPECT_GT(report.validation_gaps[0], 0);
  EXPECT_DOUBLE_EQ(report.validation_score, std::log10(report.validation_gaps[0] + 1e-8));
}

TEST(Trainer, JudgesOnOtherFamiliesIfAskedTo) {
  TrainOptions options = small("coordinate", 1);
  options.problems = {"griewank", "levy"};
  const RoundReport own = Trainer(options, 1).validate_now();
  options.problems = {"rastrigin"};
  options.validation.problems = {"levy", "griewank"};
  const RoundReport others = Trainer(options, 1).validate_now();
  ASSERT_EQ(others.validation_scores.size(), 2U);
  EXPECT_NE(own.validation_scores[0], own.validation_scores[1]);
  // The number of an instance among all gives its start, so the scores are near each other and not the same.
  EXPECT_NEAR(others.validation_scores[0], own.validation_scores[1], 1.5);
  EXPECT_DOUBLE_EQ(others.validation_score, (others.validation_scores[0] + others.validation_scores[1]) / 2);

  options.validation.problems = {"no-such-family"};
  EXPECT_THROW(Trainer(options, 1), std::invalid_argument);
}

TEST(Trainer, SaysWhichLearnerDiverged) {
  for (const std::string learner : {"es", "pes"}) {
    TrainOptions options = small_training("coordinate", 1, {learner});
    set_training_options(options, {{learner + ".learning_rate", 1e300}});
    Trainer trainer(options, 1);
    EXPECT_THAT([&] { train(trainer, 6); },
                ThrowsMessage<std::runtime_error>(testing::AllOf(HasSubstr("round "), HasSubstr("learner '" + learner + "'"),
                                                                 HasSubstr("other options " + learner + "."))));
  }
}

TEST(Trainer, RefusesBadOptions) {
  TrainOptions options = small("joint", 1);
  options.dimensions = {2, 3};
  EXPECT_THROW(Trainer(options, 1), std::invalid_argument);
  options = small("coordinate", 1);
  options.problems = {"rastrgin"};
  EXPECT_THROW(Trainer(options, 1), std::invalid_argument);
  options = small("coordinate", 1);
  options.problems.clear();
  EXPECT_THROW(Trainer(options, 1), std::invalid_argument);
  options = small("coordinate", 1);
  options.dimensions.clear();
  EXPECT_THROW(Trainer(options, 1), std::invalid_argument);
  options = small("coordinate", 1);
  options.dimensions = {1'000'000'000};
  EXPECT_THAT([&] { Trainer(options, 1); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("lower replay.capacity or dimensions")));
  options = small("weight", 1);
  options.evolution.outputs = {5};
  EXPECT_NO_THROW(Trainer(options, 1));
  options.evolution.outputs = {1, 6};
  EXPECT_THAT([&] { Trainer(options, 1); },
              ThrowsMessage<std::invalid_argument>("option 'evolution.outputs' is 6: must be in [0, 5]"));
  options = small("coordinate", 1);
  options.ensemble.movers = {"tensor"};
  EXPECT_THAT([&] { Trainer(options, 1); }, ThrowsMessage<std::invalid_argument>(HasSubstr("'ensemble.movers'")));
}

}  // namespace
}  // namespace scout
