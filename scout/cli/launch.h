// Whether this process is one rank of several, and its way to the others.
#pragma once

#include <memory>
#include <string>

#include "scout/base/parallel.h"
#include "scout/train/ranks/transport.h"

namespace scout {

/// What mpirun or srun say in the environment; a process of its own is rank 0 of 1. The variables are inherited by what a
/// rank starts: a process that is alone nevertheless is told so by --alone. Throws std::runtime_error if the
/// variables make no sense.
RankOf detect_launch();

/// Loads the MPI module, which lies beside the program or, installed, in lib/scout, and meets the other ranks. Throws
/// std::runtime_error that says what to do if there is no module, or if it cannot be loaded.
std::unique_ptr<Transport> open_transport(const RankOf& job);

/// Throws std::invalid_argument if this is one of several processes: each would do all the work of `command`, into the same
/// files.
void refuse_several(const RankOf& job, const std::string& command);

}  // namespace scout
