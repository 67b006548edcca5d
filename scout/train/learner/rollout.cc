#include "scout/train/learner/rollout.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

namespace scout {
namespace {

void run_ensemble(Rollout& rollout) {
  Ensemble ensemble(*rollout.ensemble, rollout.explorers);
  rollout.trajectories = ensemble.run(rollout.observe);
  std::erase_if(rollout.trajectories, [](const Trajectory& t) { return t.steps() == 0; });
  rollout.summary = ensemble.summary();
  rollout.evaluations = ensemble.evaluations();
}

void run_episodes(Rollout& rollout, const EpisodeOptions& options) {
  std::vector<std::shared_ptr<Episode>> episodes;
  std::unordered_map<const Episode*, Mover*> movers;
  std::vector<int> last_step;
  for (RunRequest& run : rollout.runs) {
    std::shared_ptr<Episode> episode = run.unfinished;
    if (episode != nullptr) {
      rollout.evaluations -= episode->evaluations();
    } else {
      episode = std::make_shared<Episode>(run.instance, run.stepper, options, run.plan);
      episode->start(run.start, run.recording);
    }
    if (run.mover != nullptr) movers[episode.get()] = run.mover.get();
    last_step.push_back(run.steps > 0 ? episode->steps() + run.steps : episode->horizon());
    episodes.push_back(std::move(episode));
  }
  const auto ask = [&](Episode& episode, void (Mover::*what)(Episode&)) {
    if (const auto found = movers.find(&episode); found != movers.end()) (found->second->*what)(episode);
  };
  const Moves moves{.prepare = [&](Episode& episode) { ask(episode, &Mover::prepare); },
                    .decide = [&](Episode& episode) { ask(episode, &Mover::decide); },
                    .move = [&](Episode& episode) { ask(episode, &Mover::move); }};
  ProposalScratch scratch;
  std::vector<Episode*> running;
  for (;;) {
    running.clear();
    for (std::size_t k = 0; k < episodes.size(); ++k) {
      if (!episodes[k]->over() && episodes[k]->steps() < last_step[k]) running.push_back(episodes[k].get());
    }
    if (running.empty()) break;
    Episode::step(running, scratch, moves);
  }
  for (std::size_t k = 0; k < episodes.size(); ++k) {
    Episode& episode = *episodes[k];
    RunResult result;
    if (rollout.runs[k].judge) {
      result.share = episode.final_share();
      result.value = episode.final_value();
    }
    rollout.evaluations += episode.evaluations();
    result.trajectory = episode.take_trajectory();
    const std::vector<float>& rewards = result.trajectory.rewards;
    if (!rewards.empty()) {
      result.mean_return = std::accumulate(rewards.begin(), rewards.end(), 0.0) / result.trajectory.coordinates;
    }
    if (rollout.runs[k].keep || rollout.runs[k].unfinished != nullptr) result.episode = std::move(episodes[k]);
    rollout.results.push_back(std::move(result));
  }
}

}  // namespace

double log_share(double share, double floor) { return std::log(std::min(share + floor, 10.0)); }

void roll_out(std::span<Rollout> rollouts, const EpisodeOptions& options, ThreadTeam& team) {
  team.for_jobs(static_cast<int>(rollouts.size()), [&](int job) {
    Rollout& rollout = rollouts[static_cast<std::size_t>(job)];
    rollout.ensemble ? run_ensemble(rollout) : run_episodes(rollout, options);
  });
}

}  // namespace scout
