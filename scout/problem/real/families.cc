#include "scout/problem/real/families.h"

#include <algorithm>

namespace scout {

const std::vector<std::shared_ptr<const Family>>& real_families() {
  static const std::vector<std::shared_ptr<const Family>> families{
      real::nist(),     real::more_garbow_hillstrom(), real::lennard_jones(),      real::exponential_sum(),
      real::sine_sum(), real::phase_retrieval(),       real::gp_hyperparameters(), real::ode_fit(),
  };
  return families;
}

std::shared_ptr<const Family> real_family(std::string_view name) {
  const auto found = std::ranges::find(real_families(), name, [](const auto& family) { return family->name(); });
  return found == real_families().end() ? nullptr : *found;
}

}  // namespace scout
