// A benchmark suite: what is run, on what, for how many oracle calls. Read from `benchmarks/NAME.toml`.
#pragma once

#include "scout/bench/tables/results.h"

namespace scout::bench {

/// Which paths are drawn over the contours of the 2-D members of some families.
struct TrajectoryOptions {
  std::vector<std::string> problems;
  std::vector<std::string> optimizers;

  template <class Visitor>
  void describe(Visitor&& visit) {
    visit("problems", problems, "families whose 2-D test instance 0 is drawn");
    visit("optimizers", optimizers, "labels of the optimizers drawn, besides every policy");
  }
};

struct Suite : ReportOptions {
  int instances = 50;
  int validation = 16;
  int seeds = 5;
  std::vector<std::string> optimizers;
  std::string tuning = "grid";
  int threads = 0;
  TrajectoryOptions trajectories;

  template <class Visitor>
  void describe(Visitor&& visit) {
    ReportOptions::describe(visit);
    visit("instances", instances, "test instances of each problem; of fixed problems at most as many as there are",
          at_least(1));
    visit("validation", validation, "validation instances on which every optimizer is tuned", at_least(1));
    visit("seeds", seeds, "starts on each test instance", at_least(1));
    visit("optimizers", optimizers,
          "names, or LABEL=NAME; policy:PATH is a policy file; NAME:KEY=VALUE,KEY<=NUMBER,... tunes over the settings for "
          "which that holds");
    visit("tuning", tuning,
          "grid: every setting is tried; search: along lr every fourth, then the neighbours of the best at distance 2, then "
          "at 1, which finds the best if there is one valley",
          OneOf{{"grid", "search"}});
    visit("threads", threads, "worker threads; 0: one per core", at_least(0));
    visit("trajectories", trajectories);
  }

  /// Every problem × dimension × budget, in this order. A problem with dimensions of its own has the one of its first test
  /// instance, and no other; fixed problems, which differ in it, have 0. Throws as `Family::sample`.
  std::vector<Task> tasks() const;
};

/// A condition on one setting of a tuning grid: "schedule=constant", "lr<=0.3".
struct Pin {
  std::string key;
  std::string relation;  ///< "=", "<=" or ">="
  std::string value;

  /// Whether `settings` have the key and satisfy the condition; numbers are compared as numbers.
  bool holds(const nlohmann::json& settings) const;
};

/// An entry "[LABEL=]NAME[:PIN[,PIN...]]" of Suite::optimizers; the label of an entry without one is the rest of it. What
/// follows "policy:" is a path. The label is what records say it is, `valid_utf8`.
struct OptimizerName {
  std::string label;
  std::string name;
  std::vector<Pin> pins;
};
OptimizerName parse_optimizer(const std::string& entry);

/// Throws std::invalid_argument naming the option if a list is empty or repeats an entry, or a problem is unknown.
void validate_suite(const Suite& suite);

/// Reads and checks a suite. `name_or_path` is a TOML file or the name of a shipped suite (find_file).
/// Throws std::invalid_argument naming file, option, value and condition.
Suite load_suite(const std::string& name_or_path);

/// Where the results of the baselines of a shipped suite are, if they come with it.
std::filesystem::path archive_of(const Suite& suite);

/// For `scout list suites`: every shipped suite, by name. Their problems are not checked: some need LibTorch.
std::vector<Suite> shipped_suites();

}  // namespace scout::bench
