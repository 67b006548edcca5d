#include "scout/train/ddpg/replay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "scout/base/archive.h"

namespace scout {
namespace {

/// The state of step t, coordinate c is {100 t + c, tag}, the action t + c/10, the reward (t + 1)(c + 1).
Trajectory numbered(int steps, int coordinates, float tag = 0) {
  Trajectory t;
  t.coordinates = coordinates;
  t.features = 2;
  t.action_size = 1;
  for (int s = 0; s <= steps; ++s) {
    for (int c = 0; c < coordinates; ++c) {
      t.states.push_back(static_cast<float>(100 * s + c));
      t.states.push_back(tag);
      if (s == steps) continue;
      t.actions.push_back(static_cast<float>(s) + static_cast<float>(c) / 10);
      t.rewards.push_back(static_cast<float>((s + 1) * (c + 1)));
    }
  }
  return t;
}

Batch sample(const Replay& replay, int count, int n_step, float gamma, int rows = 0) {
  Batch batch;
  batch.clear(count, 2, 1);
  Random random(Seed(1));
  replay.sample(count, n_step, gamma, rows, random, batch);
  return batch;
}

/// The trajectories that are kept, oldest first: steps and tag of each.
std::vector<std::pair<int, float>> kept(const Replay& replay) {
  ArchiveWriter writer;
  writer(replay);
  const Bytes bytes = writer.take();
  ArchiveReader reader(bytes);
  std::vector<Trajectory> trajectories;
  reader(trajectories);
  std::vector<std::pair<int, float>> out;
  for (const Trajectory& t : trajectories) out.emplace_back(t.steps(), t.states[1]);
  return out;
}
using Kept = std::vector<std::pair<int, float>>;

TEST(Replay, SumsDiscountedRewardsOverNSteps) {
  Replay replay(100);
  replay.add(numbered(6, 2));
  const Batch batch = sample(replay, 200, 3, 0.5F);
  ASSERT_EQ(batch.size(), 200);
  std::set<int> firsts;
  for (int b = 0; b < batch.size(); ++b) {
    ASSERT_EQ(batch.begin[static_cast<std::size_t>(b) + 1], 2 * (b + 1));
    const auto row = static_cast<std::size_t>(2 * b);
    const int first = static_cast<int>(batch.states[2 * row]) / 100;
    const int last = std::min(first + 3, 6);  // returns stop where the trajectory ends
    firsts.insert(first);
    float expected = 0;
    float discount = 1;
    for (int s = first; s < last; ++s, discount *= 0.5F) expected += discount * static_cast<float>(s + 1);
    EXPECT_FLOAT_EQ(batch.returns[row], expected);
    EXPECT_FLOAT_EQ(batch.returns[row + 1], 2 * expected);
    EXPECT_FLOAT_EQ(batch.discounts[static_cast<std::size_t>(b)], discount);
    EXPECT_FLOAT_EQ(batch.next_states[2 * row], static_cast<float>(100 * last));
    EXPECT_FLOAT_EQ(batch.next_states[2 * row + 2], static_cast<float>(100 * last + 1));
    EXPECT_FLOAT_EQ(batch.actions[row + 1], static_cast<float>(first) + 0.1F);
  }
  EXPECT_EQ(firsts.size(), 6U);
}

TEST(Replay, SumsDiscountedRewardsToTheEndIfOutcomesAreWanted) {
  Replay replay(100);
  replay.add(numbered(6, 2));
  EXPECT_TRUE(sample(replay, 20, 1, 0.5F).outcomes.empty());
  Batch batch;
  batch.outcomes_wanted = true;
  batch.clear(50, 2, 1);
  Random random(Seed(1));
  replay.sample(50, 1, 0.5F, 0, random, batch);
  ASSERT_EQ(batch.outcomes.size(), batch.returns.size());
  for (std::size_t row = 0; row < batch.outcomes.size(); ++row) {
    const int first = static_cast<int>(batch.states[2 * row]) / 100;
    const int c = static_cast<int>(batch.states[2 * row]) % 100;
    double expected = 0;
    for (int s = 5; s >= first; --s) expected = (s + 1) * (c + 1) + 0.5 * expected;
    EXPECT_FLOAT_EQ(batch.outcomes[row], static_cast<float>(expected));
  }
}

TEST(Replay, BootstrapsThroughTruncationButNotThroughTermination) {
  for (bool terminated : {false, true}) {
    Replay replay(100);
    Trajectory t = numbered(4, 1);
    t.terminated = terminated;
    replay.add(t);
    const Batch batch = sample(replay, 100, 2, 0.9F);
    for (int b = 0; b < batch.size(); ++b) {
      const auto i = static_cast<std::size_t>(b);
      const int first = static_cast<int>(batch.states[2 * i]) / 100;
      const bool at_end = first + 2 >= 4;
      const float discount = first == 3 ? 0.9F : 0.9F * 0.9F;
      EXPECT_FLOAT_EQ(batch.discounts[i], terminated && at_end ? 0.0F : discount) << first;
    }
  }
}

TEST(Replay, DropsTheOldest) {
  Replay replay(10);
  for (int k = 0; k < 5; ++k) replay.add(numbered(4, 1, static_cast<float>(k)));
  EXPECT_EQ(replay.size(), 8U);
  EXPECT_EQ(kept(replay), (Kept{{4, 3}, {4, 4}}));
  replay.add(numbered(4, 1, 5));
  EXPECT_EQ(kept(replay), (Kept{{4, 4}, {4, 5}}));
  std::set<float> sampled;
  const Batch batch = sample(replay, 200, 1, 1);
  for (std::size_t i = 0; i < 200; ++i) sampled.insert(batch.states[2 * i + 1]);
  EXPECT_EQ(sampled, (std::set<float>{4, 5})) << "what is sampled is what is kept";
}

TEST(Replay, NeverHoldsMoreThanItsCapacity) {
  Replay replay(10);
  for (int k = 0; k < 40; ++k) {
    replay.add(numbered(1 + (7 * k) % 5, 1, static_cast<float>(k)));
    EXPECT_LE(replay.size(), 10U) << k;
    EXPECT_EQ(kept(replay).back().second, static_cast<float>(k));
  }
}

TEST(Replay, IsTheSameAfterItWasSaved) {
  Replay replay(10), restored(10);
  for (int k = 0; k < 5; ++k) replay.add(numbered(3 + k % 2, 2, static_cast<float>(k)));
  restored.add(numbered(6, 2, 77));
  ArchiveWriter writer;
  writer(replay);
  const Bytes bytes = writer.take();
  ArchiveReader reader(bytes);
  reader(restored);
  reader.finish();
  EXPECT_EQ(restored.size(), replay.size());
  EXPECT_EQ(kept(restored), kept(replay));
  const Batch one = sample(replay, 50, 3, 0.9F, 1), other = sample(restored, 50, 3, 0.9F, 1);
  EXPECT_EQ(one.states, other.states);
  EXPECT_EQ(one.returns, other.returns);
  EXPECT_EQ(one.actions, other.actions);
}

TEST(Replay, SamplesStepsUniformlyWhateverTheTrajectory) {
  Replay replay(100);
  replay.add(numbered(1, 1, 0));
  replay.add(numbered(9, 1, 1));
  const Batch batch = sample(replay, 20000, 1, 1.0F);
  std::map<float, int> count;
  for (std::size_t i = 0; i < 20000; ++i) ++count[batch.states[2 * i + 1]];
  EXPECT_NEAR(count[0], 2000, 200);
}

TEST(Replay, TakesARandomSubsetOfRows) {
  Replay replay(100);
  replay.add(numbered(3, 5));
  const Batch batch = sample(replay, 3000, 1, 1.0F, 2);
  std::map<int, int> count;
  for (int b = 0; b < batch.size(); ++b) {
    ASSERT_EQ(batch.begin[static_cast<std::size_t>(b) + 1] - batch.begin[static_cast<std::size_t>(b)], 2);
    const auto row = static_cast<std::size_t>(batch.begin[static_cast<std::size_t>(b)]);
    const int one = static_cast<int>(batch.states[2 * row]) % 100;
    const int other = static_cast<int>(batch.states[2 * row + 2]) % 100;
    EXPECT_NE(one, other);
    ++count[one];
    ++count[other];
  }
  for (const auto& [row, times] : count) EXPECT_NEAR(times, 1200, 150) << row;
  EXPECT_EQ(count.size(), 5U);
}

TEST(Replay, IgnoresAnEmptyTrajectory) {
  Replay replay(10);
  replay.add(numbered(0, 1));
  EXPECT_EQ(replay.size(), 0U);
}

}  // namespace
}  // namespace scout
