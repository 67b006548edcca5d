// Every family of problems by its name.
#pragma once

#include "scout/problem/instance.h"

namespace scout {

/// A family by name: an analytic function with any of the suffixes `-rotated` and `-noisy`, in this order, e.g.
/// "rastrigin-rotated-noisy", or a part of one, e.g. "schwefel:instance=0,region=0.1" (see problem/narrow_family.h); real
/// problems for judging, e.g. "nist" (see problem/real/families.h); or a network on a data set, e.g.
/// "mlp-mnist:hidden=32x32,batch=16|64" (see problem/classifier/family.h). Throws std::invalid_argument that lists the known
/// names.
std::shared_ptr<const Family> family(std::string_view name);

/// Every family name without suffixes and axes: analytic functions, real problems, then networks.
std::vector<std::string> family_names();

}  // namespace scout
