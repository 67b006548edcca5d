// The functions of recurrent cells, for float and for double. Those of float are the same on every processor, in files that
// are compiled with -ffp-contract=off, and fit for SIMD.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

#include "scout/policy/rule/action.h"

namespace scout::cell {

inline double exponential(double x) { return std::exp(x); }
inline float exponential(float x) { return bounded_exp2(x * std::numbers::log2e_v<float>); }

inline double logarithm(double x) { return std::log(x); }
inline float logarithm(float x) { return fast_log2(x) * std::numbers::ln2_v<float>; }

template <class T>
T sigmoid(T x) {
  return T(1) / (T(1) + exponential(-x));
}

inline double hyperbolic(double x) { return std::tanh(x); }
/// Lambert's continued fraction near 0, where a difference of exponentials would lose the digits of small gradients.
inline float hyperbolic(float x) {
  const float s = x * x;
  const float near = x * (945.0F + s * (105.0F + s)) / (945.0F + s * (420.0F + 15.0F * s));
  const float far = std::copysign(1.0F - 2.0F / (1.0F + exponential(2.0F * std::fabs(x))), x);
  return s < 0.3F ? near : far;
}

inline double arsinh(double x) { return std::asinh(x); }
/// Its series near 0, where the logarithm would lose the digits of small numbers.
inline float arsinh(float x) {
  const float s = x * x, size = std::fabs(x);
  const float near = x * (1.0F + s * (-1.0F / 6 + s * (3.0F / 40 - s * (15.0F / 336))));
  return s < 0.01F ? near : std::copysign(logarithm(size + std::sqrt(1.0F + s)), x);
}

}  // namespace scout::cell
