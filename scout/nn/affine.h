// Affine layers on plain float arrays, forward and backward, for networks so small that a general matrix library spends its
// time on other things than multiplying. SIMD with dispatch at run time; the scalar reference is beside it.
//
// Arrays are row-major and dense: x [rows, in], W [out, in], b [out], y and dy [rows, out]. No two of them overlap. Sizes
// are at least 0. No call allocates, shares state with another, or starts a thread.
//
// Error: against exact arithmetic, an element that is the sum of k products errs by at most (k + 2) 2^-23 times the sum of
// their absolute values, the value that it is added to included (tested against the reference). The y of a row does not
// depend, bit by bit, on how many rows there are.
#pragma once

namespace scout::kernel {

/// y = x Wᵀ + b; with `relu`, max(y, 0), which takes NaN to 0.
void affine(const float* x, const float* weight, const float* bias, int rows, int in, int out, bool relu, float* y);

/// dW += dyᵀ x and db += the sum of dy over rows.
void affine_parameter_gradient(const float* x, const float* dy, int rows, int in, int out, float* d_weight, float* d_bias);

/// dx = dy W. If `activation` [rows, in] is not null, dx is 0 where that is not greater than 0: the backward pass of the
/// ReLU that made x.
void affine_input_gradient(const float* dy, const float* weight, int rows, int in, int out, const float* activation,
                           float* dx);

/// The same by plain loops that sum in double precision.
namespace reference {
void affine(const float* x, const float* weight, const float* bias, int rows, int in, int out, bool relu, float* y);
void affine_parameter_gradient(const float* x, const float* dy, int rows, int in, int out, float* d_weight, float* d_bias);
void affine_input_gradient(const float* dy, const float* weight, int rows, int in, int out, const float* activation,
                           float* dx);
}  // namespace reference

}  // namespace scout::kernel
