// Options from --set key=value.
#pragma once

#include <string>
#include <vector>

#include "scout/base/options.h"

namespace scout {

template <class Options>
void apply_assignments(Options& options, const std::vector<std::string>& assignments) {
  for (const auto& assignment : assignments) set_options(options, parse_assignment(assignment));
}

}  // namespace scout
