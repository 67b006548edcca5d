// The time of optimizers' steps, measured side by side.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "scout/bench/tables/step_costs.h"
#include "scout/optimizer/optimizer.h"

namespace scout::bench {

/// Who is measured.
struct Metered {
  std::string optimizer;             ///< label
  std::unique_ptr<StepMeter> meter;  ///< not null
};

/// Measures `adam` and `metered`, whose meters make `warm_up` steps each and then `steps` that count, in turns.
StepCosts measure_steps(StepMeter& adam, const std::vector<Metered>& metered, int warm_up, int steps);

}  // namespace scout::bench
