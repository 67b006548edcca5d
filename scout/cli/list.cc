#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "scout/baseline/table.h"
#include "scout/bench/run/spec.h"
#include "scout/cli/commands.h"
#include "scout/problem/catalog/family.h"
#include "scout/problem/classifier/axes.h"
#include "scout/problem/instance.h"
#include "scout/train/options.h"

namespace scout {
namespace {

void row(const std::string& name, const std::string& text) { fmt::print("{:<25} {}\n", name, text); }

template <class Options>
void list_options() {
  for (const auto& option : describe_options<Options>()) {
    const std::string condition = option.condition.empty() ? "" : " [" + option.condition + "]";
    fmt::print("{:<43} {}{}\n", option.key + " = " + option.default_value, option.help, condition);
  }
}

void list_problems() {
  for (const auto& name : family_names()) row(name, family(name)->summary());
  fmt::print(
      "\nA function also with the suffixes -rotated (a random basis), -noisy (noisy f and gradients) and -rotated-noisy.\n"
      "A network also with axes, e.g. mlp-mnist:hidden=32|64x64,init=he,batch=16: each instance draws one of the "
      "values.\n\n");
  list_options<ClassifierAxes>();
}

void list_optimizers() {
  for (const auto& entry : optimizers()) row(entry.name, entry.summary);
  row("policy:PATH", "a policy that scout train made");
}

void list_explorers() {
  row("ensemble", "each explorer moves along its own coordinate with probability p_coor, else against its gradient");
  fmt::print("\nIts options, below `ensemble.` in a training's CONFIG:\n");
  list_options<EnsembleOptions>();
}

void list_suites() {
  for (const auto& suite : bench::shipped_suites()) row(suite.name, suite.title);
}

}  // namespace

void add_list(CLI::App& app, int& exit_code) {
  auto what = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("list", "List problems, optimizers, explorers, suites, or options of training");
  command->add_option("WHAT", *what, "problems, optimizers, explorers, suites or options")
      ->required()
      ->check(CLI::IsMember({"problems", "optimizers", "explorers", "suites", "options"}));
  command->footer("Example:\n  scout list options");
  command->callback([what, &exit_code] {
    if (*what == "problems") list_problems();
    if (*what == "optimizers") list_optimizers();
    if (*what == "explorers") list_explorers();
    if (*what == "suites") list_suites();
    if (*what == "options") list_options<TrainOptions>();
    exit_code = kDone;
  });
}

}  // namespace scout
