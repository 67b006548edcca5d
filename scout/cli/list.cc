#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>

#include "scout/base/shipped_files.h"
#include "scout/baseline/table.h"
#include "scout/bench/run/spec.h"
#include "scout/cli/commands.h"
#include "scout/cli/training_run.h"
#include "scout/policy/rules.h"
#include "scout/problem/catalog/family.h"
#include "scout/problem/classifier/axes.h"
#include "scout/problem/narrow_family.h"
#include "scout/train/decisions/exploration.h"
#include "scout/train/learner/learner.h"
#include "scout/train/mover/ensemble.h"

namespace scout {
namespace {

void row(const std::string& name, const std::string& text) { fmt::print("{:<25} {}\n", name, text); }

template <class Table>
void list_rows(const Table& table) {
  for (const auto& entry : table) row(entry.name, entry.summary);
}

void print_options(const std::vector<OptionDescription>& options, const std::string& prefix = "") {
  for (const auto& option : options) {
    const std::string condition = option.condition.empty() ? "" : " [" + option.condition + "]";
    fmt::print("{:<43} {}{}\n", prefix + option.key + " = " + option.default_value, option.help, condition);
  }
}

void list_problems() {
  for (const auto& name : family_names()) row(name, family(name)->summary());
  fmt::print(
      "\nA function also with the suffixes -rotated (a random basis), -noisy (noisy f and gradients) and -rotated-noisy.\n"
      "A part of a function's family, e.g. schwefel-rotated:instance=0|1,region=0.1:\n\n");
  print_options(describe_options<NarrowOptions>());
  fmt::print(
      "\nA network also with axes, e.g. mlp-mnist:hidden=32|64x64,init=he,batch=16: each instance draws one of the "
      "values.\n\n");
  print_options(describe_options<ClassifierAxes>());
}

void list_optimizers() {
  list_rows(optimizers());
  row("policy:PATH", "a policy that scout train made");
}

void list_explorers() {
  for (const ExplorerEntry& entry : explorer_table()) {
    row(entry.name, fmt::format("{}: {}", to_string(entry.explored), entry.summary));
  }
  fmt::print(
      "\nEach moves along its own direction with probability p_coor, else as it does otherwise. Options of the ensemble, "
      "below `ensemble.` in a training's CONFIG:\n");
  print_options(describe_options<EnsembleOptions>());
}

void list_suites() {
  for (const auto& suite : bench::shipped_suites()) row(suite.name, suite.title);
}

/// Each with the comment that its file begins with.
void list_configs() {
  for (const auto& name : shipped_names(kConfigFolder)) {
    std::ifstream file(find_file(name, kConfigFolder, "config"));
    std::string line;
    std::getline(file, line);
    row(name, line.starts_with("# ") ? line.substr(2) : "");
  }
}

void list_training_options() {
  print_options(describe_options<TrainOptions>());
  for (const LearnerEntry& entry : learner_table()) {
    if (entry.describe != nullptr) print_options(entry.describe(nlohmann::json::object()), std::string(entry.name) + ".");
  }
}

}  // namespace

void add_list(CLI::App& app) {
  static const std::map<std::string, void (*)()> kLists{
      {"problems", list_problems},
      {"optimizers", list_optimizers},
      {"rules", [] { list_rows(rule_table()); }},
      {"learners", [] { list_rows(learner_table()); }},
      {"explorers", list_explorers},
      {"exploration", [] { list_rows(exploration_table()); }},
      {"suites", list_suites},
      {"configs", list_configs},
      {"options", list_training_options},
  };
  auto what = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "list", "List problems, optimizers, rules, learners, explorers, ways of exploration, suites, configs, or options");
  command
      ->add_option("WHAT", *what,
                   "problems, optimizers, rules, learners, explorers, exploration, suites, configs or options")
      ->required()
      ->check(CLI::IsMember(
          {"problems", "optimizers", "rules", "learners", "explorers", "exploration", "suites", "configs", "options"}));
  command->footer("Example:\n  scout list options");
  command->callback([what] { kLists.find(*what)->second(); });
}

}  // namespace scout
