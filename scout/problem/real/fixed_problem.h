// Fixed problems for judging: what one is, and families of them.
#pragma once

#include <functional>

#include "scout/problem/dual.h"
#include "scout/problem/problem.h"

namespace scout {

/// What an instance of a family of fixed problems is made of.
using FixedProblem = Problem;

/// `make(index)` gives problem number `index` < `count`; the same one each time. The instances are those of the split test:
/// the others are refused, since these problems are for judging.
std::shared_ptr<const Family> fixed_family(std::string name, std::string summary, int count,
                                           std::function<FixedProblem(int index)> make);

/// The seed of the generated data of one problem.
Seed fixed_problem_seed(std::string_view family, int index);

}  // namespace scout
