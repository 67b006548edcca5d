// Models of f at large, fitted to what a run has found.
#pragma once

#include <vector>

#include "scout/policy/control/memory.h"

namespace scout {

struct ModelErrors {
  double separable = 1, quadratic = 1;  ///< shares of the variance that the models leave unexplained
};

/// Where a sum of functions of one coordinate is lowest that has the gradients found (SeparableSurrogate) [M]; empty if
/// there are too few.
std::vector<double> separable_minimum(const Memory& memory, ModelErrors* errors = nullptr);
/// Where a + bᵀx + h|x|², fitted to explored values, is lowest in the box [M]; empty if there are too few, or M is too large
/// for it.
std::vector<double> quadratic_minimum(const Memory& memory, ModelErrors* errors = nullptr);

}  // namespace scout
