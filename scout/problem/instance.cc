#include "scout/problem/instance.h"

#include <algorithm>
#include <stdexcept>

namespace scout {
namespace {
constexpr std::array<std::string_view, 3> kSplits{"train", "validation", "test"};
}

std::string_view to_string(Split split) { return kSplits.at(static_cast<std::size_t>(split)); }

Split split_from_string(std::string_view name) {
  const auto found = std::find(kSplits.begin(), kSplits.end(), name);
  if (found != kSplits.end()) return static_cast<Split>(found - kSplits.begin());
  throw std::invalid_argument("split is '" + std::string(name) + "': must be one of train, validation, test");
}

std::vector<double> first_start(const Instance& instance, Random& random) {
  if (const auto given = instance.given_start(); !given.empty()) return {given.begin(), given.end()};
  std::vector<double> start(static_cast<std::size_t>(instance.dimension()));
  instance.sample_start(random, start);
  return start;
}

Seed instance_seed(std::string_view family_name, Split split, std::uint64_t index, int dimension) {
  constexpr std::uint64_t root = 20240229;  // part of what an instance is: never changed
  return Seed(root).derive("instance").derive(family_name).derive(to_string(split)).derive(dimension).derive(index);
}

}  // namespace scout
