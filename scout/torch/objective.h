// Objectives written as torch expressions.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

#include "scout/optimizer/minimize.h"

namespace scout {

/// An objective from an expression that takes θ (float64, [M]) and returns one number; autograd gives the gradient, which is
/// zero where the result does not depend on θ. What the expression throws reaches the caller of `minimize` unchanged. The
/// objective throws std::invalid_argument if the result is not one number; so does this if there is no expression.
Objective torch_objective(std::function<at::Tensor(const at::Tensor& theta)> expression);

}  // namespace scout
