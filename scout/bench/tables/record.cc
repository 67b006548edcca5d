#include "scout/bench/tables/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "scout/base/json_lines.h"
#include "scout/base/numbers.h"
#include "scout/base/options.h"

namespace scout::bench {
namespace {

constexpr int kDigits = 6, kStepDigits = 4;

/// JSON has no infinity: null stands for it.
nlohmann::json finite(double x) { return std::isfinite(x) ? nlohmann::json(x) : nlohmann::json(); }
double number(const nlohmann::json& x) { return x.is_null() ? INFINITY : x.get<double>(); }

/// A whole number; one that its type does not hold is refused, where nlohmann-json would cut it off.
template <class Whole>
Whole whole(const nlohmann::json& line, const char* key) {
  Whole out = 0;
  detail::assign(key, out, line.at(key));
  return out;
}

Task task_of(const nlohmann::json& line) {
  return {line.at("problem"), whole<int>(line, "dimension"), whole<std::int64_t>(line, "budget")};
}

nlohmann::json cost_to_json(const StepCost& cost) {
  return {{"optimizer", cost.optimizer},
          {"seconds", round_to_digits(cost.seconds, kStepDigits)},
          {"state_bytes", cost.state_bytes}};
}
StepCost cost_from_json(const nlohmann::json& json) {
  return {json.at("optimizer"), json.at("seconds"), whole<std::int64_t>(json, "state_bytes")};
}

}  // namespace

std::string to_string(const Task& task) {
  const std::string dimension = task.dimension > 0 ? fmt::format(" {}-D,", task.dimension) : "";
  return fmt::format("{},{} {} calls", task.problem, dimension, task.budget);
}

bool failed(const Outcome& outcome) {
  return outcome.status == "failed" || outcome.status == "non-finite" || outcome.status == "error";
}

std::string reason_of_failure(const Outcome& outcome) {
  if (!outcome.message.empty() || outcome.status != "failed" || outcome.non_finite == 0) return outcome.message;
  return "diverged, f or its gradient was not finite";
}

double round_to_digits(double x, int digits) {
  return std::isfinite(x) ? *parse_number(fmt::format("{:.{}g}", x, digits)) : x;
}

nlohmann::json record_to_json(const Record& record) {
  const Outcome& run = record.outcome;
  const auto number = [&](double x) { return finite(record.stochastic ? round_to_digits(x, kDigits) : x); };
  nlohmann::json values = nlohmann::json::array(), gradients = values, best = values;
  for (const auto& point : run.curve) {
    values.push_back(point.values);
    gradients.push_back(point.gradients);
    best.push_back(number(point.best));
  }
  nlohmann::json line{{"problem", record.task.problem},
                      {"dimension", record.task.dimension},
                      {"budget", record.task.budget},
                      {"instance", record.instance},
                      {"seed", record.seed},
                      {"optimizer", record.optimizer},
                      {"method", record.method},
                      {"settings", record.settings},
                      {"key", record.key},
                      {"status", run.status},
                      {"values", run.values},
                      {"gradients", run.gradients},
                      {"non_finite", run.non_finite},
                      {"start", number(run.start_value)},
                      {"unit", record.unit},
                      {"optimum", record.optimum ? nlohmann::json(*record.optimum) : nlohmann::json()},
                      {"best", number(run.best)},
                      {"final", number(run.final)},
                      {"curve", {{"values", values}, {"gradients", gradients}, {"best", best}}},
                      {"seconds", number(run.seconds)},
                      {"objective_seconds", number(run.objective_seconds)},
                      {"machine", record.machine},
                      {"versions", record.versions}};
  if (record.own_dimension) line["own_dimension"] = *record.own_dimension;
  if (record.stochastic) line["stochastic"] = true;
  if (!record.training_cost.empty()) line["training_cost"] = record.training_cost;
  for (const auto& [name, value] : run.metrics) line["metrics"][name] = number(value);
  if (!run.message.empty()) line["message"] = run.message;
  return line;
}

Record record_from_json(const nlohmann::json& line) {
  try {
    Record record;
    Outcome& run = record.outcome;
    record.task = task_of(line);
    record.instance = whole<int>(line, "instance");
    record.seed = whole<int>(line, "seed");
    if (line.contains("own_dimension")) record.own_dimension = whole<int>(line, "own_dimension");
    record.optimizer = line.at("optimizer");
    record.method = line.value("method", record.optimizer);
    record.settings = line.value("settings", nlohmann::json::object());
    record.key = line.value("key", "");
    run.status = line.at("status");
    run.message = line.value("message", "");
    run.values = whole<std::int64_t>(line, "values");
    run.gradients = whole<std::int64_t>(line, "gradients");
    if (line.contains("non_finite")) run.non_finite = whole<std::int64_t>(line, "non_finite");
    run.start_value = number(line.at("start"));
    record.unit = line.value("unit", 1.0);
    if (const auto& optimum = line.at("optimum"); !optimum.is_null()) record.optimum = optimum.get<double>();
    run.best = number(line.at("best"));
    if (line.contains("final")) run.final = number(line.at("final"));
    record.stochastic = line.value("stochastic", false);
    record.training_cost = line.value("training_cost", record.training_cost);
    const auto metrics = line.value("metrics", nlohmann::json::object());
    for (const auto& [name, value] : metrics.items()) run.metrics.push_back({name, number(value)});
    const auto& curve = line.at("curve");
    for (std::size_t i = 0; i < curve.at("best").size(); ++i) {
      auto& point = run.curve.emplace_back();
      detail::assign("curve.values", point.values, curve.at("values").at(i));
      detail::assign("curve.gradients", point.gradients, curve.at("gradients").at(i));
      point.best = number(curve.at("best").at(i));
    }
    run.seconds = line.value("seconds", 0.0);
    run.objective_seconds = line.value("objective_seconds", 0.0);
    record.machine = line.value("machine", nlohmann::json::object());
    record.versions = line.value("versions", nlohmann::json::object());
    return record;
  } catch (const nlohmann::json::exception& error) {
    throw std::invalid_argument(std::string("not a record of a run: ") + error.what());
  }
}

std::vector<Record> read_records(const std::filesystem::path& directory) {
  const auto path = directory / "records.jsonl";
  std::vector<Record> out;
  for (const auto& line : read_json_lines(path)) {
    try {
      out.push_back(record_from_json(line));
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(fmt::format("{}, record {}: {}", path.string(), out.size() + 1, error.what()));
    }
  }
  return out;
}

const StepCost* StepCosts::of(const std::string& optimizer) const {
  const auto found = std::ranges::find(costs, optimizer, &StepCost::optimizer);
  return found == costs.end() ? nullptr : &*found;
}

nlohmann::json step_costs_to_json(const StepCosts& costs) {
  nlohmann::json line{{"problem", costs.task.problem},    {"dimension", costs.task.dimension},
                      {"budget", costs.task.budget},      {"key", costs.key},
                      {"weights", costs.weights},         {"tensors", costs.tensors},
                      {"adam", cost_to_json(costs.adam)}, {"steps", nlohmann::json::array()},
                      {"machine", costs.machine},         {"versions", costs.versions}};
  for (const StepCost& cost : costs.costs) line["steps"].push_back(cost_to_json(cost));
  return line;
}

StepCosts step_costs_from_json(const nlohmann::json& line) {
  try {
    StepCosts out{.task = task_of(line),
                  .key = line.at("key"),
                  .weights = whole<std::int64_t>(line, "weights"),
                  .tensors = whole<std::int64_t>(line, "tensors"),
                  .adam = cost_from_json(line.at("adam")),
                  .costs = {},
                  .machine = line.value("machine", nlohmann::json::object()),
                  .versions = line.value("versions", nlohmann::json::object())};
    for (const auto& cost : line.at("steps")) out.costs.push_back(cost_from_json(cost));
    return out;
  } catch (const nlohmann::json::exception& error) {
    throw std::invalid_argument(std::string("not a record of steps: ") + error.what());
  }
}

std::vector<StepCosts> read_step_costs(const std::filesystem::path& directory) {
  std::vector<StepCosts> out;
  for (const auto& line : read_json_lines(directory / "steps.jsonl")) out.push_back(step_costs_from_json(line));
  return out;
}

}  // namespace scout::bench
