// Seeds derived from named axes, and the one random generator of the project.
//
// Every random choice starts from one root seed. A component never draws from a shared generator; it derives its own seed by
// naming what the randomness is for: `Seed(7).derive("instance").derive("rastrigin").derive(12)`. Two different paths give
// independent streams, and the same path gives the same stream on every run, whatever else was drawn in between.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace scout {

class Seed {
 public:
  constexpr explicit Seed(std::uint64_t root) : value_(mix(root + 0x9e3779b97f4a7c15ULL)) {}

  /// The seed of a named axis below this one.
  constexpr Seed derive(std::string_view axis) const {
    std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
    for (char c : axis) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    return Seed(value_ ^ mix(hash), Raw{});
  }
  /// The seed of a numbered axis below this one.
  constexpr Seed derive(std::uint64_t index) const { return Seed(value_ ^ mix(index + 0x632be59bd9b4e019ULL), Raw{}); }
  constexpr Seed derive(int index) const { return derive(static_cast<std::uint64_t>(index)); }

  constexpr std::uint64_t value() const { return value_; }

  /// The finaliser of SplitMix64 (Steele, Lea & Flood 2014): a bijection with full avalanche.
  static constexpr std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  }

 private:
  struct Raw {};
  constexpr Seed(std::uint64_t value, Raw) : value_(mix(value)) {}
  std::uint64_t value_;
};

/// xoshiro256** 1.0 (Blackman & Vigna 2018). Its whole state is `state()`: save and restore it to continue a stream exactly.
class Random {
 public:
  using State = std::array<std::uint64_t, 4>;

  explicit Random(Seed seed);
  explicit Random(const State& state) : state_(state) {}

  std::uint64_t next();
  /// Uniform in [0, 1).
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// exp(U[log low, log high]); needs 0 < low <= high.
  double log_uniform(double low, double high);
  /// Uniform integer in [0, n); needs n > 0.
  std::uint64_t index(std::uint64_t n);
  /// Standard normal (Box & Muller 1958). Takes two draws and keeps no hidden state.
  double normal();
  bool chance(double probability) { return uniform() < probability; }

  const State& state() const { return state_; }

 private:
  State state_;
};

/// Fisher-Yates.
template <class T>
void shuffle(std::span<T> items, Random& random) {
  for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random.index(i)]);
}

}  // namespace scout
