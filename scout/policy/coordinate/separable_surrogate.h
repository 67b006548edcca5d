// What each coordinate's own gradients say about the function along it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace scout {
namespace kernel {

inline constexpr std::size_t kSurrogateLanes = 16;

/// A sample of each of some coordinates side by side: its place, its gradient, and when it was taken.
struct SurrogateSample {
  float x[kSurrogateLanes];
  float g[kSurrogateLanes];
  std::int32_t time[kSurrogateLanes];
  template <class Archive>
  void visit(Archive& archive) {
    archive.raw(this, sizeof *this);
  }
};

/// What the samples of a coordinate say.
struct SurrogateProfile {
  /// The gradient that the neighbours of a new sample predict: linear between two, constant beyond the first and last; 0 for
  /// the first of all.
  float predicted[kSurrogateLanes];
  /// Of the integral of g, by the trapezoidal rule from 0 at the first sample: where it is least, a sample or, where g turns
  /// from falling to rising, a place between two; its least and greatest value; and its value at the new sample.
  float minimum[kSurrogateLanes], least[kSurrogateLanes], greatest[kSurrogateLanes], here[kSurrogateLanes];
};

/// Puts a sample into `count` <= `capacity` sorted ones, the next in time, and takes the oldest out if there were
/// `capacity`; `samples` has room for one more. SIMD with dispatch at run time; the same numbers, bit by bit, on every
/// target that fuses products and sums, or on every one that does not.
SurrogateProfile add_sample(const SurrogateSample& sample, SurrogateSample* samples, std::size_t count,
                            std::size_t capacity);

}  // namespace kernel

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
  /// Mean square error of the predictions of the last ten or so samples, over the variance of g [M]; 1 before there are any.
  std::span<const float> unexplained() const { return unexplained_; }
  /// Mean of the unexplained shares.
  double mean_unexplained() const;

  template <class Archive>
  void visit(Archive& a) {
    a(capacity_, count_, time_, samples_, minimum_, height_, unexplained_, mean_, variance_, error_);
  }

 private:
  std::size_t capacity_ = 0;
  std::size_t count_ = 0;
  int time_ = 0;
  std::vector<kernel::SurrogateSample> samples_;  // [blocks of lanes, capacity + 1], by x
  std::vector<float> minimum_, height_, unexplained_;
  std::vector<float> mean_, variance_, error_;  // of g, and of its predictions
};

}  // namespace scout
