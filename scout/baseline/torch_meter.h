// What optimizers of LibTorch need, and what a step of one costs.
#pragma once

#include <torch/optim/optimizer.h>

#include <functional>

#include "scout/optimizer/optimizer.h"

namespace scout::baseline {

/// Limits LibTorch to one thread an operation, for operations of the calling thread: runs are already parallel, and the
/// problems are far too small to split. (The setting is OpenMP's, which every thread has its own of.)
void use_one_torch_thread();

/// Bytes of the tensors in the state of one of torch's own optimizers. Throws std::invalid_argument for any other.
std::int64_t state_bytes(const torch::optim::Optimizer& optimizer);

/// Sizes of a tensor as far as an optimizer sees them: a filter is the matrix [rows, size / rows], and what lies behind its
/// second dimension is 1.
std::vector<std::int64_t> tensor_sizes(const TensorShape& shape);

using MakeTorch = std::function<std::unique_ptr<torch::optim::Optimizer>(const std::vector<at::Tensor>& parameters)>;
using StateBytes = std::function<std::int64_t(const torch::optim::Optimizer&)>;

/// Meters the optimizer that `make` returns for float32 parameters of these shapes. Weights are drawn as by an ordinary
/// initialisation; every step's gradient is that of a wide bowl, in noise.
std::unique_ptr<StepMeter> torch_meter(const std::vector<TensorShape>& tensors, const MakeTorch& make,
                                       StateBytes bytes = state_bytes);

}  // namespace scout::baseline
