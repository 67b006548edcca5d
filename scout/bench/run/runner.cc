#include "scout/bench/run/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <tuple>

#include "scout/base/json_lines.h"
#include "scout/base/machine.h"
#include "scout/bench/run/execute.h"
#include "scout/bench/run/step_timing.h"
#include "scout/bench/run/trajectory.h"
#include "scout/bench/tables/statistics.h"
#include "scout/problem/catalog/family.h"

namespace scout::bench {
namespace fs = std::filesystem;
namespace {

using RunId = std::tuple<std::string, std::string, int, int>;  // key, label, instance, seed
RunId id_of(const Record& record) { return {record.key, record.optimizer, record.instance, record.seed}; }

struct Entrant {
  std::string label;
  Contestant contestant;
};

/// One optimizer on one task, tuned.
struct Cell {
  Task task;
  const Entrant* entrant;
  Tuned tuned;
};

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Brings the file of records to hold just those that the plan asks for, of its own and of the archive's; returns which.
std::set<RunId> keep_records(const fs::path& out, const fs::path& archive, const std::vector<Cell>& cells,
                             const Suite& suite, RunSummary& summary) {
  std::set<std::pair<std::string, std::string>> planned;
  for (const auto& cell : cells) planned.emplace(cell.tuned.key, cell.entrant->label);
  std::string content;
  std::set<RunId> kept;
  const auto keep = [&](const Record& record) {
    const bool asked = planned.contains({record.key, record.optimizer}) && record.instance < suite.instances &&
                       record.seed < suite.seeds && kept.insert(id_of(record)).second;
    if (asked) content += record_to_json(record).dump() + "\n";
    return asked;
  };
  bool dropped = false;
  for (const auto& record : read_records(out)) dropped = !keep(record) || dropped;
  if (!archive.empty()) {
    for (const auto& record : read_records(archive)) summary.archived += keep(record);
  }
  summary.reused = static_cast<int>(kept.size());
  const fs::path path = out / "records.jsonl";
  if (dropped) fs::copy_file(path, out / "records.previous.jsonl", fs::copy_options::overwrite_existing);
  write_atomically(path, content);
  return kept;
}

class Runner {
 public:
  Runner(const Suite& suite, const fs::path& out, ThreadTeam& team) : suite_(suite), out_(out), team_(team) {}

  /// Runs what of `cell` is not in `done`; returns the new records, in order.
  std::vector<Record> run(const Cell& cell, const std::set<RunId>& done) {
    std::vector<Record> records;
    for (int i = 0; i < suite_.instances; ++i) {
      for (int s = 0; s < suite_.seeds; ++s) {
        Record record;
        record.task = cell.task;
        record.instance = i;
        record.seed = s;
        record.optimizer = cell.entrant->label;
        record.method = cell.entrant->contestant.name;
        record.settings = cell.tuned.settings;
        record.key = cell.tuned.key;
        record.training_cost = cell.entrant->contestant.training_cost;
        record.machine = machine_;
        record.versions = versions_;
        if (!done.contains(id_of(record))) records.push_back(std::move(record));
      }
    }
    const auto optimizer = cell.entrant->contestant.make(cell.tuned.settings);
    const auto problem = family(cell.task.problem);
    team_.for_jobs(static_cast<int>(records.size()), [&](int job) {
      Record& record = records[static_cast<std::size_t>(job)];
      const auto instance = problem->sample(Split::test, static_cast<std::uint64_t>(record.instance), cell.task.dimension);
      record.stochastic = instance->stochastic();
      record.optimum = instance->optimum_value();
      record.unit = instance->value_scale();
      record.outcome =
          execute(*instance, *optimizer, start_of(*instance, cell.task, Split::test, record.instance, record.seed),
                  seed_of(cell.task, Split::test, record.instance, record.seed), cell.task.budget, {.metrics = true});
    });
    append(records);
    return records;
  }

 private:
  void append(const std::vector<Record>& records) const {
    const fs::path path = out_ / "records.jsonl";
    std::ofstream file(path, std::ios::app | std::ios::binary);
    for (const auto& record : records) file << record_to_json(record).dump() << '\n';
    file.close();
    if (!file) throw std::runtime_error("cannot write " + path.string() + ": is the folder writable, the disk full?");
  }

  const Suite& suite_;
  fs::path out_;
  ThreadTeam& team_;
  nlohmann::json machine_ = machine_facts();
  nlohmann::json versions_ = version_facts();
};

/// Brings steps.jsonl to hold a line for each task that is the training of a network. Only what is not there under the same
/// key is measured: everybody of a task anew, since times are compared within a line.
void record_steps(const fs::path& out, const std::vector<Task>& tasks, const std::vector<Cell>& cells,
                  const Resolver& resolve, const Progress& progress) {
  constexpr int kWarmUp = 40;  // until L-BFGS has its history
  constexpr std::int64_t kWeights = 20'000'000, kFewest = 41, kMost = 401;
  const auto known = read_step_costs(out);
  std::string content;
  for (const auto& task : tasks) {
    const auto instance = family(task.problem)->sample(Split::test, 0, task.dimension);
    if (!instance->stochastic()) continue;
    const auto tensors = instance->tensors();
    std::vector<Metered> metered;
    std::string facts;
    for (const auto& cell : cells) {
      if (cell.task != task) continue;
      facts += cell.entrant->label + ' ' + cell.tuned.key + '\n';
      auto meter = cell.entrant->contestant.make(cell.tuned.settings)->step_meter(tensors, task.budget);
      if (meter) metered.push_back({cell.entrant->label, std::move(meter)});
    }
    if (metered.empty()) continue;
    const std::string key = hash_text(facts);
    const auto costs = std::find_if(known.begin(), known.end(), [&](const StepCosts& line) { return line.key == key; });
    if (costs != known.end()) {
      content += step_costs_to_json(*costs).dump() + "\n";
      continue;
    }
    const auto begin = std::chrono::steady_clock::now();
    const auto adam = resolve("adam").make(nlohmann::json::object())->step_meter(tensors, task.budget);
    const auto steps = std::clamp(kWeights / instance->dimension(), kFewest, kMost);
    StepCosts measured = measure_steps(*adam, metered, kWarmUp, static_cast<int>(steps));
    measured.task = task;
    measured.key = key;
    measured.weights = instance->dimension();
    measured.tensors = static_cast<std::int64_t>(tensors.size());
    measured.machine = machine_facts();
    measured.versions = version_facts();
    content += step_costs_to_json(measured).dump() + "\n";
    progress(fmt::format("[steps] {}: {} optimizers in {:.1f} s", to_string(task), metered.size(), seconds_since(begin)));
  }
  if (!content.empty() || !known.empty()) write_atomically(out / "steps.jsonl", content);
}

std::string median_result(const std::vector<Record>& records) {
  std::vector<double> gaps;
  for (const auto& record : records) {
    if (record.stochastic) {
      gaps.push_back(record.outcome.final);
    } else if (record.optimum) {
      gaps.push_back(std::max(0.0, record.outcome.best - *record.optimum) / record.unit);
    }
  }
  if (gaps.empty()) return "";
  return fmt::format(", median {} {:.3g}", records.front().stochastic ? "final loss" : "gap", median(gaps));
}

}  // namespace

RunSummary run_benchmark(const Suite& suite, const fs::path& out, const Resolver& resolve, const Progress& progress,
                         const fs::path& archive) {
  validate_suite(suite);
  fs::create_directories(out);
  std::vector<Entrant> entrants;
  for (const auto& entry : suite.optimizers) {
    const auto [label, name, pins] = parse_optimizer(entry);
    entrants.push_back({label, resolve(name)});
    pin(entrants.back().contestant, pins);
  }
  nlohmann::json plan = to_json(suite);
  plan["name"] = suite.name;
  write_atomically(out / "suite.json", plan.dump(1) + "\n");

  ThreadTeam team(suite.threads);
  Tuner tuner(out / "tuning.json", archive.empty() ? fs::path() : archive / "tuning.json", suite, team);
  std::vector<Cell> cells;
  const auto tasks = suite.tasks();
  const auto begin = std::chrono::steady_clock::now();
  int count = 0;
  const auto total = tasks.size() * entrants.size();
  for (const auto& task : tasks) {
    for (const auto& entrant : entrants) {
      const auto tuning_begin = std::chrono::steady_clock::now();
      cells.push_back({task, &entrant, tuner.tune(task, entrant.contestant)});
      const auto& tuned = cells.back().tuned;
      ++count;
      if (entrant.contestant.grid.size() > 1 && !tuned.cached) {
        progress(fmt::format("[tune {:>3}/{}] {}: {} {} ({} settings, {:.1f} s)", count, total, to_string(task),
                             entrant.label, tuned.settings.dump(), tuned.tried, seconds_since(tuning_begin)));
      }
    }
  }

  RunSummary summary;
  const auto done = keep_records(out, archive, cells, suite, summary);
  Runner runner(suite, out, team);
  count = 0;
  for (const auto& cell : cells) {
    const auto cell_begin = std::chrono::steady_clock::now();
    const auto records = runner.run(cell, done);
    ++count;
    if (records.empty()) continue;
    const auto failures = static_cast<int>(
        std::count_if(records.begin(), records.end(), [](const Record& record) { return failed(record.outcome); }));
    summary.ran += static_cast<int>(records.size());
    summary.failures += failures;
    progress(fmt::format("[run {:>3}/{}] {}: {}: {} runs in {:.1f} s{}{}", count, total, to_string(cell.task),
                         cell.entrant->label, records.size(), seconds_since(cell_begin), median_result(records),
                         failures > 0 ? fmt::format(", {} FAILED", failures) : ""));
  }
  record_steps(out, tasks, cells, resolve, progress);
  record_trajectories(suite, out, resolve, tuner);
  progress(fmt::format("{} runs, {} reused{}, {} failed, {:.0f} s", summary.ran, summary.reused,
                       archive.empty() ? "" : fmt::format(" ({} from the archive {})", summary.archived, archive.string()),
                       summary.failures, seconds_since(begin)));
  return summary;
}

}  // namespace scout::bench
