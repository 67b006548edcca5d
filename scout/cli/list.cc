#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "scout/baseline/table.h"
#include "scout/bench/run/spec.h"
#include "scout/cli/commands.h"
#include "scout/policy/rules.h"
#include "scout/problem/catalog/family.h"
#include "scout/problem/classifier/axes.h"
#include "scout/problem/instance.h"
#include "scout/train/learner/learner.h"
#include "scout/train/mover/ensemble.h"

namespace scout {
namespace {

void row(const std::string& name, const std::string& text) { fmt::print("{:<25} {}\n", name, text); }

void print_options(const std::vector<OptionDescription>& options, const std::string& prefix = "") {
  for (const auto& option : options) {
    const std::string condition = option.condition.empty() ? "" : " [" + option.condition + "]";
    fmt::print("{:<43} {}{}\n", prefix + option.key + " = " + option.default_value, option.help, condition);
  }
}

template <class Options>
void list_options() {
  print_options(describe_options<Options>());
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
  for (const ExplorerEntry& entry : explorer_table()) {
    row(entry.name, std::string(entry.for_weights ? "weights: " : "functions: ") + entry.summary);
  }
  fmt::print(
      "\nEach moves along its own direction with probability p_coor, else as it does otherwise. Options of the ensemble, "
      "below `ensemble.` in a training's CONFIG:\n");
  list_options<EnsembleOptions>();
}

void list_rules() {
  for (const RuleEntry& entry : rule_table()) row(entry.name, entry.summary);
}

void list_learners() {
  for (const LearnerEntry& entry : learner_table()) row(entry.name, entry.summary);
}

void list_training_options() {
  list_options<TrainOptions>();
  for (const LearnerEntry& entry : learner_table()) {
    if (entry.describe != nullptr) print_options(entry.describe(nlohmann::json::object()), std::string(entry.name) + ".");
  }
}

void list_suites() {
  for (const auto& suite : bench::shipped_suites()) row(suite.name, suite.title);
}

}  // namespace

void add_list(CLI::App& app, int& exit_code) {
  auto what = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("list", "List problems, optimizers, rules, learners, explorers, suites, or options of training");
  command->add_option("WHAT", *what, "problems, optimizers, rules, learners, explorers, suites or options")
      ->required()
      ->check(CLI::IsMember({"problems", "optimizers", "rules", "learners", "explorers", "suites", "options"}));
  command->footer("Example:\n  scout list options");
  command->callback([what, &exit_code] {
    if (*what == "problems") list_problems();
    if (*what == "optimizers") list_optimizers();
    if (*what == "rules") list_rules();
    if (*what == "learners") list_learners();
    if (*what == "explorers") list_explorers();
    if (*what == "suites") list_suites();
    if (*what == "options") list_training_options();
    exit_code = kDone;
  });
}

}  // namespace scout
