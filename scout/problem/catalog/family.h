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

/// Makes a family of one's own, such as a `drawn_family` of problem.h, known by its name: trainings, and whatever else names
/// problems, then find it for as long as the program runs. May be called from several threads at once. Throws
/// std::invalid_argument if there is a family of that name.
void add_family(std::shared_ptr<const Family> family);

/// Every family name without suffixes and axes: analytic functions, real problems, networks,
/// then those that were added.
std::vector<std::string> family_names();

}  // namespace scout
