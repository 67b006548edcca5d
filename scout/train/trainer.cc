#include "scout/train/trainer.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "scout/base/json_lines.h"
#include "scout/base/names.h"
#include "scout/train/checkpoint.h"
#include "scout/train/learner/start.h"

namespace scout {
namespace {

const TrainOptions& checked(const TrainOptions& options) {
  validate(options);
  if (options.problems.empty()) throw_bad_option("problems", "[]", "at least one problem");
  if (options.dimensions.empty()) throw_bad_option("dimensions", "[]", "at least one dimension");
  return options;
}

const LearnerEntry& learner_entry(const std::string& name) {
  std::vector<std::string> known;
  for (const LearnerEntry& entry : learner_table()) {
    if (entry.name == name) return entry;
    known.emplace_back(entry.name);
  }
  throw_bad_option("learners", "\"" + name + "\"", "of " + join_names(known));
}

void require_same(const std::string& path, const std::string& what, const std::string& saved, const std::string& own) {
  if (saved == own) return;
  throw std::invalid_argument("checkpoint '" + path + "' was made with " + what + " = " + saved + ", not " + own +
                              ": continue with the same, or start a new run");
}

void require_same_options(const std::string& path, const nlohmann::json& saved_options, const nlohmann::json& own_options) {
  nlohmann::json saved = training_option_defaults(), own = saved;
  saved.update(saved_options);
  own.update(own_options);
  for (const auto* options : {&own, &saved}) {
    for (const auto& item : options->items()) {
      const std::string& key = item.key();
      // The first two and the last change no round; the number of threads is compared as it is, not as it was asked for.
      if (key == "rounds" || key == "checkpoint_every" || key == "threads" || key.starts_with("distributed.")) continue;
      if (saved.contains(key) && own.contains(key) && saved[key] == own[key]) continue;
      const auto text = [&](const nlohmann::json& in) { return in.contains(key) ? json_text(in[key]) : "(none)"; };
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
      episode_(episode_options_of(options_, *rule_)),
      tasks_(options_, Seed(seed), episode_.weights) {
  bool trajectories_wanted = false;
  for (const std::string& name : options_.learners) trajectories_wanted |= learner_entry(name).takes_trajectories;
  check_options_are_used(options_, episode_.weights);
  parameters_.acting = initial_parameters(*rule_, options_, Seed(seed));
  best_parameters_ = parameters_.kept = parameters_.acting;
  for (const std::string& name : options_.learners) {
    learners_.push_back(learner_entry(name).make(
        {name, options_, Seed(seed), rank_, *rule_, episode_, tasks_, parameters_, team_, trajectories_wanted}));
    for (std::size_t k = 0; k + 1 < learners_.size(); ++k) {
      if (!learners_[k]->slice().overlaps(learners_.back()->slice())) continue;
      throw_bad_option("learners", json_text(options_.learners),
                       "of learners with slices of their own: \"" + options_.learners[k] + "\" and \"" + name +
                           "\" learn the same parameters; see the options that end in .slice");
    }
  }
  validation_.emplace(options_);
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
    out.evaluations += out.findings.back().evaluations;
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
  for (std::size_t k = 0; k < learners_.size(); ++k) {
    learners_[k]->learn(round_, report);
    const auto learnt = learners_[k]->slice().of(parameters_.acting);
    if (std::ranges::all_of(learnt, [](float w) { return std::isfinite(w); })) continue;
    throw std::runtime_error("round " + std::to_string(round_ + 1) + ": what the learner '" + options_.learners[k] +
                             "' has learnt is not finite: begin again with other options " + options_.learners[k] +
                             ".*, such as a lower learning rate");
  }
  report.round = ++round_;
  report.evaluations = evaluations_;
  if (round_ % options_.validation.every == 0 || finished()) {
    validation_->run(rule_->with(parameters_.kept), episode_, team_, report);
    if (report.validation_score < best_score_) {
      report.best = true;
      best_score_ = report.validation_score;
      best_round_ = round_;
      best_parameters_ = parameters_.kept;
    }
  }
  return report;
}

Policy Trainer::policy() const {
  return {{.rule = rule_options_,
           .horizon = options_.rollout.horizon,
           .provenance = {{"options", training_options_json(options_)},
                          {"seed", seed_},
                          {"threads", threads()},
                          {"ranks", rank_.ranks},
                          {"round", best_round_},
                          {"validation_score", best_score_},
                          {"evaluations", evaluations_}}},
          best_parameters_};
}

RoundReport Trainer::validate_now() {
  RoundReport report{.round = round_, .evaluations = evaluations_};
  validation_->run(rule_->with(parameters_.kept), episode_, team_, report);
  return report;
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
  archive(json_text(training_options_json(options_)), seed_, threads(), rank_.ranks);
  write_state(archive);
  file.finish();
}

void Trainer::write_state(ArchiveWriter& archive) const {
  const_cast<Trainer*>(this)->visit(archive);
  for (const auto& learner : learners_) learner->save(archive);
}

void Trainer::read_state(ArchiveReader& archive) {
  visit(archive);
  if (round_ < 0 || next_sequence_ < 0 || evaluations_ < 0 || best_round_ < 0) archive.fail("a count is below 0");
  for (const auto& learner : learners_) learner->restore(archive);
  archive.finish();
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
  const nlohmann::json own = training_options_json(options_);
  if (options != json_text(own)) require_same_options(path, parse_json(options), own);
  ArchiveWriter before;
  write_state(before);
  try {
    read_state(archive);
  } catch (...) {
    const Bytes state = before.take();
    ArchiveReader back(state);
    read_state(back);
    throw;
  }
}

}  // namespace scout
