// What each coordinate's own gradients say about the function along it.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "scout/policy/coordinate/separable_kernel.h"

namespace scout {

/// A separable model of f, a sum of functions of one coordinate. Keeps, for every coordinate, the last `capacity` samples
/// (x_i, g_i) of a run in the order of x_i, and integrates the gradient over them (trapezoidal rule): the coordinate's
/// function, from samples at which all coordinates had moved at once. How well neighbours predict a new sample tells whether
/// f is such a sum. O(M · capacity) a sample.
class SeparableSurrogate {
 public:
  /// Begins anew for `dimension` >= 1 coordinates.
  void start(int dimension, int capacity);
  /// x [M], g [M].
  void add(std::span<const float> x, std::span<const float> g);

  /// Where the coordinate's function is lowest: a sample, or between two where the gradient crosses zero [M].
  std::span<const float> minimum() const { return minimum_; }
  /// The coordinate's function at the last sample above its minimum, as a share of its range [M], in [0, 1].
  std::span<const float> height() const { return height_; }
  /// Mean square error of the predictions of the last ten or so samples, over
  /// the variance of g [M]; 1 before there are any.
  std::span<const float> unexplained() const { return unexplained_; }
  /// Mean of the unexplained shares.
  double mean_unexplained() const;

  template <class Archive>
  void visit(Archive& a) {
    a(capacity_), a(count_), a(time_), a(samples_);
    for (auto* numbers : {&minimum_, &height_, &unexplained_, &mean_, &variance_, &error_}) a(*numbers);
  }

 private:
  /// For coordinates [begin, begin + n), n at most kernel::kSurrogateLanes.
  void add_block(std::span<const float> x, std::span<const float> g, std::size_t begin, std::size_t n);

  std::size_t capacity_ = 0;
  std::size_t count_ = 0;
  int time_ = 0;
  std::vector<kernel::SurrogateSample> samples_;  // [blocks of lanes, capacity + 1], by x
  std::vector<float> minimum_, height_, unexplained_;
  std::vector<float> mean_, variance_, error_;  // of g, and of its predictions
};

}  // namespace scout
