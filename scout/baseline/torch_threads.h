#pragma once

namespace scout::baseline {

/// Limits LibTorch to one thread an operation, in the whole process, on the first call: runs are already parallel, and the
/// problems are far too small to split.
void use_one_torch_thread();

}  // namespace scout::baseline
