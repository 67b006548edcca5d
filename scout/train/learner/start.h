// What a training starts from, by its options.
#pragma once

#include <vector>

#include "scout/base/random.h"
#include "scout/policy/rules.h"
#include "scout/train/episode/episode.h"
#include "scout/train/learner/options.h"

namespace scout {

/// The rule whose parameters are trained. Throws std::invalid_argument if a rule for a fixed M meets several dimensions.
RuleOptions rule_options_of(const TrainOptions& options);
EpisodeOptions episode_options_of(const TrainOptions& options, const UpdateRule& rule);
/// The parameters that learning starts from: those of the policy `policy.start`, or random ones.
std::vector<float> initial_parameters(const UpdateRule& rule, const TrainOptions& options, Seed seed);

}  // namespace scout
