// bfloat16 as the upper half of a float, and rounding with dither.
//
// An average with decay .999 moves by a thousandth of itself a step, less than the spacing of bfloat16 (1/128 to 1/256):
// with rounding to nearest it would stand still. A hash of position and step is added below the last bit instead: unbiased,
// and reproducible whatever the number of threads or the instruction set.
#pragma once

#include <bit>
#include <cstdint>

namespace scout::kernel {

inline float from_bfloat16(std::uint16_t x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16); }

/// Rounds to a neighbour, up with the probability that the discarded bits are: `dither` is uniform in [0, 2^16). x: finite.
inline std::uint16_t to_bfloat16(float x, std::uint32_t dither) {
  return static_cast<std::uint16_t>((std::bit_cast<std::uint32_t>(x) + dither) >> 16);
}

/// The key of a step.
inline std::uint32_t step_key(std::int64_t step) { return static_cast<std::uint32_t>(step) * 0x27d4eb2fU; }

/// 32 bits for the weight with this index, as good as random; `key` stands for the step. (Mixing as in MurmurHash3.)
inline std::uint32_t dither_bits(std::uint32_t index, std::uint32_t key) {
  std::uint32_t h = index * 0x9e3779b1U + key;
  h ^= h >> 15;
  h *= 0x85ebca77U;
  h ^= h >> 13;
  return h;
}

/// 32 more bits.
inline std::uint32_t more_dither_bits(std::uint32_t bits) {
  const std::uint32_t h = bits * 0xc2b2ae3dU;
  return h ^ (h >> 16);
}

}  // namespace scout::kernel
