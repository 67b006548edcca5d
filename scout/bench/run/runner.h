// Runs a suite: tunes every optimizer, runs it on the test instances, and writes records.
#pragma once

#include "scout/bench/run/tuning.h"

namespace scout::bench {

struct RunSummary {
  int ran = 0;
  int reused = 0;    ///< runs that the folder already held, or the archive
  int archived = 0;  ///< thereof from the archive
  int failures = 0;  ///< of `ran`: failed, non-finite or error
};

/// Who is measured.
struct Metered {
  std::string optimizer;             ///< label
  std::unique_ptr<StepMeter> meter;  ///< not null
};
/// The time of optimizers' steps, side by side: `adam` and `metered` make `warm_up` steps each and then `steps` that count,
/// in turns.
StepCosts measure_steps(StepMeter& adam, const std::vector<Metered>& metered, int warm_up, int steps);

/// Called with one line after each optimizer of each task.
using Progress = std::function<void(const std::string& line)>;

/// Runs `suite` into the folder `out`, which is created:
///   suite.json           the suite as run
///   tuning.json          chosen settings, and the score of every setting tried; reused while their key holds
///   records.jsonl        one Record a line
///   steps.jsonl          of networks: what a step of each optimizer costs, StepCosts, one task a line
///   trajectories.jsonl   2-D paths and contours, if the suite asks for them
/// A run whose record is there under the same key is not repeated, so a killed benchmark is continued by calling this again.
/// If the folder holds records that the suite no longer asks for (another policy file, a changed problem), they are moved
/// aside to records.previous.jsonl. `archive` is a folder with the tuning.json and records.jsonl of an earlier benchmark, or
/// empty: what it holds under the same keys is taken over and not run. Results do not depend on the number of threads.
/// Throws std::invalid_argument for a suite that cannot run, std::runtime_error if the folder cannot be written.
RunSummary run_benchmark(
    const Suite& suite, const std::filesystem::path& out, const Resolver& resolve,
    const Progress& progress = [](const std::string&) {}, const std::filesystem::path& archive = {});

}  // namespace scout::bench
