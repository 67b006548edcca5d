// What follows the colon in the name of a family, such as "batch=32,init=he|lsuv".
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

namespace scout {

/// The parts of a text between separators; of an empty text one, which is empty.
std::vector<std::string> divide_at(std::string_view text, char separator);

/// {"batch": 32, "init": ["he", "lsuv"]}. The values of the axis `word` stay text, even if they look like numbers. Throws
/// std::invalid_argument where an = is missing.
nlohmann::json axis_values(std::string_view assignments, std::string_view word = {});

}  // namespace scout
