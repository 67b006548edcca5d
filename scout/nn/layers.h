// Layers on plain float arrays, forward and backward, for networks so small that a general matrix library spends its
// time on other things than multiplying. SIMD with dispatch at run time.
//
// Affine layers: arrays are row-major and dense: x [rows, in], W [out, in], b [out], y and dy [rows, out]. No two of them
// overlap. Sizes are at least 0. No call allocates, shares state with another, or starts a thread.
//
// Error: against exact arithmetic, an element that is the sum of k products errs by at most (k + 2) 2^-23 times the sum of
// their absolute values, the value that it is added to included (tested). The y of a row does not
// depend, bit by bit, on how many rows there are.
//
// Pooling over the rows of a state, for networks whose rows see each other's mean (Zaheer et al. 2017): rows [begin[s],
// begin[s + 1]) of a row-major array [rows, width] belong to state s of `states`; a state has at least one.
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

/// out [states, width]: the sum over the rows of each state, or their mean.
void pool(const float* x, const int* begin, int states, int width, bool mean, float* out);

/// y [rows, width] = max(y + pooled [states, width] of the row's state, 0).
void add_pooled_relu(const float* pooled, const int* begin, int states, int width, float* y);

/// The backward pass of the mean, and of the ReLU whose output `activation` was pooled: dy = dy + d_mean/(the state's rows)
/// where `activation` > 0, else 0. dy and activation [rows, width], d_mean [states, width].
void add_mean_gradient_relu(const float* d_mean, const int* begin, int states, int width, const float* activation,
                            float* dy);

}  // namespace scout::kernel
