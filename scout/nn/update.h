// What an update of a learner does to flat vectors of parameters, each in one pass over memory. SIMD with dispatch at run
// time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace scout {
namespace kernel {

/// One step of Adam (Kingma & Ba 2015), β = .9, .999, ε = 1e-8, on n parameters:
///
///     m <- m + .1 (g - m),   v <- v + .001 (g² - v),   θ <- θ - rate m / (√v root + ε).
///
/// rate = η/(1 - .9^t) and root = 1/√(1 - .999^t) make it the paper's step t. Agrees with plain loops to a few units in the
/// last place of each term (tested).
void adam(float* theta, float* mean, float* square, const float* gradient, std::size_t n, float rate, float root);

/// target <- target + rate (source - target).
void follow(float* target, const float* source, std::size_t n, float rate);

/// Σ x², in double precision: it cannot overflow.
double square_sum(const float* x, std::size_t n);

}  // namespace kernel

/// The state of Adam on a flat vector.
struct Adam {
  std::vector<float> mean, square;
  std::int64_t steps = 0;
  template <class Archive>
  void visit(Archive& archive) {
    archive(mean), archive(square), archive(steps);
  }
  void update(std::vector<float>& parameters, const std::vector<float>& gradient, double learning_rate);
};

}  // namespace scout
