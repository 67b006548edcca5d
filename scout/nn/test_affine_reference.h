// For tests only: the affine layers of affine.h by plain loops that sum in double precision.
#pragma once

#include <cstddef>

namespace scout::kernel::reference {

inline void affine(const float* x, const float* weight, const float* bias, int rows, int in, int out, bool relu, float* y) {
  for (std::ptrdiff_t r = 0; r < rows; ++r) {
    for (std::ptrdiff_t o = 0; o < out; ++o) {
      double sum = static_cast<double>(bias[o]);
      for (std::ptrdiff_t i = 0; i < in; ++i) {
        sum += static_cast<double>(x[r * in + i]) * static_cast<double>(weight[o * in + i]);
      }
      y[r * out + o] = static_cast<float>(!relu || sum > 0 ? sum : 0.0);
    }
  }
}

inline void affine_parameter_gradient(const float* x, const float* dy, int rows, int in, int out, float* d_weight,
                                      float* d_bias) {
  for (std::ptrdiff_t o = 0; o < out; ++o) {
    for (std::ptrdiff_t i = 0; i < in; ++i) {
      double sum = static_cast<double>(d_weight[o * in + i]);
      for (std::ptrdiff_t r = 0; r < rows; ++r) {
        sum += static_cast<double>(dy[r * out + o]) * static_cast<double>(x[r * in + i]);
      }
      d_weight[o * in + i] = static_cast<float>(sum);
    }
    double sum = static_cast<double>(d_bias[o]);
    for (std::ptrdiff_t r = 0; r < rows; ++r) sum += static_cast<double>(dy[r * out + o]);
    d_bias[o] = static_cast<float>(sum);
  }
}

inline void affine_input_gradient(const float* dy, const float* weight, int rows, int in, int out, const float* activation,
                                  float* dx) {
  for (std::ptrdiff_t r = 0; r < rows; ++r) {
    for (std::ptrdiff_t i = 0; i < in; ++i) {
      double sum = 0;
      for (std::ptrdiff_t o = 0; o < out; ++o) {
        sum += static_cast<double>(dy[r * out + o]) * static_cast<double>(weight[o * in + i]);
      }
      const bool active = activation == nullptr || activation[r * in + i] > 0.0F;
      dx[r * in + i] = active ? static_cast<float>(sum) : 0.0F;
    }
  }
}

}  // namespace scout::kernel::reference
