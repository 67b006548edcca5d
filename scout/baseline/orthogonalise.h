#pragma once

#include <ATen/core/Tensor.h>

namespace scout::baseline {

/// Near the orthogonal matrix of `matrix` [m, n], U Vᵀ of its singular value decomposition, by five Newton-Schulz iterations
/// of order 5. Singular values come out between about 0.7 and 1.2, which is enough for an optimizer (Jordan et al. 2024).
at::Tensor orthogonalise(const at::Tensor& matrix);

}  // namespace scout::baseline
