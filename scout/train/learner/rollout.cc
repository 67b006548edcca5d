#include "scout/train/learner/rollout.h"

#include <algorithm>
#include <cmath>
#include <iterator>
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

std::vector<Rollout> dealt(std::vector<RunRequest> runs, int threads) {
  std::vector<Rollout> out(std::min(static_cast<std::size_t>(threads), runs.size()));
  for (std::size_t t = 0; t < out.size(); ++t) {
    const auto at = [&](std::size_t share) {
      return runs.begin() + static_cast<std::ptrdiff_t>(runs.size() * share / out.size());
    };
    out[t].runs.assign(std::move_iterator(at(t)), std::move_iterator(at(t + 1)));
  }
  return out;
}

void add_ensemble(std::vector<Rollout>& rollouts, EnsembleTask task, const EnsembleOptions& explorers,
                  const std::string& name, const ObserveExplorers& observe) {
  const bool first = std::ranges::none_of(rollouts, [](const Rollout& other) { return other.ensemble.has_value(); });
  Rollout& rollout = rollouts.emplace_back();
  rollout.ensemble = std::move(task);
  rollout.explorers = explorers;
  if (first && observe) rollout.observe = [observe, name](const ExplorerEvent& event) { observe(name, event); };
}

void Findings::add(Rollout& rollout, std::vector<Trajectory>& found) {
  for (RunResult& result : rollout.results) {
    return_sum += result.mean_return;
    ++episodes;
    if (result.trajectory.steps() > 0) found.push_back(std::move(result.trajectory));
  }
  if (!rollout.ensemble) return;
  std::ranges::move(rollout.trajectories, std::back_inserter(explorers));
  ++ensembles;
  summary.add(rollout.summary);
}

void Findings::add_totals(const Findings& other) {
  return_sum += other.return_sum;
  episodes += other.episodes;
  ensembles += other.ensembles;
  summary.add(other.summary);
}

void roll_out(std::span<Rollout> rollouts, const EpisodeOptions& options, ThreadTeam& team) {
  team.for_jobs(static_cast<int>(rollouts.size()), [&](int job) {
    Rollout& rollout = rollouts[static_cast<std::size_t>(job)];
    rollout.ensemble ? run_ensemble(rollout) : run_episodes(rollout, options);
  });
}

}  // namespace scout
