// One interface for the learned policies and for every baseline.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scout/base/random.h"
#include "scout/optimizer/oracle.h"

namespace scout {

/// How a run ended by itself. A run that used its budget ends by BudgetExhausted instead.
enum class Ending { converged, stalled, failed };

class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// Minimises from `start` [M] until it is done or the oracle throws BudgetExhausted. The result is what the oracle
  /// recorded. `seed` drives every random choice. May be called from several threads at once.
  virtual Ending run(Oracle& oracle, std::span<const double> start, Seed seed) const = 0;
};

/// A row of the table of optimizers.
struct OptimizerEntry {
  const char* name;     ///< e.g. "adam"
  const char* summary;  ///< one line for `scout list optimizers`
  /// The settings to try when tuning, each a JSON object that `make` accepts; at least one.
  std::vector<nlohmann::json> (*grid)();
  /// Throws std::invalid_argument naming a setting that is unknown or out of range.
  std::unique_ptr<Optimizer> (*make)(const nlohmann::json& settings);
};

}  // namespace scout
