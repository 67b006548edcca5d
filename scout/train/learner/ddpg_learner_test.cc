// What the learner "ddpg" does with its ensemble over the rounds; what holds of all learners: learners_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scout/train/test_training.h"

namespace scout {
namespace {

/// The text's setting, small: explorers search, then show what they found.
TrainOptions literal() {
  TrainOptions options = small_training("joint", 1, {"ddpg"});
  options.problems = {"styblinski-tang:instance=0,region=0.1"};
  options.policy.absolute = true;
  options.policy.code = "linear";
  options.reward.of = "value";
  options.reward.finite = false;
  options.ensemble.instances = 1;
  options.ensemble.first = 2;
  options.ensemble.life = 6;
  options.ensemble.chain = 0.9;
  options.ensemble.horizon = 30;
  options.ensemble.demonstrations = 8;
  options.ddpg.imitate = "explorers";
  return options;
}

TEST(DdpgLearner, LetsExplorersSearchFirst) {
  Trainer trainer(literal(), 3);
  for (int round = 1; round <= 6; ++round) {
    const RoundReport report = trainer.round();
    const bool search = round <= 2;
    EXPECT_EQ(report.ensembles.coordinate_moves > 0, search) << round;
    EXPECT_EQ(report.metric("mean_return") != 0, !search) << round;
    EXPECT_TRUE(!search || report.metric("updates") == 0) << "the policy has done nothing yet";
  }
}

TEST(DdpgLearner, GoesOnFromTheMiddleOfASearchBitByBit) {
  const TrainingFolder folder;
  Trainer whole(literal(), 3);
  std::vector<std::string> reports = train(whole, 1);
  whole.save(folder.path("searching"));
  Trainer parts(literal(), 3);
  parts.restore(folder.path("searching"));
  EXPECT_EQ(train(whole, 5), train(parts, 5));
  EXPECT_EQ(whole.parameters().acting, parts.parameters().acting);
}

std::vector<float> learnt(const TrainOptions& options) {
  Trainer trainer(options, 3);
  train(trainer, 6);
  return trainer.parameters().acting;
}

TEST(DdpgLearner, ImitatesExplorersUntilThatHasFaded) {
  TrainOptions imitating = literal(), alone = literal(), faded = literal(), fading = literal();
  imitating.ddpg.critic_first = alone.ddpg.critic_first = faded.ddpg.critic_first = fading.ddpg.critic_first = 0;
  alone.ddpg.imitation = 0;
  faded.replay.fade = 2;  // before the first update
  fading.replay.fade = 50;
  EXPECT_NE(learnt(imitating), learnt(alone));
  EXPECT_EQ(learnt(faded), learnt(alone));
  EXPECT_NE(learnt(fading), learnt(imitating));
  EXPECT_NE(learnt(fading), learnt(alone));
}

}  // namespace
}  // namespace scout
