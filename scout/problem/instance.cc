#include "scout/problem/instance.h"

#include <stdexcept>

namespace scout {
std::string_view to_string(Split split) {
  switch (split) {
    case Split::train:
      return "train";
    case Split::validation:
      return "validation";
    case Split::test:
      return "test";
  }
  throw std::invalid_argument("split is not one of train, validation, test");
}

Split split_from_string(std::string_view name) {
  for (Split split : {Split::train, Split::validation, Split::test}) {
    if (name == to_string(split)) return split;
  }
  throw std::invalid_argument("split is '" + std::string(name) + "': must be one of train, validation, test");
}

Seed instance_seed(std::string_view family_name, Split split, std::uint64_t index, int dimension) {
  constexpr std::uint64_t root = 20240229;  // part of what an instance is: never changed
  return Seed(root).derive("instance").derive(family_name).derive(to_string(split)).derive(dimension).derive(index);
}

}  // namespace scout
