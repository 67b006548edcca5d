// Every baseline by name.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "scout/optimizer/optimizer.h"

namespace scout {

/// Every baseline, in the order of a listing.
const std::vector<OptimizerEntry>& optimizers();

/// The row named `name`; std::invalid_argument that lists the names if there is none.
const OptimizerEntry& optimizer_entry(std::string_view name);

/// An optimizer from its name and settings. Throws std::invalid_argument for an unknown name, and for a setting that is
/// unknown or out of range, naming it.
std::unique_ptr<Optimizer> make_optimizer(std::string_view name, const nlohmann::json& settings);

}  // namespace scout
