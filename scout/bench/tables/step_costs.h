// What one step of each optimizer costs on the weights of a task's network, in time and memory: a line of `steps.jsonl`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "scout/bench/tables/record.h"

namespace scout::bench {

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
