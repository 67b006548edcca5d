// The scalar reference of the fused step: the formulas of weight_step.h written plainly, for tests and for teachers that
// want to know what the network saw.
#pragma once

#include <array>

#include "scout/policy/weight/weight_step.h"

namespace scout::kernel::reference {

/// What the step sees of one weight.
struct WeightView {
  std::array<float, kFeatures> features;
  float sign;                     ///< σ
  std::array<float, 4> p;         ///< of g and the momenta, towards σ
  std::array<float, kMomenta> m;  ///< the momenta, g taken in
  float v;                        ///< the second moment, g taken in
  bool finite;                    ///< whether the gradient was
};

/// Weight `i` of a piece, as it is before the step.
WeightView view(const StepConstants& constants, const StepArrays& arrays, std::size_t i);

TensorSums tensor_sums(const float* theta, const float* gradient, std::size_t n);
StepSums weight_step(const StepMlp& network, const StepConstants& constants, const StepArrays& arrays, std::size_t n);

}  // namespace scout::kernel::reference
