// The passes over the sorted samples of CoordinateProfiles, for kProfileLanes
// coordinates side by side. SIMD with dispatch at run time; the same numbers,
// bit by bit, on every target that fuses products and sums, or on every one
// that does not.
#pragma once

#include <cstddef>
#include <cstdint>

namespace scout::kernel {

inline constexpr std::size_t kProfileLanes = 16;

/// A sample of each coordinate: its place, its gradient, and when it was taken.
struct ProfileSample {
  float x[kProfileLanes];
  float g[kProfileLanes];
  std::int32_t time[kProfileLanes];
};

/// Puts a sample, in each lane, behind those of `count` sorted ones that are
/// not above it; `samples` has room for one more. Writes the gradient that its
/// neighbours predict [kProfileLanes]: linear between two, constant beyond the
/// first and last; 0 for the first of all.
void insert_sample(const ProfileSample& sample, ProfileSample* samples, std::size_t count, float* predicted);

/// Takes the samples of a time out of `count`, which has one in each lane.
void remove_samples(std::int32_t time, ProfileSample* samples, std::size_t count);

/// Integrates g over `count` >= 1 samples by the trapezoidal rule, beginning
/// with 0. Writes where the integral is least, a sample or, where g turns from
/// falling to rising, a place between two; its least and greatest value; and
/// its value at the last sample with x = `last` [kProfileLanes each].
void integrate_profile(const ProfileSample* samples, std::size_t count, const float* last, float* minimum, float* least,
                       float* greatest, float* here);

}  // namespace scout::kernel
