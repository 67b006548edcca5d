// Numbers in text that a program may read under any locale.
#pragma once

#include <optional>
#include <string_view>

namespace scout {

/// The number that all of `text` is, with a decimal point whatever the locale: also "+1", ".5", "1.", "1e-3", "inf", "nan".
/// Nothing if it is none, or too large for a double.
std::optional<double> parse_number(std::string_view text);

}  // namespace scout
