// What the program says about its command line: commands to type, and what was wrong with one.
#pragma once

#include <string>

namespace CLI {
class App;
class Error;
}  // namespace CLI

namespace scout {

/// `word` as a shell reads it back: in quotes, unless it is plain.
std::string shell_word(const std::string& word);

/// For CLI::App::failure_message: an unknown option, if there is one, with the nearest that the command knows; else what
/// CLI11 says. Then where help is.
std::string usage_error(const CLI::App* app, const CLI::Error& error);

}  // namespace scout
