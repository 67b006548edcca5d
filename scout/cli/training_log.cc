#include "scout/cli/training_log.h"

#include "scout/base/json_lines.h"
#include "scout/base/machine.h"
#include "scout/bench/tables/record.h"

namespace scout {
namespace fs = std::filesystem;
namespace {

/// Points with more coordinates, the weights of networks, are not written.
constexpr std::size_t kLongest = 100;

/// Opens `path` for appending, cut down to the lines of rounds up to `round`.
std::ofstream continue_file(const fs::path& path, std::int64_t round) {
  std::string kept;
  if (round > 0) {
    for (const auto& line : read_json_lines(path)) {
      if (line.value("round", std::int64_t{0}) <= round) kept += line.dump() + "\n";
    }
  }
  write_atomically(path, kept);
  std::ofstream file(path, std::ios::app | std::ios::binary);
  if (!file) throw std::runtime_error("cannot write " + path.string() + ": is the folder writable?");
  return file;
}

}  // namespace

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

TrainingLog::TrainingLog(const fs::path& directory, const Trainer& trainer)
    : rounds_(continue_file(directory / "log.jsonl", trainer.rounds_done())),
      explorers_(continue_file(directory / "explorers.jsonl", trainer.rounds_done())) {
  if (trainer.rounds_done() > 0) return;
  rounds_ << nlohmann::json{{"options", training_options_json(trainer.options())},
                            {"seed", trainer.seed()},
                            {"threads", trainer.threads()},
                            {"machine", machine_facts()},
                            {"versions", version_facts()}}
                 .dump()
          << std::endl;
}

void TrainingLog::write(const RoundReport& report, const Trainer& trainer, double seconds, const Traffic* traffic) {
  const std::vector<std::string>& problems = trainer.options().problems;
  const EnsembleSummary& ensembles = report.ensembles;
  nlohmann::json line{{"round", report.round}, {"evaluations", report.evaluations}, {"seconds", seconds}};
  for (const auto& [name, value] : report.metrics) line[name] = value;
  line["ensembles"] = {{"coordinate_moves", ensembles.coordinate_moves},
                       {"gradient_moves", ensembles.gradient_moves},
                       {"resets", ensembles.resets},
                       {"prunes", ensembles.prunes},
                       {"coordinates_tried", ensembles.coordinates_tried},
                       {"best_gap_share", ensembles.best_gap_share},
                       {"basins", ensembles.basins}};
  if (report.validated) {
    nlohmann::json gaps = nlohmann::json::object();
    for (std::size_t p = 0; p < problems.size(); ++p) gaps[problems[p]] = report.validation_gaps[p];
    line["validation"] = {{"score", report.validation_score}, {"median_gaps", gaps}, {"best", report.best}};
  }
  if (traffic != nullptr) {
    line["ranks"] = {{"count", trainer.rank().ranks},
                     {"staleness", report.staleness},
                     {"dropped", report.dropped},
                     {"messages", traffic->messages},
                     {"bytes_received", traffic->bytes_received},
                     {"bytes_sent", traffic->bytes_sent}};
  }
  rounds_ << line.dump() << std::endl;
  explorers_.flush();
}

void TrainingLog::write(std::int64_t round, const std::string& instance, const ExplorerEvent& event) {
  nlohmann::json line = explorer_line(instance, event);
  line["round"] = round;
  explorers_ << line.dump() << '\n';
}

}  // namespace scout
