#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "scout/base/folder_lock.h"
#include "scout/base/json_lines.h"
#include "scout/bench/report/report.h"
#include "scout/bench/run/runner.h"
#include "scout/bench/run/trajectory.h"
#include "scout/cli/commands.h"
#include "scout/cli/contestants.h"
#include "scout/cli/named_policies.h"
#include "scout/cli/training_run.h"
#include "scout/cli/usage.h"
#include "scout/policy/rules.h"
#include "scout/policy/shipped.h"
#include "scout/problem/catalog/family.h"
#include "scout/train/learner/options.h"
#include "scout/train/mover/ensemble.h"

namespace scout {
namespace fs = std::filesystem;
namespace {

struct Arguments {
  std::string suite;
  std::string out;
  std::vector<std::string> policies;
  std::vector<std::string> assignments;
  int threads = 0;
  int explorers = 1;
  bool no_archive = false;
};

/// `named`: gets the policies of --policy.
bench::Suite read_suite(const Arguments& arguments, std::vector<std::string>& named) {
  bench::Suite suite = bench::load_suite(arguments.suite);
  const auto own = suite.trajectories;
  apply_assignments(suite, arguments.assignments);
  if (suite.trajectories.problems == own.problems && !own.problems.empty()) {
    // The suite's own choice, less the problems that --set left out; of others the first few, if they come in two
    // dimensions.
    constexpr std::size_t kDrawn = 4;
    auto& problems = suite.trajectories.problems;
    std::erase_if(problems, [&](const std::string& problem) {
      return std::ranges::find(suite.problems, problem) == suite.problems.end();
    });
    if (problems.empty()) {
      for (const std::string& problem : suite.problems) {
        if (problems.size() < kDrawn && !family(problem)->has_own_dimensions()) problems.push_back(problem);
      }
    }
  }
  if (suite.trajectories.optimizers == own.optimizers) {  // the suite's own choice, less the optimizers that --set left out
    std::erase_if(suite.trajectories.optimizers, [&](const std::string& label) {
      const auto label_of = [](const std::string& entry) { return bench::parse_optimizer(entry).label; };
      return std::ranges::find(suite.optimizers, label, label_of) == suite.optimizers.end();
    });
  }
  std::vector<std::string> taken;
  for (const auto& entry : suite.optimizers) taken.push_back(bench::parse_optimizer(entry).label);
  for (const auto& [label, policy] : name_policies(arguments.policies, taken)) {
    suite.optimizers.push_back(label + "=" + std::string(kPolicyPrefix) + policy);
    named.push_back(policy);
  }
  if (arguments.threads > 0) suite.threads = arguments.threads;
  return suite;
}

/// For the report's pictures: what an exploration ensemble, with those options of `policy`'s training that this version
/// knows, does on the instances that the optimizers' paths are drawn on. It judges nothing and trains nothing.
void record_explorers(const bench::Suite& suite, const fs::path& out, const Policy& policy) {
  TrainOptions options;
  const auto trained_with = policy.description().provenance.value("options", nlohmann::json::object());
  set_options(options, known_options<TrainOptions>(trained_with));
  options.ensemble.movers.clear();
  const auto rule = make_rule({.step_scale = options.policy.step_scale});  // which explorers of functions do not ask
  Random random(Seed(0));
  const auto stepper = rule->with(rule->initial_parameters(random));
  std::string content;
  for (const auto& problem : suite.trajectories.problems) {
    const std::string name = bench::instance_name(problem, Split::test, 0);
    const EnsembleTask task{
        .instance = family(problem)->sample(Split::test, 0, 2),
        .stepper = stepper,
        .episode = {.step_scale = rule->step_scale(), .credit_by_coordinate = false, .reward = options.reward},
        .plan = {.horizon = options.rollout.horizon},
        .seed = Seed(0).derive("drawn explorers").derive(problem)};
    Ensemble ensemble(task, options.ensemble);
    ensemble.run([&](const ExplorerEvent& event) { content += json_text(explorer_line(name, event)) + "\n"; });
  }
  write_atomically(out / "explorers.jsonl", content);
}

int run_suite(const Arguments& arguments) {
  std::vector<std::string> policies;
  const bench::Suite suite = read_suite(arguments, policies);
  for (const auto& entry : suite.optimizers) {
    const auto warning = warning_of_kind(bench::parse_optimizer(entry).name, suite.problems);
    if (!warning.empty()) fmt::print(stderr, "{}\n", warning);
  }
  const auto progress = [](const std::string& line) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
  };
  const FolderLock lock(arguments.out);
  fs::path archive = bench::archive_of(suite);
  if (arguments.no_archive || !fs::exists(archive / "records.jsonl")) archive.clear();
  const auto resolve = [&](std::string_view name) { return resolve_contestant(name, arguments.explorers); };
  const auto summary = bench::run_benchmark(suite, arguments.out, resolve, progress, archive);
  if (!policies.empty() && !suite.trajectories.problems.empty()) {
    record_explorers(suite, arguments.out, *policy_or_file(policies.front()));
  }
  fmt::print("\n{}\nRecords are in {}; draw them with\n  scout report {}\n", bench::report_text(arguments.out),
             arguments.out, arguments.out);
  return summary.ran > 0 && summary.failures == summary.ran ? kFailed : kDone;
}

}  // namespace

void add_bench(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("bench", "Judge policies and tuned baselines on unseen instances, at equal cost");
  command->add_option("SUITE", arguments->suite, "TOML file, or the name of a shipped suite (scout list suites)")
      ->required();
  command->add_option("--out", arguments->out, "folder of the records")->required();
  command
      ->add_option("--policy", arguments->policies,
                   "policies to judge beside the suite's optimizers: files, or names of those that come with the library; "
                   "LABEL=POLICY says what the report calls one")
      ->check(labelled_policy_exists);
  command->add_option("--threads", arguments->threads, "worker threads (default: the suite's, else one a core)")
      ->check(whole_from(1));
  command
      ->add_option("--explorers", arguments->explorers,
                   "explorers of each policy: runs that share what they find, and the budget; rule control alone")
      ->capture_default_str()
      ->check(whole_from(1));
  command->add_flag("--no-archive", arguments->no_archive,
                    "run the baselines too whose results come with the suite (benchmarks/results/SUITE)");
  command->add_option("--set", arguments->assignments, "key=value ...: options that override the suite's");
  command->footer(R"(Examples:
  scout bench demo --out out/demo/bench --policy out/demo/policy.scout
  scout bench demo --out out/two --policy old=out/a/policy.scout new=out/b/policy.scout
  scout bench benchmarks/demo.toml --out out/quick --set instances=5 seeds=2 'optimizers=["adam","lbfgs"]'
Every optimizer is tuned on validation instances and then run on test instances. What the folder already holds is not run
again, so a benchmark that was killed is continued by the same command. Records in it that the suite does not ask for are
kept in records.previous.jsonl. Nor are baselines whose results come with the suite,
where they are those of the same task, method and settings.)");
  command->callback([arguments, &exit_code] { exit_code = run_suite(*arguments); });
}

void add_report(CLI::App& app) {
  auto directory = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("report", "Draw the records of a benchmark as one HTML page");
  command->add_option("DIR", *directory, "the --out of scout bench")->required()->check(CLI::ExistingDirectory);
  command->footer("Example:\n  scout report out/demo/bench\nNothing is run again, so old records can always be redrawn.");
  command->callback([directory] {
    const auto path = bench::write_report(*directory);
    fmt::print("{}\nThe report is {}\n", bench::report_text(*directory), path.string());
  });
}

}  // namespace scout
