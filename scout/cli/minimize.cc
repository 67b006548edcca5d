#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>

#include "scout/bench/run/execute.h"
#include "scout/cli/commands.h"
#include "scout/cli/contestants.h"
#include "scout/cli/usage.h"
#include "scout/optimizer/minimize.h"
#include "scout/policy/shipped.h"
#include "scout/problem/catalog/family.h"

namespace scout {
namespace {

struct Arguments {
  std::string problem;
  std::optional<int> dimension;  ///< kUsualDimension, where there is a choice
  std::uint64_t index = 0;
  std::string split = "test";
  std::string optimizer;
  std::string policy;  ///< kUsualPolicy, if no optimizer is named either
  std::vector<std::string> assignments;
  std::int64_t budget = 200;
  int seed = 0;
  int explorers = 1;
  int threads = 1;
};

/// Points longer than this are not printed.
constexpr std::size_t kLongest = 16;
constexpr std::size_t kCurveRows = 12;
constexpr int kUsualDimension = 10;

int minimize_once(const Arguments& arguments) {
  const auto instance =
      family(arguments.problem)
          ->sample(split_from_string(arguments.split), arguments.index, arguments.dimension.value_or(kUsualDimension));
  if (arguments.dimension && *arguments.dimension != instance->dimension()) {
    fmt::print(stderr, "note: {} has {} dimensions of its own: --dimension {} is not used\n", arguments.problem,
               instance->dimension(), *arguments.dimension);
  }
  const std::string method = arguments.policy.empty() ? arguments.optimizer : std::string(kPolicyPrefix) + arguments.policy;
  if (arguments.policy.empty() && arguments.explorers > 1) {
    throw std::invalid_argument("--explorers: " + method + " is a baseline, which has none");
  }
  const auto contestant = resolve_contestant(method, arguments.explorers, arguments.threads);
  if (const auto warning = warning_of_kind(method, {arguments.problem}); !warning.empty()) {
    fmt::print(stderr, "{}\n", warning);
  }
  if (!arguments.policy.empty() && !arguments.assignments.empty()) {
    throw std::invalid_argument("--set " + arguments.assignments.front() + ": a policy has no settings");
  }
  auto settings = nlohmann::json::object();
  for (const auto& assignment : arguments.assignments) settings.update(parse_assignment(assignment));
  const auto optimizer = contestant.make(settings);

  const Seed seed(static_cast<std::uint64_t>(arguments.seed));
  Random random(seed.derive("start"));
  const auto start = first_start(*instance, random);
  const auto outcome = bench::execute(*instance, *optimizer, start, seed.derive("optimizer"), arguments.budget);

  fmt::print("{}, {}-D, {} instance {}, by {}\n\n", arguments.problem, instance->dimension(), arguments.split,
             arguments.index, contestant.name);
  const auto optimum = instance->optimum_value();
  fmt::print("{:>8}  {:>14}{}\n", "calls", "best f", optimum ? fmt::format("  {:>12}", "gap") : "");
  auto line = [&](std::int64_t calls, double f) {
    fmt::print("{:>8}  {:>14.7g}{}\n", calls, f, optimum ? fmt::format("  {:>12.4g}", f - *optimum) : "");
  };
  line(0, outcome.start_value);
  for (const auto& point : bench::thin(outcome.curve, kCurveRows)) line(point.values + point.gradients, point.best);
  const std::string reason = bench::reason_of_failure(outcome);
  const std::string ending = reason.empty() ? outcome.note : reason;
  fmt::print("\nstatus       {}{}\n", outcome.status, ending.empty() ? "" : ": " + ending);
  fmt::print("oracle calls {} ({} values, {} gradients, {} not finite)\n", outcome.values + outcome.gradients,
             outcome.values, outcome.gradients, outcome.non_finite);
  fmt::print("seconds      {:.4f}, {:.4f} of them in the objective\n", outcome.seconds, outcome.objective_seconds);
  if (!outcome.best_point.empty() && outcome.best_point.size() <= kLongest) {
    fmt::print("best point   {:.6g}\n", fmt::join(outcome.best_point, " "));
  }
  if (!outcome.best_point.empty()) {
    for (const auto& [name, value] : instance->metrics(outcome.best_point)) fmt::print("{:<17} {:.4f}\n", name, value);
  }
  return bench::failed(outcome) ? kFailed : kDone;
}

}  // namespace

void add_minimize(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("minimize", "Run one optimizer on one function, and show how it went");
  command->add_option("--problem", arguments->problem, "family (scout list problems)")->required();
  command->add_option("--dimension", arguments->dimension, "M (10); a network, or a real problem, has its own")
      ->check(whole_from(1));
  command->add_option("--index", arguments->index, "which instance of the family")
      ->capture_default_str()
      ->check(whole_from(0));
  command->add_option("--split", arguments->split, "train, validation or test")->capture_default_str();
  command->add_option("--budget", arguments->budget, "oracle calls: one f and one gradient each count 1")
      ->capture_default_str()
      ->check(whole_from(1));
  command->add_option("--seed", arguments->seed, "of the start and of the optimizer")
      ->capture_default_str()
      ->check(whole_from(0));
  auto* method = command->add_option_group("method")->require_option(0, 1);
  method->add_option("--optimizer", arguments->optimizer, "baseline (scout list optimizers)");
  method
      ->add_option("--policy", arguments->policy,
                   "policy file, or the name of one that comes with the library; without both: surfaces")
      ->check(policy_or_file_exists);
  command->add_option("--set", arguments->assignments, "key=value ...: settings of the baseline");
  command
      ->add_option("--explorers", arguments->explorers,
                   "runs of the policy that share what they find, and the budget; rule control alone")
      ->capture_default_str()
      ->check(whole_from(1));
  command->add_option("--threads", arguments->threads, "threads that evaluate the explorers' points; 0: one a core")
      ->capture_default_str()
      ->check(whole_from(0));
  command->footer(R"(Examples:
  scout minimize --problem nist --index 30 --budget 1000
  scout minimize --problem schwefel-rotated --budget 4000 --explorers 4 --threads 2
  scout minimize --problem rastrigin --optimizer adam --set lr=0.1
  scout minimize --problem ackley-rotated --dimension 5 --budget 1000 --policy out/demo/policy.scout
  scout minimize --problem mlp-spirals:hidden=16x16,init=he --optimizer adam --set lr=0.01 --budget 2000)");
  command->callback([arguments, &exit_code] {
    if (arguments->policy.empty() && arguments->optimizer.empty()) arguments->policy = kUsualPolicy;
    exit_code = minimize_once(*arguments);
  });
}

}  // namespace scout
