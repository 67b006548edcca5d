// The words of the command line: options set by them, conditions on them, and what the program says about them.
#pragma once

#include <functional>

#include "scout/base/options.h"

namespace CLI {
class App;
class Error;
}  // namespace CLI

namespace scout {

/// Sets options from --set key=value, one after the other.
template <class Options>
void apply_assignments(Options& options, const std::vector<std::string>& assignments) {
  for (const auto& assignment : assignments) set_options(options, parse_assignment(assignment));
}

/// For CLI::Option::check, as policy_or_file_exists: a whole number of at least `least`.
std::function<std::string(const std::string& word)> whole_from(std::int64_t least);
/// A file, or the name of a policy that comes with the library: empty if it is, else what is wrong.
std::string policy_or_file_exists(const std::string& word);

/// `word` as a shell reads it back: in quotes, unless it is plain.
std::string shell_word(const std::string& word);

/// For CLI::App::failure_message: an unknown option, if there is one, with the nearest that the command knows; else what
/// CLI11 says. Then where help is.
std::string usage_error(const CLI::App* app, const CLI::Error& error);

}  // namespace scout
