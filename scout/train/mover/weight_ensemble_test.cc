#include "scout/train/mover/weight_ensemble.h"
#include "scout/problem/catalog/family.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "scout/optimizer/test_policy.h"

namespace scout {
namespace {

class WeightEnsembleTest : public testing::Test {
 protected:
  WeightEnsembleTest() {
    options_.explorers = 3;
    options_.step = 0.1;
    options_.step_end = 1e-3;
  }
  WeightEnsemble ensemble(const std::string& directions, std::uint64_t seed = 1, EnsembleShare share = {}) {
    options_.directions = directions;
    return {instance_, stepper_, {.horizon = 30}, options_, 4, Seed(seed), share};
  }

  const std::shared_ptr<const Policy> policy_ = untrained_network_policy();
  const std::shared_ptr<const WeightStepper> stepper_ =
      std::make_shared<WeightStepper>(policy_->weight_rule(), policy_->parameters(), 0.03);
  const std::shared_ptr<const Instance> instance_ = family("mlp-blobs:hidden=6,batch=16")->sample(Split::train, 0, 0);
  ExplorerOptions options_;
};

TEST_F(WeightEnsembleTest, RecordsEachExplorer) {
  for (const char* directions : {"weights", "tensor", "orthogonal", "all"}) {
    WeightEnsemble one = ensemble(directions);
    const auto trajectories = one.run();
    EXPECT_EQ(static_cast<int>(trajectories.size()), 3 + one.summary().resets) << directions;
    EXPECT_EQ(one.summary().coordinate_moves + one.summary().gradient_moves, 3 * 30) << directions;
    EXPECT_GT(one.summary().coordinate_moves, 10) << directions;
    EXPECT_GT(one.evaluations(), 2 * 3 * 30) << directions;
    for (const Trajectory& t : trajectories) {
      EXPECT_EQ(t.rows, 4);
      for (float a : t.moves) EXPECT_LE(std::abs(a), 1);
      for (float r : t.rewards) EXPECT_TRUE(std::isfinite(r));
    }
    WeightEnsemble same = ensemble(directions), other = ensemble(directions, 2);
    EXPECT_EQ(same.run().front().moves, trajectories.front().moves) << directions;
    EXPECT_NE(other.run().front().moves, trajectories.front().moves) << directions;
  }
}

TEST_F(WeightEnsembleTest, NoTwoExplorersHoldTheSameWeight) {
  options_.reset = false;
  std::set<std::size_t> held;
  int count = 0;
  for (int member : {0, 1}) {
    WeightEnsemble part = ensemble("weights", 1, {member, 2});
    part.run();
    for (const auto& weights : part.recorded_weights()) {
      held.insert(weights.begin(), weights.end());
      count += static_cast<int>(weights.size());
    }
  }
  EXPECT_EQ(count, 2 * 3 * 4);
  EXPECT_EQ(static_cast<int>(held.size()), count);
}

TEST_F(WeightEnsembleTest, WithoutMovesOfItsOwnItFollowsThePolicy) {
  options_.coordinate_moves = false;
  options_.reset = false;
  options_.directions = "weights";
  WeightEnsemble follower(instance_, stepper_, {.horizon = 30}, options_, 4, Seed(1));
  const auto trajectories = follower.run();
  const Actor actor(policy_->weight_rule());
  Actor::Trace trace;
  std::vector<float> actions(30 * 4);
  for (const Trajectory& t : trajectories) {
    actor.forward(policy_->parameters().data(), t.states.data(), 30 * 4, trace, actions.data());
    for (std::size_t k = 0; k < actions.size(); ++k) EXPECT_NEAR(t.moves[k], actions[k], 2e-3);
  }
}

}  // namespace
}  // namespace scout
