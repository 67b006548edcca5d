// What the learner "decisions" does beyond what every learner has to (learners_test.cc).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "scout/train/test_training.h"

namespace scout {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

TrainOptions small(const nlohmann::json& changes = nlohmann::json::object()) {
  TrainOptions options = small_training("coordinate", 1, {"decisions"});
  set_training_options(options, changes);
  return options;
}

TEST(Decisions, NormaliseByWhatTheFirstRunsLookedLike) {
  Trainer trainer(small({{"rollout.horizon", 30}, {"decisions.warm_up", 30}}), 1);
  const DecisionHead& head = *trainer.rule().decisions();
  const auto n = static_cast<std::size_t>(head.inputs());
  const auto normaliser = [&] { return std::span(trainer.parameters().kept).subspan(head.offset(), 2 * n); };
  EXPECT_THAT(normaliser(), testing::Each(0.0F));
  std::vector<float> fitted;
  for (int round = 0; round < 6; ++round) {
    trainer.round();
    const bool now = std::ranges::any_of(normaliser(), [](float x) { return x != 0; });
    if (!fitted.empty()) {
      EXPECT_TRUE(std::ranges::equal(normaliser(), fitted)) << "once and for all";
    } else if (now) {
      fitted.assign(normaliser().begin(), normaliser().end());
    }
  }
  ASSERT_FALSE(fitted.empty());
  EXPECT_GT(fitted[n], 0.5F) << "the elapsed time varies";
  EXPECT_EQ(fitted[2 * n - 1], 0) << "the horizon, and";
  EXPECT_EQ(fitted[2 * n - 2], 0) << "the dimension are the same in all runs";
}

TEST(Decisions, ExplorersGiveWayAtEqualCost) {
  Trainer trainer(small({{"decisions.fade", 4},
                         {"decisions.episodes", 8},
                         {"decisions.ensemble.instances", 4},
                         {"decisions.ensemble.reset", false}}),
                  1);
  std::int64_t before = 0;
  std::vector<std::int64_t> moves, cost;
  for (int round = 0; round < 6; ++round) {
    const RoundReport report = trainer.round();
    moves.push_back(report.ensembles.coordinate_moves + report.ensembles.gradient_moves);
    cost.push_back(report.evaluations - before);
    before = report.evaluations;
  }
  EXPECT_GT(moves[0], moves[2]);
  EXPECT_GT(moves[2], 0);
  EXPECT_EQ(moves[4], 0);
  EXPECT_EQ(moves[5], 0);
  EXPECT_EQ(std::ranges::min(cost), std::ranges::max(cost));
}

TEST(Decisions, RatesFallByHalves) {
  const auto moved = [](double halving, int rounds) {
    Trainer trainer(
        small({{"decisions.rate_halving", halving}, {"decisions.ddpg.critic_first", 0}, {"decisions.warm_up", 1}}), 1);
    const std::size_t from = trainer.rule().decisions()->offset();
    for (int round = 0; round + 1 < rounds; ++round) trainer.round();
    const std::vector<float> before = trainer.parameters().acting;
    trainer.round();
    double sum = 0;
    for (std::size_t i = from; i < before.size(); ++i) {
      sum += std::abs(static_cast<double>(trainer.parameters().acting[i] - before[i]));
    }
    return sum;
  };
  EXPECT_GT(moved(0, 6), 0);
  EXPECT_LT(moved(0.5, 6), 0.05 * moved(0, 6)) << "2^-10 of the rates are left";
}

TEST(Decisions, RefuseMoreExplorersThanEpisodes) {
  EXPECT_THAT(
      [] {
        Trainer(small({{"decisions.episodes", 3}, {"decisions.ensemble.instances", 2}}), 1);
      },
      ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("'decisions.episodes' is 3"), HasSubstr("explorers"))));
}

TEST(Decisions, NameTheRulesThatDecide) {
  TrainOptions options;
  options.problems = {"sphere"};
  options.dimensions = {2};
  options.learners = {"decisions"};
  options.policy.rule = "joint";
  EXPECT_THAT([&] { Trainer(options, 1); },
              ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("\"joint\" has no decisions"), HasSubstr("coordinate"))));
}

TEST(Decisions, AreLeftOutWhereNobodyLearnsThem) {
  const Trainer without(small_training("coordinate", 1, {"evolution"}), 1);
  EXPECT_EQ(without.rule().decisions(), nullptr);
  TrainOptions options = small_training("coordinate", 1, {"evolution"});
  options.policy.decisions = 7;
  EXPECT_THAT([&] { Trainer(options, 1); }, ThrowsMessage<std::invalid_argument>(HasSubstr("'policy.decisions' is 7")));
}

TEST(Decisions, ANetworkOfCoordinatesIsThereWhereItIsLearnt) {
  TrainOptions options = small_training("coordinate", 1, {"evolution", "ddpg"});
  options.policy.by_coordinate = false;
  EXPECT_THAT([&] { Trainer(options, 1); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("'policy.by_coordinate' is false")));
}

}  // namespace
}  // namespace scout
