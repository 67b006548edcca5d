#pragma once

namespace scout::baseline {

/// Limits LibTorch to one thread an operation, for operations of the calling thread: runs are already parallel, and the
/// problems are far too small to split. (The setting is OpenMP's, which every thread has its own of.)
void use_one_torch_thread();

}  // namespace scout::baseline
