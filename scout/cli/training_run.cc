#include "scout/cli/training_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "scout/base/json_lines.h"
#include "scout/base/machine.h"
#include "scout/bench/tables/record.h"
#include "scout/cli/usage.h"
#include "scout/policy/policy.h"
#include "scout/policy/shipped.h"

namespace scout {
namespace fs = std::filesystem;
namespace {

std::string date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

/// Refuses to mix a new run with the files of another.
void prepare_folder(const TrainArguments& arguments, const fs::path& out) {
  const bool has_checkpoint = fs::exists(out / "checkpoint.bin");
  if (arguments.resume) {
    if (has_checkpoint) return;
    throw std::invalid_argument("--resume: there is no checkpoint in " + out.string() +
                                ": give the --out of the run to continue, or leave --resume out to begin one");
  }
  for (const char* file : {"checkpoint.bin", "log.jsonl", "policy.scout"}) {
    if (!fs::exists(out / file)) continue;
    throw std::invalid_argument(out.string() + " holds another run (" + file + "): give another --out, remove it, or " +
                                (has_checkpoint ? "continue it with --resume" : "begin anew, for it has no checkpoint"));
  }
  fs::create_directories(out);
}

}  // namespace

namespace {

/// Where --set chooses other learners than CONFIG, what CONFIG says of those that it leaves out is let go.
void drop_unused(nlohmann::json& config, const nlohmann::json& assigned) {
  if (!assigned.contains("learners")) return;
  std::vector<std::string> chosen;
  detail::assign("learners", chosen, assigned["learners"]);
  const auto owned = [&](const std::string& key, bool by_chosen) {
    return std::any_of(learner_table().begin(), learner_table().end(), [&](const LearnerEntry& entry) {
      const bool is_chosen = std::find(chosen.begin(), chosen.end(), entry.name) != chosen.end();
      return is_chosen == by_chosen &&
             std::any_of(entry.options.begin(), entry.options.end(), [&](const std::string& begin) {
               return begin.ends_with('.') ? key.starts_with(begin) : key == begin;
             });
    });
  };
  const nlohmann::json flat = flatten(config);
  config = flat;
  for (const auto& [key, value] : flat.items()) {
    if (owned(key, false) && !owned(key, true)) config.erase(key);
  }
}

}  // namespace

TrainOptions read_options(const TrainArguments& arguments) {
  TrainOptions options;
  nlohmann::json config = read_toml(arguments.config);
  nlohmann::json assigned = nlohmann::json::object();
  for (const auto& assignment : arguments.assignments) assigned.update(parse_assignment(assignment));
  drop_unused(config, assigned);
  try {
    set_training_options(options, config);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(arguments.config + ": " + error.what());
  }
  set_training_options(options, assigned);
  return options;
}

std::string resume_command(const TrainArguments& arguments) {
  std::string program = "scout";
  std::error_code error;
  if (const auto path = fs::read_symlink("/proc/self/exe", error); !error) program = path.string();
  std::string out = shell_word(program) + " train " + shell_word(arguments.config) + " --out " + shell_word(arguments.out) +
                    fmt::format(" --seed {}", arguments.seed);
  for (const auto& assignment : arguments.assignments) out += " --set " + shell_word(assignment);
  if (!arguments.data_dir.empty()) out += " --data-dir " + shell_word(arguments.data_dir);
  return out + " --resume";
}

TrainingRun::TrainingRun(const TrainArguments& arguments, Trainer& trainer) : trainer_(trainer), out_(arguments.out) {
  prepare_folder(arguments, out_);
  if (arguments.resume) {
    trainer_.restore((out_ / "checkpoint.bin").string());
    fmt::print("Continuing {} after round {}.\n", arguments.out, trainer_.rounds_done());
    for (const auto& line : read_json_lines(out_ / "log.jsonl")) {
      if (line.value("round", std::int64_t{0}) <= trainer_.rounds_done()) seconds_ += line.value("seconds", 0.0);
    }
  }
  log_.emplace(out_, trainer_);
  progress_.emplace(trainer_);
  round_begin_ = std::chrono::steady_clock::now();
}

void TrainingRun::before_rollout() {
  const std::int64_t round = trainer_.rounds_done();
  trainer_.observe_explorers = nullptr;
  if (round % trainer_.options().validation.every != 0 || round == observed_round_) return;
  trainer_.observe_explorers = [this, round](const std::string& instance, const ExplorerEvent& event) {
    observed_round_ = round;
    log_->write(round + 1, instance, event);
  };
}

void TrainingRun::on_round(const RoundReport& report, const Traffic* traffic) {
  const auto now = std::chrono::steady_clock::now();
  const double seconds = std::chrono::duration<double>(now - round_begin_).count();
  seconds_ += seconds;
  evaluations_ = report.evaluations;
  log_->write(report, trainer_, seconds, traffic);
  round_begin_ = now;
  if (report.best) save_policy();
  if (report.round % trainer_.options().checkpoint_every == 0 || trainer_.finished()) save();
  progress_->show(report);
}

void TrainingRun::save_policy() const {
  const TrainOptions& options = trainer_.options();
  // What the policy that this training began with had cost is part of what its own costs.
  double seconds = seconds_;
  std::int64_t evaluations = evaluations_;
  if (!options.policy.start.empty()) {
    const nlohmann::json before = policy_or_file(options.policy.start)->description().provenance;
    seconds += before.value("training_seconds", 0.0);
    evaluations += before.value("evaluations", std::int64_t{0});
  }
  const PolicyDescription description{.rule = trainer_.rule_options(),
                                      .horizon = options.rollout.horizon,
                                      .provenance = {{"options", training_options_json(options)},
                                                     {"seed", trainer_.seed()},
                                                     {"threads", trainer_.threads()},
                                                     {"ranks", trainer_.rank().ranks},
                                                     {"round", trainer_.best_round()},
                                                     {"validation_score", trainer_.best_score()},
                                                     {"training_seconds", seconds},
                                                     {"evaluations", evaluations},
                                                     {"date", date()},
                                                     {"versions", version_facts()}}};
  Policy(description, trainer_.best_parameters()).save(policy_path().string());
}

}  // namespace scout
