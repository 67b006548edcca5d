#include "scout/policy/rule/update_rule.h"

#include <stdexcept>

namespace scout {

void UpdateRule::require_parameter_count(std::size_t count) const {
  if (count == parameter_count()) return;
  throw std::invalid_argument("it has " + std::to_string(count) + " parameters, and its architecture needs " +
                              std::to_string(parameter_count()));
}

}  // namespace scout
