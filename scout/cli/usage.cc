#include "scout/cli/usage.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <filesystem>

#include "scout/base/names.h"
#include "scout/policy/shipped.h"

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

std::function<std::string(const std::string&)> whole_from(std::int64_t least) {
  return [least](const std::string& word) -> std::string {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error == std::errc() && end == word.data() + word.size() && number >= least) return "";
    return "'" + word + "' is not a whole number of at least " + std::to_string(least);
  };
}

std::string policy_or_file_exists(const std::string& word) {
  const std::vector<std::string> known = policy_names();
  if (std::ranges::find(known, word) != known.end() || std::filesystem::is_regular_file(word)) return "";
  if (std::filesystem::is_directory(word))
    return "'" + word + "' is a folder: give a file, such as policy.scout of a training";
  if (std::filesystem::exists(word)) return "'" + word + "' is no regular file: give a policy file";
  return "there is no file '" + word + "', and no such policy comes with the library" +
         did_you_mean(nearest_name(std::filesystem::path(word).stem().string(), known)) + " Known: " + join_names(known);
}

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
  const auto option = std::ranges::find_if(left, [](const auto& word) { return word.starts_with('-'); });
  if (option != left.end()) {
    const std::string name = option->substr(0, option->find('='));
    what = "unknown option '" + name + "'" + did_you_mean(nearest_name(name, known));
  }
  return "scout: " + what + "\n" + command + " --help says more.\n";
}

}  // namespace scout
