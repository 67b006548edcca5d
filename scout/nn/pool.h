// Pooling over the rows of a state, forward and backward, for networks whose rows see each other's mean (Zaheer et al.
// 2017). SIMD with dispatch at run time.
//
// Rows [begin[s], begin[s + 1]) of a row-major array [rows, width] belong to state s of `states`; a state has at least one.
#pragma once

namespace scout::kernel {

/// out [states, width]: the sum over the rows of each state, or their mean.
void pool(const float* x, const int* begin, int states, int width, bool mean, float* out);

/// y [rows, width] = max(y + pooled [states, width] of the row's state, 0).
void add_pooled_relu(const float* pooled, const int* begin, int states, int width, float* y);

/// The backward pass of the mean, and of the ReLU whose output `activation` was pooled: dy = dy + d_mean/(the state's rows)
/// where `activation` > 0, else 0. dy and activation [rows, width], d_mean [states, width].
void add_mean_gradient_relu(const float* d_mean, const int* begin, int states, int width, const float* activation,
                            float* dy);

}  // namespace scout::kernel
