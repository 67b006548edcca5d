// The learners. Each is defined in a file of its own, and stands in the table (learners.cc).
#pragma once

#include "scout/train/learner/learner.h"

namespace scout::learner {

extern const LearnerEntry ddpg, evolution, es;

}  // namespace scout::learner
