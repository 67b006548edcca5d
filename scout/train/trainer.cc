#include "scout/train/trainer.h"
#include "scout/problem/catalog/family.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "scout/policy/shipped.h"
#include "scout/train/learner/selection.h"

namespace scout {
namespace {

ObserverOptions observer_of(const TrainOptions& options) {
  return {.form = options.policy.form,
          .dimension = options.policy.form == "joint" ? options.dimensions.front() : 0,
          .history = options.policy.history,
          .gradient = options.policy.gradient};
}

TrainOptions checked(const TrainOptions& options) {
  validate(options);
  if (options.problems.empty()) throw_bad_option("problems", "[]", "at least one problem");
  if (options.dimensions.empty()) throw_bad_option("dimensions", "[]", "at least one dimension");
  if (options.policy.form == "joint" && options.dimensions.size() != 1) {
    throw_bad_option("dimensions", nlohmann::json(options.dimensions).dump(), "one dimension for a joint policy");
  }
  return options;
}

Actor actor_of(const TrainOptions& options) {
  if (options.policy.form == "network") return Actor(WeightRule(options.policy.hidden));
  return {observer_of(options), options.policy.hidden, options.policy.proposals};
}

/// The positions of the parameters that evolve.
std::vector<std::size_t> evolved_parameters(const Actor& actor, const std::vector<int>& outputs) {
  const Condition condition = between(0, actor.schedule_outputs() - 1);
  for (const int output : outputs) {
    if (!condition.holds(output)) throw_bad_option("evolution.outputs", std::to_string(output), condition.text());
  }
  return actor.schedule_parameters(outputs);
}

/// Refuses a training whose replay of the policy, of states [M, F], this machine cannot hold.
void check_memory(const TrainOptions& options, const Family& problem, int dimension, int features) {
  if (problem.has_own_dimensions()) dimension = problem.sample(Split::validation, 0, dimension)->dimension();
  const double rows = options.policy.form == "joint" ? 1 : dimension;
  const double runs = options.rollout.episodes + options.evolution.population;
  const double steps = std::min<double>(options.replay.capacity, runs * options.rollout.horizon * options.rounds);
  const double needed = steps * rows * features * sizeof(float);
  const double present = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  if (needed <= present) return;
  throw std::invalid_argument(fmt::format(
      "the replay of {:.0f} steps on '{}', of {} coordinates, would take {:.0f} GB, and this machine has {:.0f}: lower "
      "replay.capacity or dimensions; networks are for policy.form = \"network\", which samples coordinates",
      steps, problem.name(), dimension, needed / 1e9, present / 1e9));
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

}  // namespace

Trainer::Trainer(const TrainOptions& options, std::uint64_t seed, const RankOf& place)
    : options_(checked(options)),
      seed_(seed),
      place_(place),
      team_(options.threads),
      ddpg_(actor_of(options), options.ddpg, Seed(seed).derive("ddpg"), team_),
      policy_replay_(static_cast<std::size_t>(options.replay.capacity)),
      explorer_replay_(static_cast<std::size_t>(options.replay.explorer_capacity)),
      best_parameters_(ddpg_.averaged_parameters()) {
  if (!options.policy.start.empty()) start_from(*policy_or_file(options.policy.start));
  if (evolving()) {
    ddpg_.freeze_schedule();
    evolved_ = evolved_parameters(ddpg_.actor(), options_.evolution.outputs);
    std::vector<double> mean;
    for (const std::size_t i : evolved_) mean.push_back(ddpg_.actor_parameters()[i]);
    evolution_ = SeparableCmaEs(std::move(mean), options_.evolution.deviation, population(), options_.evolution.mean_rate);
  }
  for (std::size_t p = 0; p < options_.problems.size(); ++p) {
    const auto problem = family(options_.problems[p]);
    families_.push_back(problem);
    for (int dimension : options_.dimensions) {
      if (!networks()) check_memory(options_, *problem, dimension, ddpg_.actor().features());
      for (int i = 0; i < options_.validation.instances; ++i) {
        validation_instances_.push_back(problem->sample(Split::validation, static_cast<std::uint64_t>(i), dimension));
        validation_problem_.push_back(p);
      }
      if (problem->has_own_dimensions()) break;
    }
  }
}

void Trainer::start_from(const Policy& policy) {
  const PolicyDescription& own = policy.description();
  const std::string& form = options_.policy.form;
  if (own.observer.form != form || own.hidden != options_.policy.hidden) {
    throw_bad_option("policy.start", options_.policy.start,
                     "a policy of form \"" + form + "\" with hidden layers " +
                         nlohmann::json(options_.policy.hidden).dump() + "; that one is \"" + own.observer.form +
                         "\" with " + nlohmann::json(own.hidden).dump());
  }
  ddpg_.start_from(policy.parameters());
  best_parameters_ = policy.parameters();
}

ObserverOptions Trainer::observer_options() const { return observer_of(options_); }

RoundReport Trainer::round() {
  Experience experience{.sequence = next_sequence_, .round = round_};
  std::vector<Task> tasks;
  for (std::int64_t k = 0; k < options_.rollout.episodes; ++k) {
    tasks.push_back(training_task("episode", round_ * options_.rollout.episodes + k));
  }
  roll_out_episodes(tasks, experience);
  if (exploring()) {
    tasks.clear();
    for (std::int64_t k = 0; k < options_.ensemble.instances; ++k) {
      tasks.push_back(training_task("ensemble", round_ * options_.ensemble.instances + k));
    }
    roll_out_ensembles(tasks, experience);
  }
  if (evolving()) {
    Random random(Seed(seed_).derive("evolution").derive(static_cast<std::uint64_t>(generation_)));
    try_schedules(evolution_.ask(random), 0, experience);
  }
  take(std::move(experience));
  return learn();
}

void Trainer::take(Experience experience) {
  next_sequence_ = std::max(next_sequence_, experience.sequence);
  evaluations_ += experience.evaluations;
  const std::int64_t stale = round_ - experience.round;
  if (stale > options_.distributed.staleness) {
    dropped_ += experience.units;
    return;
  }
  for (Trajectory& trajectory : experience.policy) policy_replay_.add(std::move(trajectory));
  for (Trajectory& trajectory : experience.explorers) explorer_replay_.add(std::move(trajectory));
  for (Candidate& candidate : experience.candidates) taken_.candidates.push_back(std::move(candidate));
  stale_rounds_ += static_cast<double>(stale * experience.units);
  taken_.units += experience.units;
  taken_.return_sum += experience.return_sum;
  taken_.ensembles += experience.ensembles;
  add(experience.summary, taken_.summary);
}

RoundReport Trainer::learn() {
  RoundReport report;
  const auto units = static_cast<double>(std::max<std::int64_t>(taken_.units, 1));
  report.mean_return = taken_.return_sum / units;
  report.staleness = stale_rounds_ / units;
  report.dropped = dropped_;
  report.ensembles = taken_.summary;
  report.ensembles.best_gap_share /= std::max(taken_.ensembles, 1);
  if (evolving()) evolve();
  // What came while this rank rolled out is caught up with, one round after the other; what a saturated learner never will
  // is let go.
  const std::int64_t backlog = options_.rollout.episodes + place_.ranks * rank_chunk();
  taken_ = {.units = std::clamp<std::int64_t>(taken_.units - options_.rollout.episodes, 0, backlog),
            .candidates = std::move(taken_.candidates)};
  stale_rounds_ = 0;
  dropped_ = 0;
  update_networks(report);
  report.round = ++round_;
  report.updates = ddpg_.updates();
  report.evaluations = evaluations_;
  if (round_ % options_.validation.every == 0 || finished()) validate_policy(report);
  return report;
}

Trainer::Task Trainer::training_task(const char* axis, std::int64_t index) const {
  const Seed seed = Seed(seed_).derive(axis).derive(static_cast<std::uint64_t>(index));
  Random random(seed.derive("task"));
  const auto& problem = options_.problems[static_cast<std::size_t>(index) % options_.problems.size()];
  const int dimension = options_.dimensions[random.index(options_.dimensions.size())];
  const std::uint64_t number = random.next();
  return {family(problem)->sample(Split::train, number, dimension), problem + "/train/" + std::to_string(number), seed, {}};
}

void Trainer::roll_out_episodes(std::span<const Task> tasks, Experience& experience) {
  if (networks()) return roll_out_network_episodes(tasks, experience);
  std::vector<Environment> environments;
  std::vector<Random> random;
  std::vector<double> noise;
  environments.reserve(tasks.size());
  for (const Task& task : tasks) {
    environments.emplace_back(task.instance, observer_options(), options_.reward, options_.policy.step_scale,
                              options_.ddpg.credit == "coordinate");
    environments.back().record(true);
    random.emplace_back(task.seed.derive("rollout"));
    std::vector<double> theta(static_cast<std::size_t>(task.instance->dimension()));
    task.instance->sample_start(random.back(), theta);
    noise.push_back(
        random.back().log_uniform(options_.rollout.noise, std::max(options_.rollout.noise, options_.rollout.noise_high)));
    environments.back().start(theta, options_.rollout.horizon);
  }
  roll_out(ddpg_.actor(), acting_parameters(), environments, options_.rollout.horizon, noise, random, team_);
  for (Environment& e : environments) {
    experience.evaluations += e.evaluations();
    Trajectory trajectory = e.take_trajectory();
    experience.return_sum += std::accumulate(trajectory.rewards.begin(), trajectory.rewards.end(), 0.0) / trajectory.rows;
    experience.policy.push_back(std::move(trajectory));
  }
  experience.units += static_cast<std::int64_t>(tasks.size());
}

void Trainer::try_schedules(std::span<const SeparableCmaEs::Sample> schedules, std::int64_t first, Experience& experience) {
  if (networks()) return try_network_schedules(schedules, first, experience);
  const EvolutionOptions& evolution = options_.evolution;
  const std::size_t problems = families_.size();
  const std::size_t runs = problems * static_cast<std::size_t>(evolution.instances);

  // All candidates run on the same instances from the same starts; those change every few generations.
  const Seed tasks = Seed(seed_).derive("evolution tasks").derive(static_cast<std::uint64_t>(generation_ / evolution.renew));
  struct Result {
    std::vector<double> score;  // by problem
    std::vector<Trajectory> recorded;
    std::int64_t evaluations = 0;
  };
  std::vector<Result> results(schedules.size());
  team_.for_shards(static_cast<int>(schedules.size()), [&](int begin, int end) {
    for (auto c = static_cast<std::size_t>(begin); c < static_cast<std::size_t>(end); ++c) {
      Result& result = results[c];
      const std::size_t recorded = (static_cast<std::size_t>(first) + c) % runs;
      result.score.assign(problems, 0.0);
      const std::vector<float> parameters = with_schedule(schedules[c].point);
      std::vector<Environment> environments;
      environments.reserve(runs);
      for (std::size_t k = 0; k < runs; ++k) {
        Random draw(tasks.derive(static_cast<std::uint64_t>(k)));
        const int dimension = options_.dimensions[draw.index(options_.dimensions.size())];
        std::shared_ptr<const Instance> instance = families_[k % problems]->sample(Split::train, draw.next(), dimension);
        std::vector<double> theta(static_cast<std::size_t>(instance->dimension()));
        instance->sample_start(draw, theta);
        environments.emplace_back(std::move(instance), observer_options(), options_.reward, options_.policy.step_scale,
                                  options_.ddpg.credit == "coordinate");
        environments.back().record(k == recorded);
        environments.back().start(theta, options_.rollout.horizon);
      }
      roll_out(ddpg_.actor(), parameters, environments, options_.rollout.horizon, {}, {});
      for (std::size_t k = 0; k < environments.size(); ++k) {
        Environment& e = environments[k];
        result.score[k % problems] += std::log(e.best_gap_share() + evolution.floor);
        result.evaluations += e.evaluations();
        if (k == recorded) result.recorded.push_back(e.take_trajectory());
      }
    }
  });
  for (std::size_t c = 0; c < schedules.size(); ++c) {
    experience.evaluations += results[c].evaluations;
    experience.candidates.push_back({generation_, schedules[c].direction, std::move(results[c].score)});
    for (Trajectory& trajectory : results[c].recorded) experience.policy.push_back(std::move(trajectory));
  }
}

std::vector<float> Trainer::with_schedule(std::span<const double> schedule) const {
  std::vector<float> parameters = acting_parameters();
  for (std::size_t k = 0; k < evolved_.size(); ++k) parameters[evolved_[k]] = static_cast<float>(schedule[k]);
  return parameters;
}

void Trainer::evolve() {
  // Scores can be compared on the same instances only. How old a schedule is does not matter: its direction counts.
  std::vector<Candidate>& candidates = taken_.candidates;
  std::erase_if(candidates, [&](const Candidate& c) {
    return c.generation / options_.evolution.renew != generation_ / options_.evolution.renew;
  });
  const auto count = static_cast<std::size_t>(population());
  if (candidates.size() < count) return;

  std::vector<std::span<const double>> scores;
  for (std::size_t c = 0; c < count; ++c) scores.emplace_back(candidates[c].score);
  const std::vector<int> order = selection_order(scores, options_.evolution.order);
  std::vector<std::vector<double>> directions;
  for (std::size_t c = 0; c < count; ++c) directions.push_back(std::move(candidates[c].direction));
  evolution_.replace(std::move(directions));
  evolution_.tell(order);
  candidates.erase(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(count));
  ++generation_;
  const std::vector<float> next = with_schedule(evolution_.mean());
  ddpg_.set_schedule(std::span(next).last(ddpg_.actor().schedule_size()),
                     std::max(options_.evolution.average, 1.0 / static_cast<double>(generation_)));
}

void Trainer::roll_out_ensembles(std::span<const Task> tasks, Experience& experience) {
  if (networks()) return roll_out_network_ensembles(tasks, experience);
  std::vector<std::unique_ptr<Ensemble>> ensembles;
  std::vector<std::vector<Trajectory>> trajectories(tasks.size());
  for (const Task& task : tasks) {
    ensembles.push_back(std::make_unique<Ensemble>(
        task.instance, observer_options(), options_.reward, options_.policy.step_scale, options_.ddpg.credit == "coordinate",
        options_.ensemble.explorer, options_.rollout.horizon, task.seed, task.share));
  }
  team_.for_shards(static_cast<int>(tasks.size()), [&](int begin, int end) {
    for (auto k = static_cast<std::size_t>(begin); k < static_cast<std::size_t>(end); ++k) {
      Ensemble::Observe observe;
      if (k == 0 && observe_explorers) {
        observe = [&](const ExplorerEvent& event) { observe_explorers(tasks[0].name, event); };
      }
      trajectories[k] = ensembles[k]->run(observe);
    }
  });
  for (std::size_t k = 0; k < tasks.size(); ++k) {
    for (Trajectory& trajectory : trajectories[k]) experience.explorers.push_back(std::move(trajectory));
    experience.evaluations += ensembles[k]->evaluations();
    add(ensembles[k]->summary(), experience.summary);
  }
  experience.ensembles += static_cast<int>(tasks.size());
}

void Trainer::update_networks(RoundReport& report) {
  if (policy_replay_.size() < static_cast<std::size_t>(options_.replay.warm_up)) return;
  const DdpgOptions& ddpg = options_.ddpg;
  const bool exploring = explorer_replay_.size() > 0;
  const int explorer_batch = exploring ? static_cast<int>(std::lround(ddpg.batch * options_.replay.explorer_share)) : 0;
  Random random(Seed(seed_).derive("updates").derive(static_cast<std::uint64_t>(round_)));
  const int all =
      networks() ? options_.rollout.weights : *std::max_element(options_.dimensions.begin(), options_.dimensions.end());
  const int rows = ddpg.rows > 0 ? ddpg.rows : all;
  for (int k = 0; k < options_.updates; ++k) {
    batch_.clear(ddpg.batch * rows, ddpg_.actor().features(), ddpg_.actor().actions());
    const auto discount = static_cast<float>(ddpg.discount);
    if (ddpg.batch > explorer_batch) {
      policy_replay_.sample(ddpg.batch - explorer_batch, ddpg.n_step, discount, ddpg.rows, random, batch_);
    }
    if (explorer_batch > 0) explorer_replay_.sample(explorer_batch, ddpg.n_step, discount, ddpg.rows, random, batch_);
    const DdpgReport one = ddpg_.update(batch_, random);
    report.critic_loss += one.critic_loss / options_.updates;
    report.mean_q += one.mean_q / options_.updates;
  }
}

void Trainer::validate_policy(RoundReport& report) {
  if (networks()) return validate_network_policy(report);
  std::vector<Environment> environments;
  environments.reserve(validation_instances_.size());
  for (std::size_t k = 0; k < validation_instances_.size(); ++k) {
    const auto& instance = validation_instances_[k];
    environments.emplace_back(instance, observer_options(), options_.reward, options_.policy.step_scale, false);
    Random random(Seed(0).derive("validation start").derive(static_cast<std::uint64_t>(k)));
    std::vector<double> theta(static_cast<std::size_t>(instance->dimension()));
    instance->sample_start(random, theta);
    environments.back().start(theta, options_.rollout.horizon);
  }
  roll_out(ddpg_.actor(), ddpg_.averaged_parameters(), environments, options_.rollout.horizon, {}, {}, team_);
  std::vector<double> scores, gaps;
  for (const Environment& e : environments) {
    const auto optimum = e.instance().optimum_value();
    const double gap = optimum ? e.best_value() - *optimum : e.best_value();
    const double start = optimum ? e.start_value() - *optimum : 1.0;
    gaps.push_back(gap / e.instance().value_scale());
    scores.push_back(std::log10(std::max(0.0, gap) / std::max(start, 1e-300) + 1e-8));
  }
  report_validation(report, scores, gaps);
}

void Trainer::report_validation(RoundReport& report, std::span<const double> scores, std::span<const double> values) {
  std::vector<std::vector<double>> gaps(options_.problems.size());
  for (std::size_t k = 0; k < values.size(); ++k) gaps[validation_problem_[k]].push_back(values[k]);
  report.validated = true;
  report.validation_score = std::accumulate(scores.begin(), scores.end(), 0.0) / static_cast<double>(scores.size());
  for (auto& of_problem : gaps) report.validation_gaps.push_back(median(of_problem));
  if (report.validation_score < best_score_) {
    report.best = true;
    best_score_ = report.validation_score;
    best_round_ = round_;
    best_parameters_ = ddpg_.averaged_parameters();
  }
}

}  // namespace scout
