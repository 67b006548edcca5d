#include "scout/train/learner/rollout.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "scout/policy/test_policy.h"
#include "scout/problem/catalog/family.h"

namespace scout {
namespace {

const EpisodeOptions kEpisode{.step_scale = 0.5, .credit_by_coordinate = false};

/// A run of seven, with noise or without.
RunRequest request(std::uint64_t k, const std::shared_ptr<const Stepper>& stepper, bool noisy = true) {
  RunRequest out{.instance = family("rastrigin")->sample(Split::train, k, 3), .stepper = stepper};
  Random random(Seed(2).derive(k));
  out.start.resize(3);
  out.instance->sample_start(random, out.start);
  out.plan.horizon = 10;
  if (noisy) out.mover = action_noise({.deviation = 0.1}, random);
  out.judge = true;
  return out;
}

TEST(RollOut, DependsNeitherOnThreadsNorOnWhatRunsInStep) {
  const auto stepper = untrained({.hidden = {8, 8}}, 1)->stepper();
  const auto run = [&](int threads, std::size_t together) {
    ThreadTeam team(threads);
    std::vector<Rollout> rollouts;
    for (std::size_t k = 0; k < 7; ++k) {
      if (k % together == 0) rollouts.emplace_back();
      rollouts.back().runs.push_back(request(k, stepper));
    }
    roll_out(rollouts, kEpisode, team);
    std::vector<double> values;
    std::int64_t evaluations = 0;
    for (const Rollout& rollout : rollouts) {
      for (const RunResult& result : rollout.results) values.push_back(result.value);
      evaluations += rollout.evaluations;
    }
    EXPECT_EQ(evaluations, 7 * 11);
    return values;
  };
  const auto alone = run(1, 1);
  ASSERT_EQ(alone.size(), 7U);
  for (const int threads : {1, 2, 3, 7, 9}) {
    for (const std::size_t together : {1, 2, 7}) {
      EXPECT_EQ(run(threads, together), alone) << threads << " threads, " << together << " in step";
    }
  }
}

TEST(Dealt, EveryThreadHasNeighbours) {
  const auto stepper = untrained({.hidden = {8, 8}}, 1)->stepper();
  const auto sizes = [&](std::size_t count, int threads) {
    std::vector<RunRequest> runs;
    for (std::size_t k = 0; k < count; ++k) runs.push_back(request(k, stepper));
    std::vector<std::size_t> out;
    std::size_t next = 0;
    for (const Rollout& rollout : dealt(runs, threads)) {
      out.push_back(rollout.runs.size());
      for (const RunRequest& run : rollout.runs) EXPECT_EQ(run.start, runs[next++].start) << "in their order";
    }
    EXPECT_EQ(next, count) << "each once";
    return out;
  };
  EXPECT_EQ(sizes(7, 2), (std::vector<std::size_t>{3, 4}));
  EXPECT_EQ(sizes(7, 1), (std::vector<std::size_t>{7}));
  EXPECT_EQ(sizes(2, 5), (std::vector<std::size_t>{1, 1}));
  EXPECT_TRUE(sizes(0, 3).empty());
}

TEST(AddEnsemble, TheFirstIsObserved) {
  const auto stepper = untrained({.hidden = {8, 8}}, 1)->stepper();
  std::vector<std::string> heard;
  std::vector<Rollout> rollouts = dealt({request(0, stepper)}, 2);
  for (const char* name : {"a", "b"}) {
    add_ensemble(rollouts,
                 {.instance = request(0, stepper).instance,
                  .stepper = stepper,
                  .episode = kEpisode,
                  .plan = {.horizon = 4},
                  .seed = Seed(7)},
                 {.explorers = 2}, name,
                 [&](const std::string& instance, const ExplorerEvent&) { heard.push_back(instance); });
  }
  ASSERT_EQ(rollouts.size(), 3U);
  ThreadTeam team(2);
  roll_out(rollouts, kEpisode, team);
  ASSERT_FALSE(heard.empty());
  EXPECT_EQ(std::ranges::count(heard, "a"), static_cast<std::ptrdiff_t>(heard.size())) << "the second one is not";

  Findings found;
  for (Rollout& rollout : rollouts) found.add(rollout, found.policy);
  EXPECT_EQ(found.episodes, 1);
  EXPECT_EQ(found.ensembles, 2);
  EXPECT_TRUE(found.policy.empty()) << "nothing was recorded of the episode";
  EXPECT_EQ(found.explorers.size(), 4U);
  Findings totals;
  totals.add_totals(found);
  totals.add_totals(found);
  EXPECT_EQ(totals.ensembles, 4);
  EXPECT_EQ(totals.episodes, 2);
  EXPECT_TRUE(totals.explorers.empty());
}

TEST(RollOut, GoesOnWithAnUnfinishedEpisode) {
  const auto stepper = untrained({.hidden = {8, 8}}, 1)->stepper();
  ThreadTeam team(1);
  std::vector<Rollout> whole(1), parts(1);
  whole[0].runs.push_back(request(3, stepper, false));
  whole[0].runs[0].recording.all = true;
  roll_out(whole, kEpisode, team);
  EXPECT_EQ(whole[0].results[0].episode, nullptr);

  parts[0].runs.push_back(request(3, stepper, false));
  parts[0].runs[0].keep = true;
  parts[0].runs[0].steps = 4;
  parts[0].runs[0].recording.all = true;
  roll_out(parts, kEpisode, team);
  const std::shared_ptr<Episode> episode = parts[0].results[0].episode;
  ASSERT_NE(episode, nullptr);
  EXPECT_EQ(episode->steps(), 4);
  EXPECT_EQ(parts[0].results[0].trajectory.steps(), 4);
  EXPECT_EQ(parts[0].evaluations, 5);

  std::vector<Rollout> rest(1);
  RunRequest& request_rest = rest[0].runs.emplace_back();
  request_rest.judge = true;
  request_rest.unfinished = episode;
  roll_out(rest, kEpisode, team);
  EXPECT_EQ(rest[0].results[0].value, whole[0].results[0].value);
  EXPECT_EQ(rest[0].results[0].episode, episode);
  EXPECT_EQ(parts[0].evaluations + rest[0].evaluations, whole[0].evaluations);
}

TEST(RollOut, ReturnsAreSummedOverStepsAndAveragedOverCoordinates) {
  const auto stepper = untrained({.hidden = {8, 8}}, 1)->stepper();
  ThreadTeam team(1);
  std::vector<Rollout> rollouts(1);
  for (std::uint64_t k = 0; k < 3; ++k) {
    rollouts[0].runs.push_back(request(k, stepper));
    rollouts[0].runs.back().recording.all = k > 0;
  }
  roll_out(rollouts, kEpisode, team);
  EXPECT_EQ(rollouts[0].results[0].mean_return, 0) << "nothing was recorded";
  for (std::size_t k = 1; k < 3; ++k) {
    const RunResult& result = rollouts[0].results[k];
    double sum = 0;
    for (const float reward : result.trajectory.rewards) sum += static_cast<double>(reward);
    EXPECT_EQ(result.mean_return, sum / 3);
    const RewardOptions reward;
    EXPECT_NEAR(sum / 3, std::log(1 + reward.floor) - std::log(result.share + reward.floor), 1e-4);
  }
}

TEST(RollOut, LogSharesAreBounded) {
  EXPECT_EQ(log_share(0.5, 0), std::log(0.5));
  EXPECT_EQ(log_share(0, 1e-5), std::log(1e-5));
  EXPECT_EQ(log_share(std::numeric_limits<double>::infinity(), 1e-5), std::log(10.0));
}

}  // namespace
}  // namespace scout
