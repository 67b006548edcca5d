// Every optimizer that can be named on the command line.
#pragma once

#include "scout/bench/run/tuning.h"
#include "scout/policy/policy.h"

namespace scout {

/// The prefix of a policy file in a suite's list of optimizers.
inline constexpr std::string_view kPolicyPrefix = "policy:";

/// A row of the table of optimizers, or a policy file as "policy:PATH". Throws std::invalid_argument for an unknown name,
/// std::runtime_error for a policy file that cannot be used. `explorers`, and `threads` for their points: of policies, see
/// PolicyOptimizer.
bench::Contestant resolve_contestant(std::string_view name, int explorers = 1, int threads = 1);

/// A line of warning if `name` is a policy for the weights of networks and `problems` has functions, or a policy for
/// functions and `problems` has networks; else empty.
std::string warning_of_kind(const std::string& name, const std::vector<std::string>& problems);

}  // namespace scout
