// Small systems of linear equations. SIMD with dispatch at run time; no product is fused with a sum, so that every target
// gives the same numbers, bit by bit.
#pragma once

#include <cstddef>

namespace scout::kernel {

/// Numbers from one row to the next of a system of n equations: room for the right side, up to a whole vector.
constexpr std::size_t equations_stride(std::size_t n) { return (n + 8) / 8 * 8; }

/// Solves A x = b for a symmetric positive definite A [n, n] by Cholesky's method. Row i of `equations` [n,
/// equations_stride(n)] has A_ij at j >= i and b_i at n; what stands elsewhere must be finite, and has no effect. All are
/// overwritten. A pivot is at least `least_pivot` > 0, where A is singular or rounding makes it so. Writes x [n].
void solve_positive_definite(double* equations, std::size_t n, double least_pivot, double* x);

}  // namespace scout::kernel
