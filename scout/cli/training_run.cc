#include "scout/cli/training_run.h"

#include <fmt/chrono.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "scout/base/json_lines.h"
#include "scout/base/machine.h"
#include "scout/base/shipped_files.h"
#include "scout/cli/training_log.h"
#include "scout/cli/usage.h"
#include "scout/policy/policy.h"
#include "scout/policy/rules.h"
#include "scout/policy/shipped.h"

namespace scout {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kBarWidth = 24;
/// Points with more coordinates, the weights of networks, are not written.
constexpr std::size_t kLongest = 100;

/// Cuts `path` down to the lines of rounds up to `round`, and returns it.
fs::path cut_down(const fs::path& path, std::int64_t round) {
  std::string kept;
  if (round > 0) {
    for (const auto& line : read_training_log(path)) {
      if (line.value("round", std::int64_t{0}) <= round) kept += json_text(line) + "\n";
    }
  }
  write_atomically(path, kept);
  return path;
}

/// 0 if there is none.
double number_in(const nlohmann::json& line, const char* key) {
  const auto found = line.find(key);
  return found != line.end() && found->is_number() ? found->get<double>() : 0;
}

bool is_policy(const fs::path& path) {
  try {
    Policy::load(path.string());
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

/// Of all threads of this process.
double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

std::string clock_text(double seconds) {
  const auto whole = static_cast<long long>(seconds + 0.5);
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

std::size_t terminal_width() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 100;
}

/// Takes the folder for this run. Refuses to mix a new one with the files of another.
void take_folder(const TrainArguments& arguments, const fs::path& out, std::optional<FolderLock>& lock) {
  if (arguments.resume && !fs::exists(out / "checkpoint.bin")) {
    throw std::invalid_argument("--resume: there is no checkpoint in " + out.string() +
                                ": give the --out of the run to continue, or leave --resume out to begin one");
  }
  lock.emplace(out);
  if (arguments.resume) return;
  const bool has_checkpoint = fs::exists(out / "checkpoint.bin");
  for (const char* file : {"checkpoint.bin", "log.jsonl", "policy.scout"}) {
    if (!fs::exists(out / file)) continue;
    throw std::invalid_argument(out.string() + " holds another run (" + file + "): give another --out, remove it, or " +
                                (has_checkpoint ? "continue it with --resume" : "begin anew, for it has no checkpoint"));
  }
}

/// What log.jsonl has of a validation.
nlohmann::json validation_of(const RoundReport& report, const std::vector<std::string>& problems) {
  nlohmann::json gaps = nlohmann::json::object(), scores = gaps;
  for (std::size_t p = 0; p < problems.size(); ++p) {
    gaps[problems[p]] = report.validation_gaps[p];
    scores[problems[p]] = report.validation_scores[p];
  }
  return {{"score", report.validation_score}, {"scores", scores}, {"median_gaps", gaps}, {"best", report.best}};
}

}  // namespace

void say(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

TrainOptions read_options(const TrainArguments& arguments) {
  TrainOptions options;
  nlohmann::json assigned = nlohmann::json::object();
  for (const auto& assignment : arguments.assignments) assigned.update(parse_assignment(assignment));
  const std::string config = find_file(arguments.config, kConfigFolder, "config").string();
  const nlohmann::json values = read_toml(config);
  try {
    set_training_options(options, values);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(config + ": " + error.what());
  }
  set_training_options(options, assigned);
  if (!assigned.contains("learners")) return options;
  // Where --set chooses other learners than CONFIG, what CONFIG says of those that it leaves out is let go.
  const bool weights = make_rule({.rule = options.policy.rule, .dimension = 1})->for_weights();
  const nlohmann::json named = flatten(assigned), defaults = training_option_defaults();
  for (const std::string& key : unused_options(options, weights)) {
    if (!named.contains(key)) set_training_options(options, {{key, defaults.at(key)}});
  }
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
  if (arguments.alone) out += " --alone";
  return out + " --resume";
}

nlohmann::json explorer_line(const std::string& instance, const ExplorerEvent& event) {
  using Kind = ExplorerEvent::Kind;
  const bool move = event.kind == Kind::coordinate || event.kind == Kind::gradient;
  nlohmann::json line{{"instance", instance},
                      {"explorer", event.explorer},
                      {"mover", event.mover},
                      {"coordinate", event.coordinate},
                      {"step", event.step},
                      {"value", event.value},
                      {"event", move ? "move" : std::string(to_string(event.kind))}};
  if (event.theta.size() <= kLongest) line["theta"] = std::vector<double>(event.theta.begin(), event.theta.end());
  if (move) line["along"] = std::string(to_string(event.kind));
  return line;
}

Progress::Progress(const Trainer& trainer)
    : first_(trainer.rounds_done()),
      rounds_(trainer.options().rounds),
      problems_(trainer.options().judged()),
      terminal_(isatty(STDOUT_FILENO) == 1 && trainer.rank().ranks == 1) {  // mpirun fakes a terminal
  if (trainer.best_round() > 0) note_best(trainer.best_score(), trainer.best_round());
}

void Progress::note_best(double score, std::int64_t round) { best_ = fmt::format("best {:.2f} in round {}", score, round); }

std::string Progress::gaps(const RoundReport& report) const {
  std::string out = "; median gaps";
  for (std::size_t p = 0; p < problems_.size(); ++p) {
    out += fmt::format("{} {} {:.3g}", p == 0 ? "" : ",", problems_[p], report.validation_gaps[p]);
  }
  return out;
}

void Progress::show_start(const RoundReport& report) {
  say(fmt::format("Before training: score {:.2f}{}\n", report.validation_score, gaps(report)));
}

void Progress::show(const RoundReport& report) {
  if (report.validated) {
    validation_ = fmt::format("score {:.2f}", report.validation_score);
    if (report.best) note_best(report.validation_score, report.round);
    if (!best_.empty()) validation_ += fmt::format(" ({})", best_);
    validation_ += gaps(report);
  }
  if (terminal_) {
    const auto now = Clock::now();
    if (!report.validated && report.round < rounds_ && now - drawn_ < std::chrono::milliseconds(100)) return;
    drawn_ = now;
    redraw(report.round);
  } else if (report.validated) {
    say(fmt::format("{}  {}\n", status(report.round), validation_));
  }
}

std::string Progress::status(std::int64_t round) const {
  const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
  const double rate = static_cast<double>(round - first_) / std::max(seconds, 1e-9);
  return fmt::format("{:>{}}/{} {:3.0f} %  {:.1f} rounds/s  {} left", round, std::to_string(rounds_).size(), rounds_,
                     100.0 * static_cast<double>(round) / static_cast<double>(rounds_), rate,
                     clock_text(static_cast<double>(rounds_ - round) / std::max(rate, 1e-9)));
}

void Progress::redraw(std::int64_t round) {
  const auto filled = static_cast<std::size_t>(round) * kBarWidth / static_cast<std::size_t>(rounds_);
  std::string line = fmt::format("[{:#<{}}{: <{}}] {}  {}", "", filled, "", kBarWidth - filled, status(round), validation_);
  line.resize(std::min(line.size(), terminal_width() - 1));
  say("\r\033[K" + line);
}

void Progress::finish() {
  if (terminal_) say("\n" + validation_ + "\n");
}

TrainingRun::TrainingRun(const TrainArguments& arguments, Trainer& trainer) : trainer_(trainer), out_(arguments.out) {
  take_folder(arguments, out_, lock_);
  if (arguments.resume) {
    trainer_.restore((out_ / "checkpoint.bin").string());
    say(fmt::format("Continuing {} after round {}.\n", arguments.out, trainer_.rounds_done()));
    const auto lines = read_training_log(out_ / "log.jsonl");
    for (const auto& line : lines) {
      if (line.value("round", std::int64_t{0}) > trainer_.rounds_done()) continue;
      seconds_ += number_in(line, "seconds");
      evaluations_ = static_cast<std::int64_t>(number_in(line, "evaluations"));
    }
    if (const std::string gap = gap_in_log(lines, trainer_.rounds_done()); !gap.empty() && trainer_.rounds_done() > 0) {
      say(fmt::format("warning: {} is not whole: {}. The training itself goes on as ever; the log keeps what there is\n",
                      (out_ / "log.jsonl").string(), gap));
    }
    if (trainer_.best_round() > 0 && !is_policy(policy_path())) save_policy();  // the checkpoint has it too
  }
  logged_round_ = trainer_.rounds_done();
  if (arguments.resume) {
    saved_round_ = logged_round_;
  } else {
    save();  // from now on it can be resumed
  }
  rounds_.emplace(cut_down(out_ / "log.jsonl", trainer_.rounds_done()));
  explorers_.emplace(cut_down(out_ / "explorers.jsonl", trainer_.rounds_done()));
  progress_.emplace(trainer_);
  round_begin_ = std::chrono::steady_clock::now();
  cpu_begin_ = cpu_seconds();
}

void TrainingRun::begin() {
  if (trainer_.rounds_done() > 0) return;
  const RoundReport report = trainer_.validate_now();
  const nlohmann::json line{{"options", training_options_json(trainer_.options())},
                            {"seed", trainer_.seed()},
                            {"threads", trainer_.threads()},
                            {"machine", machine_facts()},
                            {"versions", version_facts()},
                            {"validation", validation_of(report, trainer_.options().judged())}};
  rounds_->append(json_text(line) + "\n");
  progress_->show_start(report);
  round_begin_ = std::chrono::steady_clock::now();
  cpu_begin_ = cpu_seconds();
}

void TrainingRun::before_rollout() {
  const std::int64_t round = trainer_.rounds_done();
  trainer_.observe_explorers = nullptr;
  if (round % trainer_.options().validation.every != 0 || round == observed_round_) return;
  trainer_.observe_explorers = [this, round](const std::string& instance, const ExplorerEvent& event) {
    observed_round_ = round;
    nlohmann::json line = explorer_line(instance, event);
    line["round"] = round + 1;
    explorer_lines_ += json_text(line) + "\n";
  };
}

void TrainingRun::on_round(const RoundReport& report, const Traffic* traffic) {
  const auto now = std::chrono::steady_clock::now();
  const double seconds = std::chrono::duration<double>(now - round_begin_).count();
  seconds_ += seconds;
  evaluations_ = report.evaluations;
  const double cpu = cpu_seconds();
  log_round(report, seconds, cpu - cpu_begin_, traffic);
  round_begin_ = now;
  cpu_begin_ = cpu;
  if (report.best) save_policy();
  if (report.round % trainer_.options().checkpoint_every == 0 || trainer_.finished()) save();
  progress_->show(report);
}

void TrainingRun::save() {
  if (rounds_) rounds_->sync();
  if (explorers_) explorers_->sync();
  trainer_.save((out_ / "checkpoint.bin").string());
  saved_round_ = trainer_.rounds_done();
}

void TrainingRun::log_round(const RoundReport& report, double seconds, double cpu_seconds, const Traffic* traffic) {
  const EnsembleSummary& ensembles = report.ensembles;
  nlohmann::json line{
      {"round", report.round}, {"evaluations", report.evaluations}, {"seconds", seconds}, {"cpu_seconds", cpu_seconds}};
  for (const auto& [name, value] : report.metrics) line[name] = value;
  line["ensembles"] = {{"coordinate_moves", ensembles.coordinate_moves},
                       {"gradient_moves", ensembles.gradient_moves},
                       {"resets", ensembles.resets},
                       {"prunes", ensembles.prunes},
                       {"coordinates_tried", ensembles.coordinates_tried},
                       {"best_gap_share", ensembles.best_gap_share},
                       {"basins", ensembles.basins}};
  if (report.validated) {
    line["validation"] = validation_of(report, trainer_.options().judged());
  }
  if (traffic != nullptr) {
    line["ranks"] = {{"count", trainer_.rank().ranks},
                     {"staleness", report.staleness},
                     {"dropped", report.dropped},
                     {"messages", traffic->messages},
                     {"bytes_received", traffic->bytes_received},
                     {"bytes_sent", traffic->bytes_sent}};
  }
  explorers_->append(explorer_lines_);
  explorer_lines_.clear();
  rounds_->append(json_text(line) + "\n");
  logged_round_ = report.round;
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
  const Policy policy = trainer_.policy();
  PolicyDescription description = policy.description();
  description.provenance.update({{"training_seconds", seconds},
                                 {"evaluations", evaluations},
                                 {"date", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))},
                                 {"versions", version_facts()}});
  Policy(description, policy.parameters()).save(policy_path().string());
}

}  // namespace scout
