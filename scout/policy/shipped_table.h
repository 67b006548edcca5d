// The table of shipped policies, which CMake writes from the files in policies/.
#pragma once

#include <span>
#include <string_view>

namespace scout {

struct ShippedPolicy {
  std::string_view name;
  std::span<const unsigned char> file;
};

std::span<const ShippedPolicy> shipped_policies();

}  // namespace scout
