// The passes over the sorted samples of SeparableSurrogate, for kSurrogateLanes
// coordinates side by side. SIMD with dispatch at run time; the same numbers,
// bit by bit, on every target that fuses products and sums, or on every one
// that does not.
#pragma once

#include <cstddef>
#include <cstdint>

namespace scout::kernel {

inline constexpr std::size_t kSurrogateLanes = 16;

/// A sample of each coordinate: its place, its gradient, and when it was taken.
struct SurrogateSample {
  float x[kSurrogateLanes];
  float g[kSurrogateLanes];
  std::int32_t time[kSurrogateLanes];
  template <class Archive>
  void visit(Archive& archive) {
    archive.raw(this, sizeof *this);
  }
};

/// Puts a sample, in each lane, behind those of `count` sorted ones that are
/// not above it; `samples` has room for one more. Writes the gradient that its
/// neighbours predict [kSurrogateLanes]: linear between two, constant beyond the
/// first and last; 0 for the first of all.
void insert_sample(const SurrogateSample& sample, SurrogateSample* samples, std::size_t count, float* predicted);

/// Takes the samples of a time out of `count`, which has one in each lane.
void remove_samples(std::int32_t time, SurrogateSample* samples, std::size_t count);

/// Integrates g over `count` >= 1 samples by the trapezoidal rule, beginning
/// with 0. Writes where the integral is least, a sample or, where g turns from
/// falling to rising, a place between two; its least and greatest value; and
/// its value at the last sample with x = `last` [kSurrogateLanes each].
void integrate_separable(const SurrogateSample* samples, std::size_t count, const float* last, float* minimum, float* least,
                         float* greatest, float* here);

}  // namespace scout::kernel
