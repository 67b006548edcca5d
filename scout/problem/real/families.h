// Families of real problems with known answers. They are for judging: nothing is trained or tuned on them.
#pragma once

#include "scout/problem/real/fixed_problem.h"

namespace scout {
namespace real {

std::shared_ptr<const Family> nist();                   // nist.cc
std::shared_ptr<const Family> more_garbow_hillstrom();  // more_garbow_hillstrom.cc
std::shared_ptr<const Family> lennard_jones();          // lennard_jones.cc
std::shared_ptr<const Family> exponential_sum();        // sums.cc
std::shared_ptr<const Family> sine_sum();               // sums.cc
std::shared_ptr<const Family> phase_retrieval();        // phase_retrieval.cc
std::shared_ptr<const Family> gp_hyperparameters();     // gp_hyperparameters.cc
std::shared_ptr<const Family> ode_fit();                // ode_fit.cc

}  // namespace real

/// Every family of this folder.
const std::vector<std::shared_ptr<const Family>>& real_families();

/// The one called `name`; null if there is none.
std::shared_ptr<const Family> real_family(std::string_view name);

}  // namespace scout
