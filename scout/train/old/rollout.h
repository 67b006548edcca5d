// Rollouts of a policy on functions.
#pragma once

#include <span>
#include <vector>

#include "scout/base/parallel.h"
#include "scout/base/random.h"
#include "scout/policy/rule/actor.h"
#include "scout/train/episode/environment.h"

namespace scout {

/// Rolls `environments` forward together, without noise if `noise` is empty, else with normal noise of standard deviation
/// noise[e] from random[e] on the actions of environment e. All environments must have been started; each makes `steps`
/// updates.
void roll_out(const Actor& actor, const std::vector<float>& parameters, std::span<Environment> environments, int steps,
              std::span<const double> noise, std::span<Random> random);

/// The same, shared out among the threads of a team.
void roll_out(const Actor& actor, const std::vector<float>& parameters, std::span<Environment> environments, int steps,
              std::span<const double> noise, std::span<Random> random, ThreadTeam& team);

}  // namespace scout
