#include "scout/train/episode/episode.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "scout/policy/rule/action.h"
#include "scout/train/episode/test_episode.h"

namespace scout {
namespace {

std::vector<double> copy(std::span<const double> numbers) { return {numbers.begin(), numbers.end()}; }

TEST(Episode, StepsByDecodedActions) {
  Episode episode = episode_on(separable(3), rewards(), true);
  EXPECT_DOUBLE_EQ(episode.scale(), kStepScale * 10);
  std::vector<float> taken;
  const auto trajectory = wander(episode, 5, [&](int, const auto& before, const auto& actions) {
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_DOUBLE_EQ(episode.theta()[i], before[i] + 2 * static_cast<double>(decode_action(actions[i])));
      taken.push_back(actions[i]);
    }
  });
  EXPECT_EQ(trajectory.steps(), 5);
  EXPECT_EQ(trajectory.coordinates, 3);
  EXPECT_EQ(trajectory.action_size, 1);
  EXPECT_EQ(trajectory.states.size(), 6 * 3 * episode.run().features());
  ASSERT_EQ(trajectory.actions.size(), taken.size());
  for (std::size_t k = 0; k < taken.size(); ++k) EXPECT_EQ(std::abs(trajectory.actions[k]), std::abs(taken[k]));
  EXPECT_TRUE(trajectory.terminated);
  EXPECT_EQ(episode.steps(), 5);
  EXPECT_TRUE(episode.over());
}

TEST(Episode, RecordsActionsInTheActorsFrame) {
  const RuleOptions rule{.hidden = {8}};
  const auto policy = untrained(rule, 1);
  const Actor& actor = *policy->rule()->actor();
  Episode episode = episode_on(separable(3), rewards(), true, 12, rule);
  episode.start(kStart, {.all = true});
  finish(episode);
  const Trajectory trajectory = episode.take_trajectory();
  Actor::Trace trace;
  std::vector<float> actions(36);
  actor.forward(policy->parameters().data(), trajectory.states.data(), 36, trace, actions.data());
  EXPECT_EQ(trajectory.actions, actions);
}

TEST(Episode, RecordsSomeCoordinatesAsItRecordsAll) {
  Trajectory all, some;
  for (Trajectory* out : {&all, &some}) {
    Episode episode = episode_on(separable(3), rewards(), false, 6);
    episode.start(kStart, out == &all ? Recording{.all = true} : Recording{.rows = {2, 0}});
    finish(episode);
    *out = episode.take_trajectory();
  }
  ASSERT_EQ(some.coordinates, 2);
  ASSERT_EQ(some.steps(), 6);
  const auto features = static_cast<std::size_t>(all.features);
  for (std::size_t t = 0; t < 7; ++t) {
    for (std::size_t k = 0; k < 2; ++k) {
      const std::size_t row = k == 0 ? 2 : 0;
      const float* const state = &all.states[(3 * t + row) * features];
      EXPECT_TRUE(std::equal(state, state + features, &some.states[(2 * t + k) * features]));
      if (t == 6) continue;
      EXPECT_EQ(some.actions[2 * t + k], all.actions[3 * t + row]);
      EXPECT_EQ(some.rewards[2 * t + k], all.rewards[3 * t + row]);
    }
  }
}

TEST(Episode, TheHorizonEndsTheTaskOrTruncatesIt) {
  for (const bool finite : {true, false}) {
    RewardOptions options = rewards();
    options.finite = finite;
    Episode episode = episode_on(separable(3), options, true);
    EXPECT_EQ(wander(episode, 3, [](auto&&...) {}).terminated, finite);
    episode.start(kStart, {.all = true}, 5);
    step(episode);
    EXPECT_FALSE(episode.take_trajectory().terminated) << "cut off before its end";
  }
}

TEST(Episode, IsJudgedByItsBestPoint) {
  Episode episode = episode_on(separable(3), rewards(), true);
  double best = std::numeric_limits<double>::infinity();
  std::vector<double> point;
  wander(episode, 20, [&](int, const auto&, const auto&) {
    EXPECT_EQ(episode.best_is_new(), episode.value() < std::min(best, episode.start_gap()));
    if (episode.value() < best) point = copy(episode.theta());
    best = std::min(best, episode.value());
  });
  ASSERT_LT(best, episode.start_gap());
  EXPECT_EQ(episode.best_value(), best);
  EXPECT_EQ(copy(episode.best_point()), point);
  EXPECT_EQ(episode.final_share(), best / episode.start_gap());
  EXPECT_EQ(episode.final_value(), best) << "of value scale 1";
}

TEST(Episode, EachUpdateSeesAMinibatchOfItsOwn) {
  const std::shared_ptr<const Instance> instance = family("mlp-spirals:hidden=4")->sample(Split::train, 0, 0);
  Episode episode = episode_on(instance, rewards(), true, 3);
  Random random(Seed(5));
  std::vector<double> theta(static_cast<std::size_t>(instance->dimension()));
  instance->sample_start(random, theta);
  const std::vector<float> still(theta.size(), 0.0F);
  for (int run = 0; run < 2; ++run) {  // a second run begins with the same draws
    episode.start(theta);
    for (std::uint64_t draw = 0; draw < 3; ++draw) {
      double f = 0;
      instance->evaluate_minibatch(draw, theta, {&f, 1}, {});
      EXPECT_EQ(episode.value(), f);
      step_by(episode, still);
    }
  }
}

TEST(Episode, RunsTogetherAreTheRunsApart) {
  // The steppers differ, and so do horizons and recordings.
  const auto instance = separable(3);
  const auto other = std::make_shared<TestInstance>(shifted_sphere(5));
  const auto make = [&] {
    std::vector<Episode> out;
    out.push_back(episode_on(instance, rewards(), true, 9));
    out.push_back(episode_on(other, rewards(), true, 7));
    out.push_back(episode_on(instance, rewards(), true, 4, {.hidden = {6}}));
    out[0].start(kStart, {.all = true});
    out[1].start(first_start(*other), {.rows = {1}});
    out[2].start(kStart);
    return out;
  };
  std::vector<Episode> together = make(), apart = make();
  std::vector<Episode*> all;
  for (Episode& e : together) all.push_back(&e);
  run(all);
  for (Episode& e : apart) finish(e);
  for (std::size_t k = 0; k < together.size(); ++k) {
    EXPECT_EQ(together[k].steps(), together[k].horizon());
    EXPECT_EQ(copy(together[k].theta()), copy(apart[k].theta())) << k;
    EXPECT_EQ(together[k].best_value(), apart[k].best_value()) << k;
    EXPECT_EQ(together[k].evaluations(), apart[k].evaluations()) << k;
    const Trajectory one = together[k].take_trajectory(), two = apart[k].take_trajectory();
    EXPECT_EQ(one.rewards, two.rewards) << k;
    EXPECT_EQ(one.states, two.states) << k;
    EXPECT_EQ(one.actions, two.actions) << k;
  }
}

// --- Rules for weights

class WeightEpisode : public testing::Test {
 protected:
  Episode episode(double step_scale, int horizon) const {
    return {instance_, weight_stepper(step_scale), {.weights = true}, {.horizon = horizon}};
  }
  std::vector<double> start() const { return first_start(*instance_); }

  const std::shared_ptr<const Instance> instance_ = family("mlp-blobs:hidden=5,batch=16")->sample(Split::train, 0, 0);
};

TEST_F(WeightEpisode, RecordsWhatTheActorWouldHaveDone) {
  const auto rule = make_rule({.rule = "weight", .hidden = {6}, .step_scale = 0.02});
  Random random(Seed(2));
  std::vector<float> parameters(rule->parameter_count());
  for (float& w : parameters) w = 0.3F * static_cast<float>(random.normal());
  Episode e(instance_, rule->with(parameters), {.weights = true}, {.horizon = 6});
  const std::vector<std::size_t> sampled{0, 7, 7, static_cast<std::size_t>(instance_->dimension()) - 1};
  e.start(start(), {.rows = sampled});
  EXPECT_TRUE(std::equal(sampled.begin(), sampled.end(), e.recorded().begin(), e.recorded().end()));
  finish(e);
  EXPECT_EQ(e.steps(), 6);
  const Trajectory trajectory = e.take_trajectory();
  EXPECT_TRUE(trajectory.terminated);
  ASSERT_EQ(trajectory.coordinates, 4);
  ASSERT_EQ(trajectory.steps(), 6);
  const Actor& actor = *rule->actor();
  ASSERT_EQ(trajectory.features, actor.features());
  ASSERT_EQ(trajectory.states.size(), static_cast<std::size_t>(7 * 4 * actor.features()));
  Actor::Trace trace;
  std::vector<float> actions(24);
  actor.forward(parameters.data(), trajectory.states.data(), 24, trace, actions.data());
  for (std::size_t k = 0; k < actions.size(); ++k) EXPECT_NEAR(trajectory.actions[k], actions[k], 2e-3) << k;
}

TEST_F(WeightEpisode, WhatIsToldIsSeen) {
  const auto states = [&](const EpisodePlan& plan) {
    Episode e(instance_, weight_stepper(0.02), {.weights = true}, plan);
    e.start(start(), {.rows = {0, 5}});
    finish(e);
    return e.take_trajectory().states;
  };
  const auto all = states({.horizon = 5});
  EXPECT_EQ(states({.horizon = 5}), all);
  EXPECT_NE(states({.horizon = 5, .tell_horizon = false}), all);
  EXPECT_NE(states({.horizon = 5, .tell_loss = false}), all);
}

TEST_F(WeightEpisode, MovesChangeTheStepAndWhatIsRecorded) {
  Episode e = episode(0.02, 3);
  const auto theta = start();
  e.start(theta, {.rows = {2}});
  step(e, [](Episode& moved) {
    const std::span<float> delta = moved.run().actions();
    std::fill(delta.begin(), delta.end(), 0.0F);
    delta[3] = 0.5F;
  });
  for (std::size_t i = 0; i < theta.size(); ++i) EXPECT_EQ(e.theta()[i], theta[i] + (i == 3 ? 0.5 : 0.0));
  EXPECT_EQ(e.take_trajectory().actions.front(), 0);
}

TEST_F(WeightEpisode, RunsTogetherAreTheRunsApart) {
  // Nets of this kind go one by one, so that even rounding is the same; the last has another policy, horizon and no record.
  std::vector<Episode> together, apart;
  for (auto* runs : {&together, &apart}) {
    runs->push_back(episode(0.02, 6));
    runs->push_back(episode(0.01, 4));
    for (Episode& e : *runs) e.start(start(), &e == &runs->front() ? Recording{.rows = {1, 2}} : Recording{});
  }
  std::vector<Episode*> all{&together[0], &together[1]};
  run(all);
  for (Episode& e : apart) finish(e);
  for (std::size_t k = 0; k < 2; ++k) {
    EXPECT_EQ(together[k].steps(), k == 0 ? 6 : 4);
    EXPECT_EQ(together[k].steps(), apart[k].steps());
    EXPECT_EQ(together[k].evaluations(), apart[k].evaluations());
    EXPECT_EQ(copy(together[k].theta()), copy(apart[k].theta()));
    EXPECT_EQ(together[k].value(), apart[k].value());
  }
  const Trajectory recorded = together[0].take_trajectory();
  const Trajectory alone = apart[0].take_trajectory();
  ASSERT_EQ(recorded.steps(), 6);
  EXPECT_EQ(recorded.rewards, alone.rewards);
  EXPECT_EQ(recorded.states, alone.states);
  EXPECT_EQ(recorded.actions, alone.actions);
}

TEST_F(WeightEpisode, CountsEvaluationsAndIsJudgedByItsLastPoint) {
  Episode silent = episode(0.02, 4);
  silent.start(start());
  finish(silent);
  EXPECT_EQ(silent.evaluations(), 5);
  EXPECT_NEAR(silent.final_share(), instance_->true_value(silent.theta()) / instance_->true_value(start()), 1e-12);
  EXPECT_EQ(silent.evaluations(), 7);
  EXPECT_EQ(silent.final_value(), instance_->true_value(silent.theta()));
  Episode recorded = episode(0.02, 4);
  recorded.start(start(), {.rows = {1}});
  finish(recorded);
  EXPECT_EQ(recorded.evaluations(), 9) << "credit needs the gradient before the step on the next minibatch too";
  EXPECT_EQ(copy(silent.theta()), copy(recorded.theta())) << "it changes nothing";
}

TEST(WeightEpisodes, EndWhereNothingIsFinite) {
  const auto breaks = std::make_shared<TestInstance>(2, [](std::span<const double> theta, std::span<double> gradient) {
    for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = theta[i];
    return theta[0] < 0.95 ? std::numeric_limits<double>::quiet_NaN() : 1.0;
  });
  Episode e(breaks, weight_stepper(0.02), {.weights = true}, {.horizon = 10});
  e.start(std::vector<double>{1, 2}, {.rows = {0, 1}});
  finish(e);
  EXPECT_EQ(e.steps(), 2);
  EXPECT_TRUE(e.over());
  EXPECT_TRUE(e.failed());
  ASSERT_EQ(e.last_rewards().size(), 2U);
  EXPECT_EQ(e.last_rewards()[0], -1);
  EXPECT_EQ(e.last_rewards()[1], -1);
  finish(e);
  EXPECT_EQ(e.steps(), 2) << "nothing happens once the run is over";
  EXPECT_EQ(e.final_share(), std::numeric_limits<double>::infinity()) << "NaN is no success";
  const Trajectory trajectory = e.take_trajectory();
  EXPECT_TRUE(trajectory.terminated);
  EXPECT_EQ(trajectory.steps(), 2);
  for (float x : trajectory.states) EXPECT_TRUE(std::isfinite(x));
}

TEST(EpisodeDecisions, RewardsTelescopeToWhatTheRunIsWorth) {
  const auto instance = separable(4);
  for (const bool weights : {false, true}) {
    const auto policy = deciding_policy(
        40, {.rule = weights ? "weight" : "coordinate", .hidden = {8}, .step_scale = 0.1, .decisions = weights ? 12 : 5});
    Episode episode(instance, policy->stepper(), {.weights = weights, .step_scale = 0.1}, {.horizon = 40});
    const DecisionReward reward{.knee = 0.5};
    episode.start(first_start(*instance), {.decisions = reward});
    finish(episode);
    const Trajectory t = episode.take_trajectory();
    EXPECT_NO_THROW(t.check());
    EXPECT_TRUE(t.terminated);
    EXPECT_EQ(t.coordinates, 1) << "one tensor, or one run";
    EXPECT_GE(t.steps(), 3);
    if (weights) continue;
    EXPECT_EQ(t.steps(), 5);
    EXPECT_EQ(t.features, policy->rule()->decisions()->inputs());
    const double sum = std::accumulate(t.rewards.begin(), t.rewards.end(), 0.0);
    EXPECT_NEAR(sum, reward.worth(episode.final_share()) - reward.worth(1), 1e-5);
    for (const float r : t.rewards) EXPECT_GE(r, 0) << "the best point gets no worse";
  }
}

TEST(EpisodeDecisions, AMoverChangesWhatIsRecordedAndDone) {
  const auto instance = separable(4);
  const auto policy = deciding_policy(40);
  const auto end_of = [&](float shift) {
    Episode episode(instance, policy->stepper(), {.step_scale = 0.7}, {.horizon = 40});
    episode.start(first_start(*instance), {.decisions = DecisionReward{}});
    Episode* const alone = &episode;
    ProposalScratch scratch;
    const Moves moves{.decide = [&](Episode& e) {
      for (float& a : e.run().decision()) a = std::clamp(a + shift, -1.0F, 1.0F);
    }};
    while (!episode.over()) Episode::step({&alone, 1}, scratch, moves);
    return std::pair(episode.best_value(), episode.take_trajectory().actions);
  };
  const auto [plain, actions] = end_of(0);
  const auto [moved, moved_actions] = end_of(0.4F);
  EXPECT_NE(plain, moved);
  ASSERT_EQ(actions.size(), moved_actions.size());
  EXPECT_NEAR(moved_actions[0], std::clamp(actions[0] + 0.4F, -1.0F, 1.0F), 1e-6F);
}

TEST(DecisionReward, CountsDecadesAndThoseBeyondTheKneeLess) {
  const DecisionReward reward{.floor = 1e-8, .knee = 1.5, .slope = 0.25};
  EXPECT_NEAR(reward.worth(1), 0, 1e-6);
  EXPECT_NEAR(reward.worth(0.1), 1, 1e-5);
  EXPECT_NEAR(reward.worth(1e-3), 1.5 + 0.25 * 1.5, 1e-4);
  EXPECT_NEAR(reward.worth(0), 1.5 + 0.25 * 6.5, 1e-6);
}

TEST(Episode, GoesOnFromItsStateWithOtherParameters) {
  const RuleOptions rule{.hidden = {8}};
  const std::shared_ptr<const Instance> instance = family("rastrigin")->sample(Split::train, 1, 3);
  const auto stepper = untrained(rule, 1)->stepper(), other = untrained(rule, 2)->stepper();
  const EpisodePlan plan{.horizon = 20};
  std::vector<std::vector<double>> ends;
  for (const bool saved : {false, true}) {
    auto episode = std::make_unique<Episode>(instance, stepper, EpisodeOptions{}, plan);
    episode->start(first_start(*instance));
    for (int t = 0; t < 7; ++t) step(*episode);
    if (saved) {
      ArchiveWriter writer;
      episode->save(writer);
      const Bytes state = writer.take();
      ArchiveReader reader(state);
      episode = std::make_unique<Episode>(instance, other, EpisodeOptions{}, EpisodePlan{});
      episode->restore(reader);
      reader.finish();
      EXPECT_EQ(episode->horizon(), 20);
    } else {
      episode->act_with(other);
    }
    EXPECT_EQ(episode->steps(), 7);
    finish(*episode);
    EXPECT_EQ(episode->evaluations(), 21);
    ends.emplace_back(episode->theta().begin(), episode->theta().end());
    ends.back().push_back(episode->final_share());
  }
  EXPECT_EQ(ends[0], ends[1]);
}

TEST(Episode, RefusesTheStateOfAnotherOne) {
  const auto state_of = [](int dimension, const Recording& recording) {
    const std::shared_ptr<const Instance> instance = family("rastrigin")->sample(Split::train, 1, dimension);
    Episode episode(instance, untrained_stepper(), EpisodeOptions{}, {.horizon = 5});
    episode.start(first_start(*instance), recording);
    ArchiveWriter writer;
    episode.save(writer);
    return writer.take();
  };
  EXPECT_THROW(state_of(3, {.all = true}), std::logic_error);
  const Bytes state = state_of(3, {});
  Episode other(family("rastrigin")->sample(Split::train, 1, 4), untrained_stepper(), EpisodeOptions{}, {});
  ArchiveReader reader(state);
  EXPECT_THROW(other.restore(reader), std::runtime_error);
}

}  // namespace
}  // namespace scout
