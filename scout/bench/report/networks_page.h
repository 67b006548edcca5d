// The report of a suite whose tasks are all the training of networks.
#pragma once

#include <string>

#include "scout/bench/tables/results.h"

namespace scout::bench {

/// The page's body, as HTML. Throws std::runtime_error if gnuplot fails or is missing.
std::string networks_body(const Results& results);

}  // namespace scout::bench
