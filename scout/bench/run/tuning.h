// Fair baselines: every optimizer is tuned, per task, on the validation instances.
#pragma once

#include "scout/base/parallel.h"
#include "scout/bench/run/spec.h"
#include "scout/optimizer/optimizer.h"

namespace scout::bench {

/// An optimizer that can be judged: a row of the table of optimizers, or a learned policy.
struct Contestant {
  std::string name;
  /// Changes when the method does: the hash of a policy file, an entry's version. May be empty.
  std::string fingerprint;
  /// At least one; tuning picks one of them.
  std::vector<nlohmann::json> grid;
  std::function<std::unique_ptr<Optimizer>(const nlohmann::json& settings)> make;
  /// What the method's own training cost, as far as it is known: "seconds" of wall clock, "evaluations" of f or ∇f.
  nlohmann::json training_cost = nlohmann::json::object();
};

/// An entry of Suite::optimizers, its contestant found and pinned.
struct Entrant {
  std::string label;
  Contestant contestant;
};

/// Finds a contestant by name; throws std::invalid_argument for a name that it does not know.
using Resolver = std::function<Contestant(std::string_view name)>;

/// Leaves the settings of the grid for which every pin holds. Throws std::invalid_argument if there are none, naming the pin
/// and the values that the grid has.
void pin(Contestant& contestant, const std::vector<Pin>& pins);

/// 16 hexadecimal digits (FNV-1a).
std::string hash_text(std::string_view text);

/// The start [M] of a run. It depends on the task's problem and dimension, the instance and the seed: not on the optimizer.
std::vector<double> start_of(const Instance& instance, const Task& task, Split split, int index, int seed);
/// The seed of an optimizer's own random choices in a run.
Seed seed_of(const Task& task, Split split, int index, int seed);

/// Throws std::invalid_argument if `contestant` has settings to choose from and the task's problems are fixed ones, for
/// judging alone.
void refuse_to_tune_on_fixed(const Task& task, const Contestant& contestant);

struct Tuned {
  nlohmann::json settings;
  /// Median over the validation instances of (f - f*) / (f(start) - f*), f: the best value of the run; f* is the best value
  /// that any setting found, where the optimum is unknown. On a stochastic instance, a loss that is not below 0, it is the
  /// median of f / f(start), f: where the run ends, which is what a training run leaves behind.
  double score = 0;
  /// Hash of everything that the choice depends on: the task, the method's name and fingerprint, its grid, the number of
  /// instances, f at the starts and the result of a probe run, which change when the code of the problem or the method does.
  /// On stochastic instances the probe is short and these numbers are rounded, so that another processor finds the same key;
  /// a method that was changed can then pass for the old one, and needs a new version.
  std::string key;
  bool cached = false;
  int tried = 0;  ///< settings run, unless cached
};

/// Tunes, and keeps the results in a JSON file.
class Tuner {
 public:
  /// Takes the number of validation instances and the way of tuning from `suite`. Results are kept in `cache`; those in
  /// `archive`, if there is such a file, are used as if they were there.
  Tuner(std::filesystem::path cache, const std::filesystem::path& archive, const Suite& suite, ThreadTeam& team);

  /// Runs settings of the grid from one start on each validation instance, at the task's budget, and picks the lowest
  /// score; among equals the lowest mean, then the first. An optimizer with one setting is not run. Throws as
  /// refuse_to_tune_on_fixed.
  Tuned tune(const Task& task, const Contestant& contestant);

 private:
  std::filesystem::path cache_path_;
  int instances_;
  bool search_;
  ThreadTeam& team_;
  nlohmann::json cache_;
  nlohmann::json archive_;
};

}  // namespace scout::bench
