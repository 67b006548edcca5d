// A benchmark suite: what is run, on what, for how many oracle calls. Read from `benchmarks/NAME.toml`.
#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "scout/base/options.h"

namespace scout::bench {

/// One column of the result tables: a family at a dimension and a budget of oracle calls.
struct Task {
  std::string problem;
  int dimension = 1;
  std::int64_t budget = 0;
  auto operator<=>(const Task&) const = default;
};
/// E.g. "rastrigin, 10-D, 200 calls".
std::string to_string(const Task& task);

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

struct Suite {
  std::string name;  ///< the file's stem; not an option
  std::string title;
  std::vector<std::string> problems;
  std::vector<int> dimensions{10};
  std::vector<std::int64_t> budgets{200};
  int instances = 50;
  int validation = 16;
  int seeds = 5;
  std::vector<std::string> optimizers;
  std::vector<double> targets{1e-1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8};
  std::string precision = "relative";
  int threads = 0;
  TrajectoryOptions trajectories;

  template <class Visitor>
  void describe(Visitor&& visit) {
    visit("title", title, "one line, the heading of the report");
    visit("problems", problems, "names of problem families");
    visit("dimensions", dimensions, "M, the numbers of coordinates; a network has its own", at_least(1));
    visit("budgets", budgets, "oracle calls of a run; one f and one gradient each count 1", at_least(1));
    visit("instances", instances, "test instances of each problem", at_least(1));
    visit("validation", validation, "validation instances on which every optimizer is tuned", at_least(1));
    visit("seeds", seeds, "starts on each test instance", at_least(1));
    visit("optimizers", optimizers, "names, or LABEL=NAME; policy:PATH is a policy file");
    visit("targets", targets, "precisions that count as success", positive());
    visit("precision", precision, "what a target bounds: relative, (f - f*) / (f(start) - f*); absolute, f - f*",
          OneOf{{"relative", "absolute"}});
    visit("threads", threads, "worker threads; 0: one per core", at_least(0));
    visit("trajectories", trajectories);
  }

  /// Every problem × dimension × budget, in this order. A problem with dimensions of its own has the one of its first test
  /// instance, and no other. Throws as `Family::sample`.
  std::vector<Task> tasks() const;
};

/// An entry "LABEL=NAME" or "NAME" of Suite::optimizers; the label of a bare name is the name.
struct OptimizerName {
  std::string label;
  std::string name;
};
OptimizerName parse_optimizer(const std::string& entry);

/// Throws std::invalid_argument naming the option if a list is empty or repeats an entry, or a problem is unknown.
void validate_suite(const Suite& suite);

/// Reads and checks a suite. `name_or_path` is a TOML file or the name of a shipped suite.
/// Throws std::invalid_argument naming file, option, value and condition.
Suite load_suite(const std::string& name_or_path);

/// The folder of the shipped suites: `benchmarks` beside the program's build folder, in the current folder, or
/// `share/scout/benchmarks` of an installation; empty if there is none.
std::filesystem::path suite_folder();

/// For `scout list suites`: every shipped suite, by name.
std::vector<Suite> shipped_suites();

}  // namespace scout::bench
