// For tests: optimizers by name.
#pragma once

#include "scout/baseline/table.h"

namespace scout {

/// Throws std::invalid_argument for an unknown name, and for a setting that is unknown or out of range, naming it.
inline std::unique_ptr<Optimizer> make_optimizer(std::string_view name, const nlohmann::json& settings) {
  return optimizer_entry(name).make(settings);
}

}  // namespace scout
