// What bonuses are known for, on a line.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "scout/train/decisions/test_lab.h"

namespace scout {
namespace {

/// A walk on a line: s' = s + a/2, ten decisions.
Trajectory walk(double from, const std::function<double(double)>& act) {
  Trajectory t{};
  t.coordinates = t.features = t.action_size = 1;
  t.terminated = true;
  double s = from;
  t.states.push_back(static_cast<float>(s));
  for (int k = 0; k < 10; ++k) {
    const double action = act(s);
    s = std::clamp(s + 0.5 * action, -4.0, 4.0);
    t.actions.push_back(static_cast<float>(action));
    t.states.push_back(static_cast<float>(s));
    t.rewards.push_back(0);
  }
  return t;
}

/// Transitions of walks about 0.
Batch walks_about(Lab& lab, int size) {
  Batch batch = random_states(size, 1, lab.random);
  for (std::size_t i = 0; i < batch.states.size(); ++i) {
    batch.states[i] = static_cast<float>(0.3 * lab.random.normal());
    batch.next_states[i] = batch.states[i] + 0.5F * batch.actions[i];
  }
  return batch;
}

/// Mean bonuses of three walks from 0, and of one from elsewhere.
std::pair<double, double> bonuses(Lab& lab, double elsewhere) {
  std::vector<Trajectory> found;
  for (const double from : {0.0, 0.0, 0.0, elsewhere}) {
    found.push_back(walk(from, [&](double) { return lab.random.uniform(-0.1, 0.1); }));
  }
  lab.way->reward(lab.parameters, found);
  double sums[2] = {0, 0};
  for (std::size_t k = 0; k < 4; ++k) {
    for (const float r : found[k].rewards) sums[k == 3] += static_cast<double>(r) / 10;
  }
  return {sums[0] / 3, sums[1]};
}

TEST(Prediction, IsTheErrorOverTheGreatestSoFarAndOverTime) {
  Lab lab("prediction", 1, [](DecisionsOptions& o) {
    o.prediction.scale = 0.5;
    o.prediction.decay = 0.1;
  });
  std::vector<Trajectory> found{walk(1, [](double) { return 0.8; })};
  lab.way->reward(lab.parameters, found);
  EXPECT_FLOAT_EQ(found[0].rewards[0], 0.5F / 0.1F) << "the first error is the greatest so far";
  // The walk goes out to 4 and stays there; what lies farther is foreseen worse by a fresh model.
  for (int k = 1; k < 10; ++k) {
    const auto at = static_cast<std::size_t>(k);
    EXPECT_LE(found[0].rewards[at], 0.5F / 0.1F / static_cast<float>(k + 1) * 1.0001F);
    EXPECT_GT(found[0].rewards[at], 0);
  }
}

TEST(Prediction, NothingIsNewBeforeThereIsANormaliser) {
  for (const char* name : {"prediction", "exemplars"}) {
    Lab lab(name, 1, [](DecisionsOptions& o) {
      if (o.exploration == "exemplars") o.exemplars.warm_up = 0;
    });
    std::fill_n(lab.parameters.begin(), 2, 0.0F);
    std::vector<Trajectory> found{walk(1, [](double) { return 0.8; })};
    lab.way->reward(lab.parameters, found);
    EXPECT_EQ(found[0].rewards, std::vector<float>(10, 0.0F)) << name;
  }
}

TEST(Prediction, RewardsWhatTheModelHasNotSeen) {
  Lab lab("prediction", 1);
  for (int k = 0; k < 500; ++k) lab.update(walks_about(lab, 64));
  bonuses(lab, -3.5);  // the greatest error so far is now one of those
  for (int k = 0; k < 100; ++k) bonuses(lab, 0);
  const auto [here, elsewhere] = bonuses(lab, -3.5);
  EXPECT_GT(here, 0);
  EXPECT_GT(elsewhere, 10 * here);
}

TEST(Exemplars, RewardWhatIsEasilyToldFromTheReplay) {
  Lab lab("exemplars", 1, [](DecisionsOptions& o) { o.exemplars.warm_up = 100; });
  EXPECT_EQ(bonuses(lab, 3), std::pair(0.0, 0.0)) << "not before the discriminator has learnt";
  for (int k = 0; k < 1000; ++k) lab.update(walks_about(lab, 64));  // its exemplars are those walks
  const auto [here, elsewhere] = bonuses(lab, 3);
  EXPECT_NEAR(here, 0, 0.005) << "about the median";
  EXPECT_GT(elsewhere, 0.01);
}

/// How far from 0 the last rounds' episodes get, whose only reward pulls them there.
double farthest(const std::string& exploration, std::uint64_t seed) {
  Lab lab(
      exploration, 1,
      [](DecisionsOptions& o) {
        o.noise = o.noise_high = 0.1;
        o.ddpg.target_rate = 0.02;
        if (o.exploration == "prediction") o.prediction.scale = 10, o.prediction.decay = 1e-2;
        if (o.exploration == "exemplars") o.exemplars.scale = 0.1, o.exemplars.kl = 1e-3, o.exemplars.warm_up = 100;
      },
      seed);
  Replay replay(20000);
  Batch batch;
  batch.outcomes_wanted = true;
  double out = 0;
  DecisionHead::Scratch scratch;
  for (int round = 0; round < 60; ++round) {
    std::vector<Trajectory> found;
    for (int k = 0; k < 8; ++k) {
      Trajectory& t = found.emplace_back(walk(0.2 * lab.random.normal(), [&](double s) {
        const auto row = static_cast<float>(s);
        float decision = 0;
        lab.head.decide(lab.parameters.data(), &row, 1, scratch, &decision);
        return std::clamp(static_cast<double>(decision) + 0.1 * lab.random.normal(), -1.0, 1.0);
      }));
      for (std::size_t i = 0; i < 10; ++i) {
        t.rewards[i] = -0.05F * std::abs(t.states[i + 1]);
        if (round >= 20) out = std::max(out, static_cast<double>(std::abs(t.states[i + 1])));
      }
    }
    lab.way->reward(lab.parameters, found);
    for (Trajectory& t : found) replay.add(std::move(t));
    for (int k = 0; k < 40; ++k) {
      batch.clear(64, 1, 1);
      replay.sample(64, 1, 1.0F, 0, lab.random, batch);
      lab.update(batch);
    }
    lab.way->end_round();
  }
  return out;
}

TEST(Bonuses, LeaveAVisitedRegionSoonerThanNoise) {
  for (const std::uint64_t seed : {1U, 2U}) {
    const double noise = farthest("noise", seed);
    EXPECT_LT(noise, 0.5);
    EXPECT_GT(farthest("prediction", seed), 3);
    EXPECT_GT(farthest("exemplars", seed), 3 * noise);
  }
}

}  // namespace
}  // namespace scout
