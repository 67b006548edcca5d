// What the trainer rolls out for policies of form "network": training runs of networks, whose weights are the coordinates.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "scout/policy/rule/action.h"
#include "scout/policy/weight/formulas.h"
#include "scout/train/episode/network_environment.h"
#include "scout/train/mover/weight_ensemble.h"
#include "scout/train/trainer.h"

namespace scout {
namespace {

/// Exploration in the space of actions: the step of each tensor times a factor that wanders about 1 and, if asked for,
/// independent noise on the steps of the sampled weights. A weight that alone goes further only seems to gain by it: the
/// loss curves along what all weights do together.
class ActionNoise {
 public:
  ActionNoise(const RolloutOptions& options, double deviation, std::size_t tensors, Random random)
      : memory_(options.noise_memory),
        deviation_(deviation),
        single_(deviation * options.weight_noise),
        factors_(tensors),
        random_(random) {
    for (double& factor : factors_) factor = random_.normal();
  }

  void operator()(const NetworkEnvironment& environment, std::span<float> delta) {
    const std::vector<TensorShape>& tensors = environment.run().tensors();
    for (std::size_t t = 0; t < tensors.size(); ++t) {
      factors_[t] = memory_ * factors_[t] + std::sqrt(1 - memory_ * memory_) * random_.normal();
      const auto factor = std::exp2(static_cast<float>(deviation_ * factors_[t]) * kActionLog2Range);
      const std::size_t begin = environment.run().begin_of(t);
      for (float& x : delta.subspan(begin, static_cast<std::size_t>(tensors[t].size))) x *= factor;
    }
    for (const std::size_t i : environment.sampled()) {
      if (single_ == 0) break;
      const float largest = kernel::kStepBound * environment.row(i).step;
      if (!(largest > 0)) continue;
      const float action = encode_step(std::clamp(delta[i] / largest, -1.0F, 1.0F));
      const auto noise = static_cast<float>(single_ * random_.normal());
      delta[i] = largest * decode_action(std::clamp(action + noise, -1.0F, 1.0F));
    }
  }

 private:
  double memory_;
  double deviation_;
  double single_;
  std::vector<double> factors_;
  Random random_;
};

/// Candidates of evolution whose nets are trained as one batch, at most.
constexpr std::size_t kTogether = 8;

double least_horizon(const RolloutOptions& rollout) {
  return rollout.horizon_low > 0 ? std::min(rollout.horizon_low, rollout.horizon) : rollout.horizon;
}

std::vector<double> start_of(const Instance& instance, Random& random) {
  std::vector<double> theta(static_cast<std::size_t>(instance.dimension()));
  instance.sample_start(random, theta);
  return theta;
}

}  // namespace

std::shared_ptr<const WeightStepper> Trainer::stepper(std::span<const float> parameters) const {
  return std::make_shared<WeightStepper>(WeightRule(options_.policy.hidden), parameters, options_.policy.step_scale);
}

NetworkEpisode Trainer::network_episode(Random& random) const {
  const RolloutOptions& rollout = options_.rollout;
  const double low = least_horizon(rollout);
  const double grown = rollout.curriculum > 0 ? std::min(1.0, static_cast<double>(round_ + 1) / rollout.curriculum) : 1.0;
  const double high = std::max(low, low * std::pow(rollout.horizon / low, grown));
  NetworkEpisode episode;
  episode.horizon = static_cast<int>(std::lround(random.log_uniform(low, high)));
  episode.tell_horizon = random.chance(rollout.tell_horizon);
  episode.tell_loss = random.chance(rollout.tell_loss);
  episode.reward_scale = options_.reward.scale;
  episode.terminal = options_.reward.finite;
  return episode;
}

std::vector<std::size_t> Trainer::sampled_weights(const Instance& instance, Random& random) const {
  std::vector<std::size_t> out(static_cast<std::size_t>(options_.rollout.weights));
  // A tensor first, then one of its weights: biases are few, and as much depends on them.
  const std::vector<TensorShape> tensors = instance.tensors();
  std::vector<std::size_t> begin{0};
  for (const TensorShape& tensor : tensors) begin.push_back(begin.back() + static_cast<std::size_t>(tensor.size));
  for (std::size_t& weight : out) {
    const std::size_t t = random.index(tensors.size());
    weight = begin[t] + random.index(begin[t + 1] - begin[t]);
  }
  return out;
}

void Trainer::roll_out_network_episodes(std::span<const Task> tasks, Experience& experience) {
  std::vector<std::unique_ptr<NetworkEnvironment>> environments(tasks.size());
  const auto policy = stepper(acting_parameters());
  team_.for_shards(static_cast<int>(tasks.size()), [&](int begin, int end) {
    for (auto k = static_cast<std::size_t>(begin); k < static_cast<std::size_t>(end); ++k) {
      const Task& task = tasks[k];
      Random random(task.seed.derive("rollout"));
      const NetworkEpisode episode = network_episode(random);
      environments[k] = std::make_unique<NetworkEnvironment>(task.instance, policy, episode);
      NetworkEnvironment& e = *environments[k];
      const auto theta = start_of(*task.instance, random);
      e.start(theta, sampled_weights(*task.instance, random));
      const double deviation =
          random.log_uniform(options_.rollout.noise, std::max(options_.rollout.noise, options_.rollout.noise_high));
      ActionNoise noise(options_.rollout, deviation, task.instance->tensors().size(), Random(task.seed.derive("noise")));
      while (!e.over() && e.steps() < episode.horizon) e.step([&](std::span<float> delta) { noise(e, delta); });
    }
  });
  for (const auto& e : environments) {
    experience.evaluations += e->evaluations();
    Trajectory trajectory = e->take_trajectory();
    experience.return_sum += std::accumulate(trajectory.rewards.begin(), trajectory.rewards.end(), 0.0) / trajectory.rows;
    if (trajectory.steps() > 0) experience.policy.push_back(std::move(trajectory));
  }
  experience.units += static_cast<std::int64_t>(tasks.size());
}

void Trainer::try_network_schedules(std::span<const SeparableCmaEs::Sample> schedules, std::int64_t first,
                                    Experience& experience) {
  const EvolutionOptions& evolution = options_.evolution;
  const std::size_t problems = families_.size();
  const std::size_t runs = problems * static_cast<std::size_t>(evolution.instances);

  // All candidates make the same runs; those change every few generations.
  const Seed seed = Seed(seed_).derive("evolution tasks").derive(static_cast<std::uint64_t>(generation_ / evolution.renew));
  struct Run {
    std::shared_ptr<const Instance> instance;
    NetworkEpisode episode;
    std::vector<double> start;
    std::vector<std::size_t> sampled;
  };
  std::vector<Run> plan(runs);
  team_.for_shards(static_cast<int>(runs), [&](int begin, int end) {
    for (auto k = static_cast<std::size_t>(begin); k < static_cast<std::size_t>(end); ++k) {
      Random draw(seed.derive(static_cast<std::uint64_t>(k)));
      const int dimension = options_.dimensions[draw.index(options_.dimensions.size())];
      plan[k].instance = families_[k % problems]->sample(Split::train, draw.next(), dimension);
      plan[k].episode = network_episode(draw);
      plan[k].start = start_of(*plan[k].instance, draw);
      plan[k].sampled = sampled_weights(*plan[k].instance, draw);
    }
  });

  std::vector<double> scores(schedules.size() * runs);
  std::vector<std::int64_t> evaluations(scores.size());
  std::vector<Trajectory> recorded(schedules.size());
  std::vector<std::shared_ptr<const WeightStepper>> steppers;
  for (const auto& candidate : schedules) steppers.push_back(stepper(with_schedule(candidate.point)));
  const std::size_t groups = (schedules.size() + kTogether - 1) / kTogether;
  team_.for_jobs(static_cast<int>(runs * groups), [&](int job) {
    const std::size_t k = static_cast<std::size_t>(job) / groups;
    const std::size_t first_candidate = static_cast<std::size_t>(job) % groups * kTogether;
    std::vector<NetworkEnvironment> together;
    std::vector<bool> records;
    for (std::size_t c = first_candidate; c < std::min(first_candidate + kTogether, schedules.size()); ++c) {
      records.push_back(k == (static_cast<std::size_t>(first) + c) % runs);
      together.emplace_back(plan[k].instance, steppers[c], plan[k].episode);
      together.back().start(plan[k].start, records.back() ? plan[k].sampled : std::vector<std::size_t>());
    }
    NetworkEnvironment::run_together(together);
    for (std::size_t i = 0; i < together.size(); ++i) {
      const std::size_t c = first_candidate + i;
      scores[k * schedules.size() + c] = together[i].final_score(evolution.floor);
      evaluations[k * schedules.size() + c] = together[i].evaluations();
      if (records[i]) recorded[c] = together[i].take_trajectory();
    }
  });
  for (std::size_t c = 0; c < schedules.size(); ++c) {
    std::vector<double> score(problems, 0.0);
    for (std::size_t k = 0; k < runs; ++k) score[k % problems] += scores[k * schedules.size() + c];
    experience.candidates.push_back({generation_, schedules[c].direction, std::move(score)});
    if (recorded[c].steps() > 0) experience.policy.push_back(std::move(recorded[c]));
  }
  experience.evaluations += std::accumulate(evaluations.begin(), evaluations.end(), std::int64_t{0});
}

void Trainer::roll_out_network_ensembles(std::span<const Task> tasks, Experience& experience) {
  std::vector<std::unique_ptr<WeightEnsemble>> ensembles(tasks.size());
  std::vector<std::vector<Trajectory>> trajectories(tasks.size());
  const auto policy = stepper(acting_parameters());
  team_.for_shards(static_cast<int>(tasks.size()), [&](int begin, int end) {
    for (auto k = static_cast<std::size_t>(begin); k < static_cast<std::size_t>(end); ++k) {
      Random random(tasks[k].seed.derive("rollout"));
      ensembles[k] =
          std::make_unique<WeightEnsemble>(tasks[k].instance, policy, network_episode(random), options_.ensemble.explorer,
                                           options_.rollout.weights, tasks[k].seed, tasks[k].share);
      trajectories[k] = ensembles[k]->run();
    }
  });
  for (std::size_t k = 0; k < tasks.size(); ++k) {
    for (Trajectory& trajectory : trajectories[k]) {
      if (trajectory.steps() > 0) experience.explorers.push_back(std::move(trajectory));
    }
    experience.evaluations += ensembles[k]->evaluations();
    add(ensembles[k]->summary(), experience.summary);
  }
  experience.ensembles += static_cast<int>(tasks.size());
}

void Trainer::validate_network_policy(RoundReport& report) {
  const RolloutOptions& rollout = options_.rollout;
  const double low = least_horizon(rollout);
  const auto policy = stepper(ddpg_.averaged_parameters());
  std::vector<double> scores(validation_instances_.size()), losses(scores.size());
  team_.for_jobs(static_cast<int>(scores.size()), [&](int job) {
    const auto k = static_cast<std::size_t>(job);
    const auto& instance = validation_instances_[k];
    Random random(Seed(0).derive("validation start").derive(static_cast<std::uint64_t>(k)));
    NetworkEpisode episode;
    // Over the instances of a problem, horizons are spread as in training, to the greatest.
    const double place = static_cast<double>(job % options_.validation.instances + 1) / options_.validation.instances;
    episode.horizon = static_cast<int>(std::lround(low * std::pow(rollout.horizon / low, place)));
    NetworkEnvironment e(instance, policy, episode);
    e.start(start_of(*instance, random));
    while (!e.over() && e.steps() < episode.horizon) e.step();
    scores[k] = e.final_score(options_.evolution.floor) / std::log(10.0);
    losses[k] = instance->true_value(e.theta());
  });
  report_validation(report, scores, losses);
}

}  // namespace scout
