#include "scout/bench/run/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <set>
#include <tuple>

#include "scout/base/json_lines.h"
#include "scout/base/machine.h"
#include "scout/bench/run/execute.h"
#include "scout/bench/run/trajectory.h"
#include "scout/bench/tables/statistics.h"
#include "scout/problem/catalog/family.h"

namespace scout::bench {
namespace fs = std::filesystem;
namespace {

using RunId = std::tuple<std::string, std::string, int, int>;  // key, label, instance, seed
RunId id_of(const Record& record) { return {record.key, record.optimizer, record.instance, record.seed}; }

/// One optimizer on one task, tuned.
struct Pairing {
  Task task;
  const Entrant* entrant;
  Tuned tuned;
};

/// Keeps `lines` of the file NAME.jsonl in `out`, which the suite does not ask for, at the end of NAME.previous.jsonl.
void set_aside(const fs::path& out, const std::string& name, const std::vector<std::string>& lines,
               const Progress& progress) {
  if (lines.empty()) return;
  const std::string previous = name + ".previous.jsonl";
  std::set<std::string> there;  // moved before a kill
  std::ifstream file(out / previous);
  for (std::string line; std::getline(file, line);) there.insert(line);
  std::string fresh;
  for (const auto& line : lines) {
    if (!there.contains(line)) fresh += line + "\n";
  }
  append_lines(out / previous, fresh);
  progress(fmt::format("[set aside] {} lines of {}.jsonl that this suite does not ask for are now in {}", lines.size(), name,
                       (out / previous).string()));
}

/// Brings the file of records to hold just those that the plan asks for, of its own and of the archive's; returns which.
std::set<RunId> keep_records(const fs::path& out, const fs::path& archive, const std::vector<Pairing>& pairings,
                             const Suite& suite, RunSummary& summary, const Progress& progress) {
  std::set<std::pair<std::string, std::string>> planned;
  for (const auto& pairing : pairings) planned.emplace(pairing.tuned.key, pairing.entrant->label);
  std::string content;
  std::set<RunId> kept;
  const auto keep = [&](const Record& record) {
    const bool asked = planned.contains({record.key, record.optimizer}) && record.instance < suite.instances &&
                       record.seed < suite.seeds && kept.insert(id_of(record)).second;
    if (asked) content += json_text(record_to_json(record)) + "\n";
    return asked;
  };
  std::vector<std::string> others;
  for (const auto& record : read_records(out)) {
    if (!keep(record)) others.push_back(json_text(record_to_json(record)));
  }
  if (!archive.empty()) {
    for (const auto& record : read_records(archive)) summary.archived += keep(record);
  }
  summary.reused = static_cast<int>(kept.size());
  summary.set_aside = static_cast<int>(others.size());
  set_aside(out, "records", others, progress);
  write_atomically(out / "records.jsonl", content);
  return kept;
}

/// Runs what of `pairing` is not in `done`, and appends it to the file of records; returns the new records, in order.
std::vector<Record> run_pairing(const Pairing& pairing, const Suite& suite, const std::set<RunId>& done,
                                const fs::path& path, ThreadTeam& team) {
  const Contestant& contestant = pairing.entrant->contestant;
  Record next;
  next.task = pairing.task;
  next.optimizer = pairing.entrant->label;
  next.method = contestant.name;
  next.settings = pairing.tuned.settings;
  next.key = pairing.tuned.key;
  next.training_cost = contestant.training_cost;
  next.machine = machine_facts();
  next.versions = version_facts();
  std::vector<Record> records;
  const auto problem = family(pairing.task.problem);
  const int fixed = problem->fixed_instances();
  const int instances = fixed > 0 ? std::min(fixed, suite.instances) : suite.instances;
  for (next.instance = 0; next.instance < instances; ++next.instance) {
    for (next.seed = 0; next.seed < suite.seeds; ++next.seed) {
      if (!done.contains(id_of(next))) records.push_back(next);
    }
  }
  const auto optimizer = contestant.make(pairing.tuned.settings);
  team.for_jobs(static_cast<int>(records.size()), [&](int job) {
    Record& record = records[static_cast<std::size_t>(job)];
    const auto instance = problem->sample(Split::test, static_cast<std::uint64_t>(record.instance), pairing.task.dimension);
    record.stochastic = instance->stochastic();
    if (pairing.task.dimension == 0) record.own_dimension = instance->dimension();
    record.optimum = instance->optimum_value();
    record.unit = instance->value_scale();
    record.outcome =
        execute(*instance, *optimizer, start_of(*instance, pairing.task, Split::test, record.instance, record.seed),
                seed_of(pairing.task, Split::test, record.instance, record.seed), pairing.task.budget, {.metrics = true});
  });
  std::string lines;
  for (const auto& record : records) lines += json_text(record_to_json(record)) + "\n";
  append_lines(path, lines);
  return records;
}

/// Brings steps.jsonl to hold a line for each task that is the training of a network. Only what is not there under the same
/// key is measured: everybody of a task anew, since times are compared within a line.
void record_steps(const fs::path& out, const std::vector<Task>& tasks, const std::vector<Pairing>& pairings,
                  const Resolver& resolve, const Progress& progress) {
  constexpr int kWarmUp = 40;  // until L-BFGS has its history
  constexpr std::int64_t kWeights = 20'000'000, kFewest = 41, kMost = 401;
  auto known = read_step_costs(out);
  std::string content;
  for (const auto& task : tasks) {
    const auto instance = family(task.problem)->sample(Split::test, 0, task.dimension);
    if (!instance->stochastic()) continue;
    const auto tensors = instance->tensors();
    std::vector<Metered> metered;
    std::string facts;
    for (const auto& pairing : pairings) {
      if (pairing.task != task) continue;
      facts += pairing.entrant->label + ' ' + pairing.tuned.key + '\n';
      auto meter = pairing.entrant->contestant.make(pairing.tuned.settings)->step_meter(tensors, task.budget);
      if (meter) metered.push_back({pairing.entrant->label, std::move(meter)});
    }
    if (metered.empty()) continue;
    const std::string key = hash_text(facts);
    const auto costs = std::ranges::find(known, key, &StepCosts::key);
    if (costs != known.end()) {
      content += json_text(step_costs_to_json(*costs)) + "\n";
      known.erase(costs);
      continue;
    }
    const auto begin = Clock::now();
    const auto adam = resolve("adam").make(nlohmann::json::object())->step_meter(tensors, task.budget);
    const auto steps = std::clamp(kWeights / instance->dimension(), kFewest, kMost);
    StepCosts measured = measure_steps(*adam, metered, kWarmUp, static_cast<int>(steps));
    measured.task = task;
    measured.key = key;
    measured.weights = instance->dimension();
    measured.tensors = static_cast<std::int64_t>(tensors.size());
    measured.machine = machine_facts();
    measured.versions = version_facts();
    content += json_text(step_costs_to_json(measured)) + "\n";
    progress(fmt::format("[steps] {}: {} optimizers in {:.1f} s", to_string(task), metered.size(), seconds_since(begin)));
  }
  std::vector<std::string> others;
  for (const StepCosts& costs : known) others.push_back(json_text(step_costs_to_json(costs)));
  set_aside(out, "steps", others, progress);
  if (!content.empty() || !others.empty()) write_atomically(out / "steps.jsonl", content);
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

StepCosts measure_steps(StepMeter& adam, const std::vector<Metered>& metered, int warm_up, int steps) {
  std::vector<StepMeter*> meters{&adam};
  for (const Metered& one : metered) meters.push_back(one.meter.get());
  std::vector<std::vector<double>> seconds(meters.size());
  // In a new order each time: what went before leaves caches and heap as it likes.
  Random random(Seed(0).derive("turns"));
  std::vector<std::size_t> order(meters.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (int step = 0; step < warm_up + steps; ++step) {
    shuffle(std::span(order), random);
    for (const std::size_t m : order) {
      const double took = meters[m]->step();
      if (step >= warm_up) seconds[m].push_back(took);
    }
  }
  StepCosts out;
  out.adam = {"adam", median(seconds[0]), adam.state_bytes()};
  for (std::size_t m = 1; m < meters.size(); ++m) {
    out.costs.push_back({metered[m - 1].optimizer, median(seconds[m]), meters[m]->state_bytes()});
  }
  return out;
}

RunSummary run_benchmark(const Suite& suite, const fs::path& out, const Resolver& resolve, const Progress& progress,
                         const fs::path& archive) {
  validate_suite(suite);
  std::vector<Entrant> entrants;
  for (const auto& entry : suite.optimizers) {
    const auto [label, name, pins] = parse_optimizer(entry);
    entrants.push_back({label, resolve(name)});
    pin(entrants.back().contestant, pins);
  }
  const auto tasks = suite.tasks();
  for (const auto& task : tasks) {
    for (const auto& entrant : entrants) refuse_to_tune_on_fixed(task, entrant.contestant);
  }
  fs::create_directories(out);  // what is refused leaves nothing
  nlohmann::json plan = to_json(suite);
  plan["name"] = suite.name;
  write_atomically(out / "suite.json", json_text(plan, 1) + "\n");

  ThreadTeam team(suite.threads);
  Tuner tuner(out / "tuning.json", archive.empty() ? fs::path() : archive / "tuning.json", suite, team);
  std::vector<Pairing> pairings;
  const auto begin = Clock::now();
  int count = 0;
  const auto total = tasks.size() * entrants.size();
  for (const auto& task : tasks) {
    for (const auto& entrant : entrants) {
      const auto tuning_begin = Clock::now();
      pairings.push_back({task, &entrant, tuner.tune(task, entrant.contestant)});
      const auto& tuned = pairings.back().tuned;
      ++count;
      if (entrant.contestant.grid.size() > 1 && !tuned.cached) {
        progress(fmt::format("[tune {:>3}/{}] {}: {} {} ({} settings, {:.1f} s)", count, total, to_string(task),
                             entrant.label, json_text(tuned.settings), tuned.tried, seconds_since(tuning_begin)));
      }
    }
  }

  RunSummary summary;
  const auto done = keep_records(out, archive, pairings, suite, summary, progress);
  count = 0;
  for (const auto& pairing : pairings) {
    const auto pairing_begin = Clock::now();
    const auto records = run_pairing(pairing, suite, done, out / "records.jsonl", team);
    ++count;
    if (records.empty()) continue;
    const auto failures = static_cast<int>(std::ranges::count_if(records, failed, &Record::outcome));
    summary.ran += static_cast<int>(records.size());
    summary.failures += failures;
    progress(fmt::format("[run {:>3}/{}] {}: {}: {} runs in {:.1f} s{}{}", count, total, to_string(pairing.task),
                         pairing.entrant->label, records.size(), seconds_since(pairing_begin), median_result(records),
                         failures > 0 ? fmt::format(", {} FAILED", failures) : ""));
  }
  record_steps(out, tasks, pairings, resolve, progress);
  record_trajectories(suite, out, entrants, tuner);
  progress(fmt::format("{} runs, {} reused{}, {} failed, {:.0f} s", summary.ran, summary.reused,
                       archive.empty() ? "" : fmt::format(" ({} from the archive {})", summary.archived, archive.string()),
                       summary.failures, seconds_since(begin)));
  return summary;
}

}  // namespace scout::bench
