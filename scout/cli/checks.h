// Conditions on the words of the command line, for CLI::Option::check: empty if they hold, else what is wrong.
#pragma once

#include <string>

namespace scout {

/// A whole number of at least 1.
std::string at_least_one(const std::string& word);
/// A whole number of at least 0.
std::string at_least_zero(const std::string& word);
/// A file, or the name of a policy that comes with the library.
std::string policy_or_file_exists(const std::string& word);

}  // namespace scout
