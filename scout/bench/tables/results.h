// Records as run-by-task tables, and what the report says about them.
#pragma once

#include <functional>

#include "scout/base/options.h"
#include "scout/bench/tables/record.h"
#include "scout/bench/tables/statistics.h"

namespace scout::bench {

/// What a benchmark suite says about its tables: which there are, in which order, and what counts as success.
struct ReportOptions {
  std::string name;  ///< the file's stem; not an option
  std::string title;
  std::vector<std::string> problems;
  std::vector<int> dimensions{10};
  std::vector<std::int64_t> budgets{200};
  std::vector<double> targets{1e-1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8};
  std::string precision = "relative";
  double success = 0;

  template <class Visitor>
  void describe(Visitor&& visit) {
    visit("title", title, "one line, the heading of the report");
    visit("problems", problems, "names of problem families");
    visit("dimensions", dimensions, "M, the numbers of coordinates; a network has its own", at_least(1));
    visit("budgets", budgets, "oracle calls of a run; one f and one gradient each count 1", at_least(1));
    visit("targets", targets, "precisions that count as success", positive());
    visit("precision", precision, "what a target bounds: relative, (f - f*) / (f(start) - f*); absolute, f - f*",
          OneOf{{"relative", "absolute"}});
    visit(
        "success", success,
        "for a table of runs that find the least value f*: the share of |f*| that f - f* may be; where f* is 0, its square "
        "in units of the problem, such as the sum of squares of the data; 0: no such table",
        at_least(0));
  }
};

/// What a run costs: oracle calls (one f or one gradient is 1), or evaluations (one gradient is M, to stand beside
/// derivative-free methods).
enum class Cost { calls, evaluations };
double cost_of(Cost cost, std::int64_t values, std::int64_t gradients, int dimension);

/// A run with its gaps to f*: the optimum where it is known, else the best value that any run found on the instance. The
/// training of a network, whose loss is not below 0, has f* = 0 and is judged by where it ends: its gap is the final loss.
struct Run {
  int instance;
  int seed;
  bool failed;  ///< status failed, non-finite or error
  double start_gap;
  double gap;
  double relative;     ///< relative_gap(gap, start_gap)
  std::int64_t steps;  ///< gradients asked for
  std::vector<Metric> metrics;
  double seconds;
  double optimizer_seconds;              ///< thereof not in the objective
  std::vector<TargetCost> to_target[2];  ///< by Cost, then by target
  TargetCost to_success;                 ///< calls, as ReportOptions::success says
  std::vector<CurvePoint> curve;         ///< `best` as a gap
};

/// The runs of one optimizer on one task.
using Cell = std::vector<Run>;

struct OptimizerRow {
  std::string label;
  std::string method;  ///< name in the table of optimizers, or policy:PATH
  bool policy = false;
  nlohmann::json training_cost;          ///< Contestant::training_cost
  std::vector<Cell> cells;               ///< by task; empty if it was not run there
  Interval score{};                      ///< interquartile mean of the relative gap over all runs, 95 % interval
  double mean_rank = 0;                  ///< of the median gap, mean over tasks; equal medians share a rank
  std::vector<nlohmann::json> settings;  ///< by task
};

struct Results {
  std::string title;
  std::vector<Task> tasks;
  std::vector<OptimizerRow> rows;  ///< best score first
  std::vector<double> targets;
  bool relative_targets = true;
  double success = 0;     ///< of ReportOptions
  bool training = false;  ///< every task is the training of a network
  std::vector<StepCosts> step_costs;
  int instances = 0;
  int seeds = 0;
  nlohmann::json machine;
  nlohmann::json versions;
  std::vector<std::string> failures;  ///< one line for each kind of failure of an optimizer on a task
  std::vector<std::string> doubts;    ///< one line for each optimizer and task with values far below the known optimum

  /// The best row that is (not) a policy; null if there is none.
  const OptimizerRow* best(bool policy) const;
  /// The costs of steps on a task; null if they were not measured.
  const StepCosts* steps_on(const Task& task) const;
};

/// Throws std::invalid_argument if there are no records.
Results collect(const std::vector<Record>& records, const ReportOptions& options);

/// Reads DIR/records.jsonl and, where they are there, DIR/steps.jsonl and DIR/suite.json, for the ReportOptions.
Results read_results(const std::filesystem::path& directory);

/// The median over the runs of a cell of `quantity(run)`; infinity if it is empty.
template <class Quantity>
double median_of(const Cell& cell, Quantity&& quantity) {
  std::vector<double> values;
  for (const auto& run : cell) values.push_back(std::invoke(quantity, run));
  return values.empty() ? INFINITY : median(values);
}
inline double median_gap(const Cell& cell) { return median_of(cell, &Run::gap); }
inline double median_relative(const Cell& cell) { return median_of(cell, &Run::relative); }
/// The relative gap of one run when it had paid `paid`; 1 before its first answer.
double relative_at(const Run& run, Cost cost, int dimension, double paid);
/// The relative gaps of a cell, a row an instance.
Stratum relative_gaps(const Cell& cell);

/// `quantity(run)` of all runs of an optimizer.
template <class Quantity>
auto of_all_runs(const OptimizerRow& row, Quantity&& quantity) {
  std::vector<std::decay_t<std::invoke_result_t<Quantity, const Run&>>> out;
  for (const auto& cell : row.cells) {
    for (const auto& run : cell) out.push_back(std::invoke(quantity, run));
  }
  return out;
}

/// The cells of a table with a row an optimizer, and how bad each is.
using CellText = std::function<std::string(std::size_t row, std::size_t column)>;
using CellBadness = std::function<double(std::size_t row, std::size_t column)>;
/// Where the badness is the least of its column, and finite: by row, then by column. Nowhere, without `badness`.
std::vector<std::vector<bool>> best_cells(const Results& results, std::size_t columns, const CellBadness& badness);
/// The table as plain text, a column of `width` characters a task; * marks the best cells. `last` is a further column: its
/// heading, then its cells.
std::string text_table(const Results& results, std::size_t width, const CellText& text, const CellBadness& badness,
                       const std::vector<std::string>& last = {});
/// The tasks by their numbers, which head the columns, a line each.
std::string text_tasks(const Results& results);

/// One sentence: who wins, where, by how much.
std::string headline(const Results& results);

/// The median final gap of every optimizer on every task, as plain text with aligned columns; * marks the best of a column.
std::string summary_table(const Results& results);

}  // namespace scout::bench
