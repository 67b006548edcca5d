#include "scout/bench/tables/results.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <tuple>

#include "scout/base/json_lines.h"

namespace scout::bench {
namespace {

/// The list's size if it is not there.
template <class T>
std::size_t place_in(const std::vector<T>& list, const T& item) {
  return static_cast<std::size_t>(std::ranges::find(list, item) - list.begin());
}

Run make_run(const Record& record, double reference, const Results& results) {
  const Outcome& outcome = record.outcome;
  const int dimension = record.own_dimension.value_or(record.task.dimension);
  Run run{.instance = record.instance,
          .seed = record.seed,
          .failed = failed(outcome),
          .start_gap = std::max(0.0, outcome.start_value - reference) / record.unit,
          .gap = std::max(0.0, (record.stochastic ? outcome.final : outcome.best) - reference) / record.unit,
          .relative = 0,
          .steps = outcome.gradients,
          .metrics = outcome.metrics,
          .seconds = outcome.seconds,
          .optimizer_seconds = outcome.seconds - outcome.objective_seconds,
          .to_target = {},
          .to_success = {},
          .curve = outcome.curve};
  if (std::isnan(run.gap)) run.gap = INFINITY;
  run.relative = relative_gap(run.gap, run.start_gap);
  for (auto& point : run.curve) point.best = std::max(0.0, point.best - reference) / record.unit;
  const auto cost_until = [&](double bound, Cost cost) -> TargetCost {
    const auto hit = std::ranges::find_if(run.curve, [&](const CurvePoint& point) { return point.best <= bound; });
    return {hit == run.curve.end() ? INFINITY : cost_of(cost, hit->values, hit->gradients, dimension),
            cost_of(cost, outcome.values, outcome.gradients, dimension)};
  };
  for (Cost cost : {Cost::calls, Cost::evaluations}) {
    for (double target : results.targets) {
      const double bound = results.relative_targets ? target * run.start_gap : target;
      run.to_target[static_cast<int>(cost)].push_back(cost_until(bound, cost));
    }
  }
  const bool zero = reference == 0;
  run.to_success = cost_until(zero ? results.success * results.success : results.success * std::abs(reference) / record.unit,
                              Cost::calls);
  return run;
}

void rank(Results& results) {
  for (std::size_t t = 0; t < results.tasks.size(); ++t) {
    for (auto& row : results.rows) {
      const double own = median_gap(row.cells[t]);
      double better = 0, equal = 0;
      for (const auto& other : results.rows) {
        const double gap = median_gap(other.cells[t]);
        better += gap < own;
        equal += gap == own;
      }
      row.mean_rank += (better + (equal + 1) / 2) / static_cast<double>(results.tasks.size());
    }
  }
}

std::string text_number(double x) {
  if (std::isinf(x)) return "-";
  return x == 0 ? "0" : fmt::format("{:.2e}", x);
}

/// By how much more than rounding the best value lies below the known optimum, whose certified digits may be nine. Else 0.
double depth_below_optimum(const Record& record) {
  if (record.stochastic || !record.optimum) return 0;
  const double depth = *record.optimum - record.outcome.best;
  return depth > 1e-6 * (std::abs(*record.optimum) + record.unit) ? depth : 0;
}

}  // namespace

double cost_of(Cost cost, std::int64_t values, std::int64_t gradients, int dimension) {
  return static_cast<double>(values + gradients * (cost == Cost::calls ? 1 : dimension));
}

const OptimizerRow* Results::best(bool policy) const {
  const auto found = std::ranges::find(rows, policy, &OptimizerRow::policy);
  return found == rows.end() ? nullptr : &*found;
}

const StepCosts* Results::steps_on(const Task& task) const {
  const auto found = std::ranges::find(step_costs, task, &StepCosts::task);
  return found == step_costs.end() ? nullptr : &*found;
}

Results collect(const std::vector<Record>& records, const ReportOptions& options) {
  if (records.empty()) throw std::invalid_argument("there are no records to report on: run `scout bench` first");
  Results out;
  out.title = options.title.empty() ? "Benchmark " + options.name : options.title;
  out.targets = options.targets;
  std::ranges::sort(out.targets, std::greater());
  out.relative_targets = options.precision == "relative";
  out.success = options.success;
  out.machine = records.back().machine;
  out.versions = records.back().versions;

  std::map<std::pair<Task, int>, double> reference;  // f* by instance
  std::set<int> instances, seeds;
  for (const auto& record : records) {
    if (place_in(out.tasks, record.task) == out.tasks.size()) out.tasks.push_back(record.task);
    instances.insert(record.instance);
    seeds.insert(record.seed);
    const auto [it, fresh] = reference.try_emplace({record.task, record.instance}, INFINITY);
    it->second = record.stochastic ? 0.0 : record.optimum ? *record.optimum : std::min(it->second, record.outcome.best);
  }
  // A continued benchmark may hold the tasks in another order than the suite.
  const auto place = [&](const Task& task) {
    return std::tuple{place_in(options.problems, task.problem), place_in(options.dimensions, task.dimension),
                      place_in(options.budgets, task.budget)};
  };
  std::ranges::stable_sort(out.tasks, {}, place);
  out.instances = static_cast<int>(instances.size());
  out.seeds = static_cast<int>(seeds.size());
  out.training = std::ranges::all_of(records, &Record::stochastic);
  std::map<std::tuple<std::string, std::string, std::string, std::string>, std::vector<std::int64_t>> failures;  // calls
  std::map<std::pair<std::string, std::string>, std::vector<double>> below;                                      // f* - f
  for (const auto& record : records) {
    const auto known = std::ranges::find(out.rows, record.optimizer, &OptimizerRow::label);
    auto& row = known == out.rows.end() ? out.rows.emplace_back() : *known;
    row.label = record.optimizer;
    row.cells.resize(out.tasks.size());
    row.settings.resize(out.tasks.size());
    const auto task = place_in(out.tasks, record.task);
    row.method = record.method;
    row.policy = record.method.starts_with("policy:");
    row.training_cost = record.training_cost;
    row.settings[task] = record.settings;
    row.cells[task].push_back(make_run(record, reference.at({record.task, record.instance}), out));
    if (const double depth = depth_below_optimum(record); depth > 0) {
      below[{record.optimizer, to_string(record.task)}].push_back(depth);
    }
    if (const Outcome& run = record.outcome; failed(run)) {
      auto& calls = failures[{record.optimizer, to_string(record.task), run.status, reason_of_failure(run)}];
      calls.push_back(run.values + run.gradients);
    }
  }
  for (const auto& [what, calls] : failures) {
    const auto& [label, task, status, reason] = what;
    const auto [least, most] = std::ranges::minmax(calls);
    out.failures.push_back(fmt::format("{} on {}: {} × {}{}, after {} calls", label, task, calls.size(), status,
                                       reason.empty() ? "" : ": " + reason,
                                       least == most ? fmt::format("{}", least) : fmt::format("{} to {}", least, most)));
  }
  for (const auto& [what, depths] : below) {
    out.doubts.push_back(
        fmt::format("{} on {}: {} × a value below the known optimum, by up to {:.3g}: the record, or the "
                    "optimum of the problem, is wrong",
                    what.first, what.second, depths.size(), std::ranges::max(depths)));
  }
  for (auto& row : out.rows) {
    std::vector<Stratum> strata;
    for (const auto& cell : row.cells) strata.push_back(relative_gaps(cell));
    row.score = bootstrap(strata, interquartile_mean);
  }
  rank(out);
  std::ranges::stable_sort(out.rows, {}, [](const auto& row) { return std::pair{row.score.estimate, row.mean_rank}; });
  return out;
}

Results read_results(const std::filesystem::path& directory) {
  ReportOptions options;
  options.name = std::filesystem::absolute(directory).lexically_normal().filename().string();
  if (std::ifstream file(directory / "suite.json"); file) {
    try {
      const auto values = parse_json({std::istreambuf_iterator<char>(file), {}});
      if (!values.is_object()) throw std::invalid_argument("not a JSON object");
      if (values.contains("name")) detail::assign("name", options.name, values["name"]);
      set_options(options, known_options<ReportOptions>(values));
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument((directory / "suite.json").string() + ": " + error.what() +
                                  ": run the `scout bench` of this folder again, which writes it anew");
    }
  }
  const auto records = read_records(directory);
  if (records.empty()) {
    throw std::invalid_argument((directory / "records.jsonl").string() + ": no records; run `scout bench SUITE --out " +
                                directory.string() + "` first");
  }
  Results out = collect(records, options);
  out.step_costs = read_step_costs(directory);
  return out;
}

double relative_at(const Run& run, Cost cost, int dimension, double paid) {
  double gap = run.start_gap;
  for (const auto& point : run.curve) {
    if (cost_of(cost, point.values, point.gradients, dimension) > paid) break;
    gap = point.best;
  }
  return relative_gap(gap, run.start_gap);
}

Stratum relative_gaps(const Cell& cell) {
  std::map<int, std::vector<double>> rows;
  for (const auto& run : cell) rows[run.instance].push_back(run.relative);
  Stratum out;
  for (auto& [instance, row] : rows) out.push_back(std::move(row));
  return out;
}

std::vector<std::vector<bool>> best_cells(const Results& results, std::size_t columns, const CellBadness& badness) {
  std::vector<std::vector<bool>> out(results.rows.size(), std::vector<bool>(columns));
  for (std::size_t c = 0; badness && c < columns; ++c) {
    double least = INFINITY;
    for (std::size_t r = 0; r < out.size(); ++r) least = std::min(least, badness(r, c));
    for (std::size_t r = 0; r < out.size(); ++r) out[r][c] = std::isfinite(least) && badness(r, c) == least;
  }
  return out;
}

std::string text_table(const Results& results, std::size_t width, const CellText& text, const CellBadness& badness,
                       const std::vector<std::string>& last) {
  std::size_t names = 10;
  for (const auto& row : results.rows) names = std::max(names, row.label.size());
  const auto end_of_line = [&](std::size_t line) {
    return last.empty() ? "\n" : fmt::format(" {:>{}}\n", last[line], width + 1);
  };
  std::string out = fmt::format("{:<{}}", "", names);
  for (std::size_t t = 0; t < results.tasks.size(); ++t)
    out += fmt::format(" {:>{}}", fmt::format("[{}]", t + 1), width + 1);
  out += end_of_line(0);
  const auto best = best_cells(results, results.tasks.size(), badness);
  for (std::size_t r = 0; r < results.rows.size(); ++r) {
    out += fmt::format("{:<{}}", results.rows[r].label, names);
    for (std::size_t t = 0; t < results.tasks.size(); ++t) {
      out += fmt::format(" {:>{}}{}", text(r, t), width, best[r][t] ? '*' : ' ');
    }
    out += end_of_line(r + 1);
  }
  return out;
}

std::string text_tasks(const Results& results) {
  std::string out;
  for (std::size_t t = 0; t < results.tasks.size(); ++t) out += fmt::format("[{}] {}\n", t + 1, to_string(results.tasks[t]));
  return out;
}

std::string headline(const Results& results) {
  const auto* policy = results.best(true);
  const auto* rival = results.best(false);
  if (!policy || !rival) {
    const auto& first = results.rows.front();
    return fmt::format("{} leads: interquartile mean of the relative gap {:.3g} over {} problems.", first.label,
                       first.score.estimate, results.tasks.size());
  }
  std::size_t wins = 0;
  for (std::size_t t = 0; t < results.tasks.size(); ++t) {
    wins += std::ranges::none_of(results.rows, [&](const OptimizerRow& row) {
      return !row.policy && median_gap(row.cells[t]) <= median_gap(policy->cells[t]);
    });
  }
  return fmt::format(
      "{} has a lower median final gap than every baseline on {} of {} problems. Over all runs its relative gap is {:.3g} "
      "(95 % "
      "interval {:.3g} to {:.3g}); that of the best baseline, {}, is {:.3g} ({:.3g} to {:.3g}).",
      policy->label, wins, results.tasks.size(), policy->score.estimate, policy->score.low, policy->score.high, rival->label,
      rival->score.estimate, rival->score.low, rival->score.high);
}

std::string summary_table(const Results& results) {
  const auto gap = [&](std::size_t r, std::size_t t) { return median_gap(results.rows[r].cells[t]); };
  std::vector<std::string> scores{"IQM rel."};
  for (const auto& row : results.rows) scores.push_back(text_number(row.score.estimate));
  return "Median final gap (f - f*)/unit, in the textbook function's units (* lowest); last column: interquartile mean of "
         "the "
         "relative gap\n" +
         text_table(
             results, 9, [&](auto r, auto t) { return text_number(gap(r, t)); }, gap, scores) +
         text_tasks(results);
}

}  // namespace scout::bench
