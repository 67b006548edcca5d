#include "scout/cli/usage.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

#include "scout/base/names.h"

namespace scout {
namespace {

/// Adds "--NAME" of every option of `app` and of its option groups, which are subcommands without a name.
void add_option_names(const CLI::App& app, std::vector<std::string>& names) {
  for (const CLI::Option* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  }
  for (const CLI::App* part : app.get_subcommands([](const CLI::App* child) { return child->get_name().empty(); })) {
    add_option_names(*part, names);
  }
}

}  // namespace

std::string shell_word(const std::string& word) {
  const bool plain = !word.empty() && word.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789_-./=:,+@%") == std::string::npos;
  if (plain) return word;
  std::string out = "'";
  for (char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string usage_error(const CLI::App* app, const CLI::Error& error) {
  const auto left = app->remaining(/*recurse=*/true);  // words that no command knows
  std::string command = app->get_name();
  std::vector<std::string> known;
  add_option_names(*app, known);
  while (!app->get_subcommands().empty()) {
    app = app->get_subcommands().front();
    command += " " + app->get_name();
    add_option_names(*app, known);
  }
  std::string what = error.what();
  // CLI11 may complain first of what is missing because this option was not understood.
  const auto option = std::find_if(left.begin(), left.end(), [](const auto& word) { return word.starts_with('-'); });
  if (option != left.end()) {
    const std::string name = option->substr(0, option->find('='));
    what = "unknown option '" + name + "'" + did_you_mean(nearest_name(name, known));
  }
  return "scout: " + what + "\n" + command + " --help says more.\n";
}

}  // namespace scout
