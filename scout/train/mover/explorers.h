// The kinds of explorers. Each is defined in the file of its name, and stands in the table (explorers.cc).
#pragma once

#include "scout/train/mover/mover.h"

namespace scout::explorer {

extern const ExplorerEntry coordinate, weights, tensor, orthogonal;

}  // namespace scout::explorer
