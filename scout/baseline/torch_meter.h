// What a step of an optimizer of LibTorch costs.
#pragma once

#include <torch/optim/optimizer.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "scout/optimizer/optimizer.h"

namespace scout::baseline {

/// Bytes of the tensors in the state of one of torch's own optimizers. Throws std::invalid_argument for any other.
std::int64_t state_bytes(const torch::optim::Optimizer& optimizer);

/// Meters the optimizer that `make` returns for float32 parameters of these shapes. Weights are drawn as by an ordinary
/// initialisation; every step's gradient is that of a wide bowl, in noise.
std::unique_ptr<StepMeter> torch_meter(
    const std::vector<TensorShape>& tensors,
    const std::function<std::unique_ptr<torch::optim::Optimizer>(const std::vector<at::Tensor>& parameters)>& make,
    std::function<std::int64_t(const torch::optim::Optimizer&)> bytes = state_bytes);

}  // namespace scout::baseline
