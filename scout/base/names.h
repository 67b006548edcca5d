// Help with a name that nobody knows.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace scout {

/// The name in `known` with the least edit distance (Levenshtein 1966) to `name`, the first of equals; "" if `known` is
/// empty.
std::string nearest_name(std::string_view name, std::span<const std::string> known);

/// "a, b, c".
std::string join_names(std::span<const std::string> names);

}  // namespace scout
