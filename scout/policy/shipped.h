// The policies that come with the library.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scout/policy/policy.h"

namespace scout {

/// The policy with this name, which is part of the library: nothing is read from disk or downloaded. Throws
/// std::invalid_argument that names the nearest known one.
std::shared_ptr<const Policy> policy(std::string_view name);
/// The policy with this name, if there is one, else that in the file. Throws as `Policy::load`.
std::shared_ptr<const Policy> policy_or_file(const std::string& name);
/// The names that `policy` knows.
std::vector<std::string> policy_names();

/// The table of shipped policies, which CMake writes from the files in policies/.
struct ShippedPolicy {
  std::string_view name;
  std::span<const unsigned char> file;
};
std::span<const ShippedPolicy> shipped_policies();

}  // namespace scout
