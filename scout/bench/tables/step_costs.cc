#include "scout/bench/tables/step_costs.h"

#include <algorithm>
#include <stdexcept>

#include "scout/base/json_lines.h"

namespace scout::bench {
namespace {

constexpr int kDigits = 4;

nlohmann::json cost_to_json(const StepCost& cost) {
  return {
      {"optimizer", cost.optimizer}, {"seconds", round_to_digits(cost.seconds, kDigits)}, {"state_bytes", cost.state_bytes}};
}

StepCost cost_from_json(const nlohmann::json& json) {
  return {json.at("optimizer"), json.at("seconds"), json.at("state_bytes")};
}

}  // namespace

const StepCost* StepCosts::of(const std::string& optimizer) const {
  const auto found = std::find_if(costs.begin(), costs.end(), [&](const auto& cost) { return cost.optimizer == optimizer; });
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
    StepCosts out;
    out.task = {line.at("problem"), line.at("dimension"), line.at("budget")};
    out.key = line.at("key");
    out.weights = line.at("weights");
    out.tensors = line.at("tensors");
    out.adam = cost_from_json(line.at("adam"));
    for (const auto& cost : line.at("steps")) out.costs.push_back(cost_from_json(cost));
    out.machine = line.value("machine", nlohmann::json::object());
    out.versions = line.value("versions", nlohmann::json::object());
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
