// One interface for the learned policies and for every baseline.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "scout/base/random.h"
#include "scout/optimizer/oracle.h"

namespace scout {

/// How a run ended by itself. A run that used its budget ends by BudgetExhausted instead.
enum class Ending { converged, stalled, failed };

/// An optimizer's steps on the weights of a network, apart from any training, so that one can be timed beside another's.
class StepMeter {
 public:
  virtual ~StepMeter() = default;

  /// Makes one step along a new gradient. Returns the seconds of the thread's CPU time that the step took, the gradient's
  /// not counted.
  virtual double step() = 0;
  /// Bytes of the tensors that are kept from step to step, besides weights and gradients, as of now.
  virtual std::int64_t state_bytes() const = 0;
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// Minimises from `start` [M] until it is done or the oracle throws BudgetExhausted. The result is what the oracle
  /// recorded. `seed` drives every random choice. May be called from several threads at once.
  virtual Ending run(Oracle& oracle, std::span<const double> start, Seed seed) const = 0;

  /// Its steps, as a training loop in LibTorch makes them: on float32 tensors of these shapes, in one thread, of a training
  /// of `horizon` steps. Null where a step is nothing apart from the run.
  virtual std::unique_ptr<StepMeter> step_meter([[maybe_unused]] const std::vector<TensorShape>& tensors,
                                                [[maybe_unused]] std::int64_t horizon) const {
    return nullptr;
  }
};

/// A row of the table of optimizers.
struct OptimizerEntry {
  const char* name;     ///< e.g. "adam"
  const char* summary;  ///< one line for `scout list optimizers`
  /// The settings to try when tuning, each a JSON object that `make` accepts; at least one.
  std::vector<nlohmann::json> (*grid)();
  /// Throws std::invalid_argument naming a setting that is unknown or out of range.
  std::unique_ptr<Optimizer> (*make)(const nlohmann::json& settings);
  /// New wherever the method is changed but its name is kept, so that no archived result of the old one is taken for its
  /// own.
  const char* version = "";
};

}  // namespace scout
