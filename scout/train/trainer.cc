#include "scout/train/trainer.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "scout/base/names.h"
#include "scout/policy/shipped.h"
#include "scout/train/checkpoint.h"

namespace scout {
namespace {

const TrainOptions& checked(const TrainOptions& options) {
  validate(options);
  if (options.problems.empty()) throw_bad_option("problems", "[]", "at least one problem");
  if (options.dimensions.empty()) throw_bad_option("dimensions", "[]", "at least one dimension");
  return options;
}

RuleOptions rule_options_of(const TrainOptions& options) {
  RuleOptions out = options.policy;
  const RuleEntry& entry = rule_entry(out.rule);
  const bool fixed = std::ranges::find(entry.options, "dimension") != entry.options.end();
  if (fixed && options.dimensions.size() != 1) {
    throw_bad_option("dimensions", nlohmann::json(options.dimensions).dump(),
                     "one dimension for policy.rule = \"" + out.rule + "\"");
  }
  if (fixed) out.dimension = options.dimensions.front();
  return out;
}

const LearnerEntry& learner_entry(const std::string& name) {
  std::vector<std::string> known;
  for (const LearnerEntry& entry : learner_table()) {
    if (entry.name == name) return entry;
    known.emplace_back(entry.name);
  }
  throw_bad_option("learners", "\"" + name + "\"", "of " + join_names(known));
}

std::vector<float> initial_parameters(const UpdateRule& rule, const TrainOptions& options, const RuleOptions& own,
                                      Seed seed) {
  if (options.policy.start.empty()) {
    Random random(seed.derive("ddpg").derive("networks"));  // the names are part of what a seed gives
    return rule.initial_parameters(random);
  }
  const auto policy = policy_or_file(options.policy.start);
  const RuleOptions& other = policy->description().rule;
  if (other.rule != own.rule || other.hidden != own.hidden || policy->parameters().size() != rule.parameter_count()) {
    throw_bad_option("policy.start", options.policy.start,
                     "a policy of rule \"" + own.rule + "\" with hidden layers " + nlohmann::json(own.hidden).dump() +
                         "; that one is \"" + other.rule + "\" with " + nlohmann::json(other.hidden).dump());
  }
  return policy->parameters();
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

void require_same(const std::string& path, const std::string& what, const std::string& saved, const std::string& own) {
  if (saved == own) return;
  throw std::invalid_argument("checkpoint '" + path + "' was made with " + what + " = " + saved + ", not " + own +
                              ": continue with the same, or start a new run");
}

void require_same_options(const std::string& path, const nlohmann::json& saved_options, const nlohmann::json& own_options) {
  nlohmann::json saved = own_option_defaults(), own = saved;
  saved.update(saved_options);
  own.update(own_options);
  for (const auto* options : {&own, &saved}) {
    for (const auto& item : options->items()) {
      const std::string& key = item.key();
      // The first two and the last change no round; the number of threads is compared as it is, not as it was asked for.
      if (key == "rounds" || key == "checkpoint_every" || key == "threads" || key.starts_with("distributed.")) continue;
      if (saved.contains(key) && own.contains(key) && saved[key] == own[key]) continue;
      const auto text = [&](const nlohmann::json& in) { return in.contains(key) ? in[key].dump() : "(none)"; };
      require_same(path, "option '" + key + "'", text(saved), text(own));
    }
  }
}

}  // namespace

Trainer::Trainer(const TrainOptions& options, std::uint64_t seed, const RankOf& rank)
    : options_(checked(options)),
      seed_(seed),
      rank_(rank),
      team_(options.threads),
      rule_options_(rule_options_of(options)),
      rule_(make_rule(rule_options_)),
      episode_{.weights = rule_->for_weights(),
               .step_scale = rule_->step_scale(),
               .credit_by_coordinate = options.ddpg.credit == "coordinate",
               .reward = options.reward},
      tasks_(options_, Seed(seed), episode_.weights) {
  bool trajectories_wanted = false;
  for (const std::string& name : options_.learners) trajectories_wanted |= learner_entry(name).takes_trajectories;
  check_options_are_used(options_, episode_.weights);
  parameters_.acting = initial_parameters(*rule_, options_, rule_options_, Seed(seed));
  best_parameters_ = parameters_.kept = parameters_.acting;
  for (const std::string& name : options_.learners) {
    learners_.push_back(learner_entry(name).make(
        {options_, Seed(seed), rank_, *rule_, episode_, tasks_, parameters_, team_, trajectories_wanted}));
    for (std::size_t k = 0; k + 1 < learners_.size(); ++k) {
      if (!learners_[k]->slice().overlaps(learners_.back()->slice())) continue;
      throw_bad_option("learners", nlohmann::json(options_.learners).dump(),
                       "of learners with slices of their own: \"" + options_.learners[k] + "\" and \"" + name +
                           "\" learn the same parameters; see the options that end in .slice");
    }
  }
  for (std::size_t p = 0; p < tasks_.problems(); ++p) {
    for (const int dimension : options_.dimensions) {
      for (int i = 0; i < options_.validation.instances; ++i) {
        validation_instances_.push_back(
            tasks_.family_of(p).sample(Split::validation, static_cast<std::uint64_t>(i), dimension));
        validation_problem_.push_back(p);
      }
      if (tasks_.family_of(p).has_own_dimensions()) break;
    }
  }
}

RoundReport Trainer::round() {
  const std::int64_t units = options_.rollout.episodes;
  take(gather({.round = round_, .first = round_ * units, .last = (round_ + 1) * units}));
  return learn();
}

Experience Trainer::collect(std::int64_t sequence) {
  return gather({.whole_round = false, .round = round_, .first = sequence, .last = sequence + rank_chunk(), .rank = rank_});
}

Experience Trainer::gather(const Window& window) {
  Experience out{
      .sequence = window.whole_round ? next_sequence_ : window.last, .round = round_, .units = window.last - window.first};
  for (const auto& learner : learners_) {
    std::vector<Rollout> rollouts = learner->ask(window, observe_explorers);
    roll_out(rollouts, episode_, team_);
    for (const Rollout& rollout : rollouts) out.evaluations += rollout.evaluations;
    out.findings.push_back(learner->digest(std::move(rollouts)));
  }
  return out;
}

void Trainer::take(Experience experience) {
  next_sequence_ = std::max(next_sequence_, experience.sequence);
  evaluations_ += experience.evaluations;
  const std::int64_t stale = round_ - experience.round;
  if (stale > options_.distributed.staleness) {
    dropped_ += experience.units;
    return;
  }
  if (experience.findings.size() != learners_.size()) {
    throw std::runtime_error("damaged experience: of " + std::to_string(experience.findings.size()) + " learners, not " +
                             std::to_string(learners_.size()));
  }
  for (std::size_t k = 0; k < learners_.size(); ++k) learners_[k]->take(experience.findings[k], experience.findings);
  stale_rounds_ += static_cast<double>(stale * experience.units);
  units_ += experience.units;
}

RoundReport Trainer::learn() {
  RoundReport report;
  report.staleness = stale_rounds_ / static_cast<double>(std::max<std::int64_t>(units_, 1));
  report.dropped = dropped_;
  // What came while this rank rolled out is caught up with, one round after the other; what a saturated learner never will
  // is let go.
  const std::int64_t backlog = options_.rollout.episodes + rank_.ranks * rank_chunk();
  units_ = std::clamp<std::int64_t>(units_ - options_.rollout.episodes, 0, backlog);
  stale_rounds_ = 0;
  dropped_ = 0;
  for (const auto& learner : learners_) learner->learn(round_, report);
  report.round = ++round_;
  report.evaluations = evaluations_;
  if (round_ % options_.validation.every == 0 || finished()) {
    validate_policy(report);
    if (report.validation_score < best_score_) {
      report.best = true;
      best_score_ = report.validation_score;
      best_round_ = round_;
      best_parameters_ = parameters_.kept;
    }
  }
  return report;
}

RoundReport Trainer::validate_now() {
  RoundReport report{.round = round_, .evaluations = evaluations_};
  validate_policy(report);
  return report;
}

void Trainer::validate_policy(RoundReport& report) {
  const auto stepper = rule_->with(parameters_.kept);
  const double low = options_.rollout.least_horizon();
  // Functions in a batch for each thread; a network by itself.
  const std::size_t count = validation_instances_.size();
  const std::size_t groups = episode_.weights ? count : std::min<std::size_t>(static_cast<std::size_t>(team_.size()), count);
  std::vector<Rollout> rollouts(groups);
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t k = count * g / groups; k < count * (g + 1) / groups; ++k) {
      Random random(Seed(0).derive("validation start").derive(static_cast<std::uint64_t>(k)));
      RunRequest& run = rollouts[g].runs.emplace_back();
      run.instance = validation_instances_[k];
      run.stepper = stepper;
      run.start = sample_start(*run.instance, random);
      run.plan.horizon = options_.rollout.horizon;
      run.judge = true;
      if (episode_.weights) {
        // Over the instances of a problem, horizons are spread as in training, to the greatest.
        const double place =
            static_cast<double>(static_cast<int>(k) % options_.validation.instances + 1) / options_.validation.instances;
        run.plan = {.horizon = static_cast<int>(std::lround(low * std::pow(options_.rollout.horizon / low, place))),
                    .tell_loss = false};
      }
    }
  }
  roll_out(rollouts, episode_, team_);
  const double floor = episode_.weights ? options_.evolution.floor : 1e-8;
  std::vector<std::vector<double>> values(tasks_.problems());
  double sum = 0;
  std::size_t k = 0;
  for (const Rollout& rollout : rollouts) {
    for (const RunResult& result : rollout.results) {
      const Instance& instance = *validation_instances_[k];
      if (episode_.weights) {
        sum += log_share(result.share, floor) / std::log(10.0);
      } else {  // where f* is not known, f itself is what can be compared
        const double gap = std::max(0.0, result.value * instance.value_scale());
        sum += std::log10((instance.optimum_value() ? result.share : gap) + floor);
      }
      values[validation_problem_[k++]].push_back(result.value);
    }
  }
  report.validated = true;
  report.validation_score = sum / static_cast<double>(count);
  for (auto& of_problem : values) report.validation_gaps.push_back(median(of_problem));
}

Bytes Trainer::weights() const {
  ArchiveWriter archive;
  archive(round_, parameters_.acting);
  for (const auto& learner : learners_) learner->share(archive);
  return archive.take();
}

void Trainer::adopt(std::span<const std::byte> weights) {
  ArchiveReader archive(weights);
  std::vector<float> acting;
  archive(round_, acting);
  if (acting.size() != parameters_.acting.size()) {
    throw std::runtime_error("the learner's policy has " + std::to_string(acting.size()) + " parameters, this rank's " +
                             std::to_string(parameters_.acting.size()) + ": start all ranks with the same options");
  }
  parameters_.acting = std::move(acting);
  for (const auto& learner : learners_) learner->adopt(archive);
  archive.finish();
}

void Trainer::save(const std::string& path) const {
  CheckpointWriter file(path);
  ArchiveWriter& archive = file.content();
  archive(training_options_json(options_).dump(), seed_, threads(), rank_.ranks);
  const_cast<Trainer*>(this)->visit(archive);
  for (const auto& learner : learners_) learner->save(archive);
  file.finish();
}

void Trainer::restore(const std::string& path) {
  CheckpointReader file(path);
  ArchiveReader& archive = file.content();
  std::string options;
  std::uint64_t seed = 0;
  int threads = 0;
  int ranks = 1;
  archive(options, seed, threads, ranks);
  require_same(path, "seed", std::to_string(seed), std::to_string(seed_));
  // A training on several ranks depends on timing anyway: it goes on with any number of them, and of threads.
  if (ranks == 1 && rank_.ranks == 1) require_same(path, "threads", std::to_string(threads), std::to_string(team_.size()));
  require_same_options(path, nlohmann::json::parse(options), training_options_json(options_));
  visit(archive);
  for (const auto& learner : learners_) learner->restore(archive);
  archive.finish();
}

}  // namespace scout
