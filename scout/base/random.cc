#include "scout/base/random.h"

#include <bit>
#include <cmath>
#include <numbers>

namespace scout {

Random::Random(Seed seed) {
  for (std::uint64_t i = 0; i < state_.size(); ++i) state_[i] = seed.derive(i).value();
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double Random::log_uniform(double low, double high) { return std::exp(uniform(std::log(low), std::log(high))); }

std::uint64_t Random::index(std::uint64_t n) {
  // Lemire 2019: multiply-shift with rejection, unbiased.
  __extension__ using Wide = unsigned __int128;
  Wide product = static_cast<Wide>(next()) * n;
  if (static_cast<std::uint64_t>(product) < n) {
    const std::uint64_t threshold = (0 - n) % n;
    while (static_cast<std::uint64_t>(product) < threshold) product = static_cast<Wide>(next()) * n;
  }
  return static_cast<std::uint64_t>(product >> 64);
}

double Random::normal() {
  const double radius = std::sqrt(-2.0 * std::log1p(-uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

}  // namespace scout
