// Help with a name that nobody knows.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace scout {

/// The name in `known` with the least edit distance (Levenshtein 1966) to `name`, the first of equals; "" if none is so near
/// that it may be meant: within a third of the letters of the longer one, rounded up.
std::string nearest_name(std::string_view name, std::span<const std::string> known);

/// What follows a name that is not known: ": did you mean 'NEAREST'?", or "." if `nearest` is empty.
std::string did_you_mean(std::string_view nearest);

/// "a, b, c".
std::string join_names(std::span<const std::string> names);

}  // namespace scout
