// What is kept of a benchmark: of a run a line of `records.jsonl`, of a task's steps a line of `steps.jsonl`. Reports and
// statistics read nothing else.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "scout/optimizer/optimizer.h"

namespace scout::bench {

/// One column of the result tables: a family at a dimension and a budget of oracle calls.
struct Task {
  std::string problem;
  int dimension = 1;  ///< 0: fixed problems, each with its own
  std::int64_t budget = 0;
  auto operator<=>(const Task&) const = default;
};
/// E.g. "rastrigin, 10-D, 200 calls".
std::string to_string(const Task& task);

/// What happened in one run.
struct Outcome {
  /// done: the budget was used; converged, stalled, failed: the optimizer says so; non-finite: no finite f was ever seen;
  /// error: an exception, whose text is `message`.
  std::string status;
  std::string message;
  std::string note{};  ///< what the optimizer says of the run's end, for people; not recorded
  std::int64_t values = 0;
  std::int64_t gradients = 0;
  std::int64_t non_finite = 0;  ///< answers that were not finite
  double start_value = std::numeric_limits<double>::infinity();
  double best = std::numeric_limits<double>::infinity();   ///< least true f of the points asked about
  double final = std::numeric_limits<double>::infinity();  ///< true f at the last point asked about
  std::vector<Metric> metrics;                             ///< Instance::metrics there, if asked for
  std::vector<CurvePoint> curve;                           ///< at most 64 points
  double seconds = 0;                                      ///< wall clock of the run, without the judge's
  double objective_seconds = 0;                            ///< thereof in the objective
  std::vector<double> path;                                ///< [K, M], only if asked for; not recorded
  std::vector<double> best_point;                          ///< [M]; not recorded
};

/// Whether it ended as failed, non-finite or error.
bool failed(const Outcome& outcome);
/// Its message or, if the optimizer gave up where an answer was not finite, that it diverged; may be empty.
std::string reason_of_failure(const Outcome& outcome);

struct Record {
  Task task;
  int instance = 0;
  int seed = 0;
  std::optional<int> own_dimension;  ///< of the instance, where the task has none
  std::string optimizer;             ///< label
  std::string method;                ///< name in the table of optimizers, or policy:PATH
  nlohmann::json settings;
  std::string key;          ///< hash of all that the run depends on besides instance and seed
  bool stochastic = false;  ///< Instance::stochastic(): a training run, which is judged by where it ends
  std::optional<double> optimum;
  double unit = 1;  ///< Instance::value_scale(): gaps are reported in multiples of it
  Outcome outcome;
  nlohmann::json training_cost = nlohmann::json::object();  ///< Contestant::training_cost
  nlohmann::json machine;
  nlohmann::json versions;
};

/// `x` to `digits` significant decimal digits.
double round_to_digits(double x, int digits);

/// Numbers of stochastic runs are rounded to six digits, so that archives stay small.
nlohmann::json record_to_json(const Record& record);
/// Throws std::invalid_argument naming what is missing. Fields that older versions did not write get their defaults.
Record record_from_json(const nlohmann::json& line);

/// `DIR/records.jsonl`.
std::vector<Record> read_records(const std::filesystem::path& directory);

/// What one step of an optimizer costs on the weights of a task's network.
struct StepCost {
  std::string optimizer;         ///< label
  double seconds = 0;            ///< median CPU time of a step, the gradient not counted
  std::int64_t state_bytes = 0;  ///< after the last step
};

/// Of the optimizers of a task, measured in turns in one process, on one thread.
struct StepCosts {
  Task task;
  std::string key;  ///< hash of the optimizers, their settings and the task
  std::int64_t weights = 0;
  std::int64_t tensors = 0;
  StepCost adam;                ///< torch's, on the same weights
  std::vector<StepCost> costs;  ///< of those whose steps can be taken apart from their runs
  nlohmann::json machine;
  nlohmann::json versions;

  /// Null if that optimizer has none.
  const StepCost* of(const std::string& optimizer) const;
};

nlohmann::json step_costs_to_json(const StepCosts& costs);
/// Throws std::invalid_argument naming what is missing.
StepCosts step_costs_from_json(const nlohmann::json& line);
/// `DIR/steps.jsonl`; empty if it is not there.
std::vector<StepCosts> read_step_costs(const std::filesystem::path& directory);

}  // namespace scout::bench
