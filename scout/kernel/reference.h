// The scalar reference of the fused step: the formulas of network_step.h written plainly, for tests.
#pragma once

#include "scout/kernel/network_step.h"

namespace scout::kernel::reference {

TensorSums tensor_sums(const float* theta, const float* gradient, std::size_t n);
StepSums network_step(const Network& network, const StepConstants& constants, const StepArrays& arrays, std::size_t n);

}  // namespace scout::kernel::reference
