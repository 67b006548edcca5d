// Runs a suite: tunes every optimizer, runs it on the test instances, and writes records.
#pragma once

#include "scout/bench/run/tuning.h"

namespace scout::bench {

struct RunSummary {
  int ran = 0;
  int reused = 0;     ///< runs that the folder already held, or the archive
  int archived = 0;   ///< thereof from the archive
  int failures = 0;   ///< of `ran`: failed, non-finite or error
  int set_aside = 0;  ///< records that the folder held and the suite does not ask for
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
/// If the folder holds records that the suite does not ask for (of another policy file, other problems, more instances),
/// they are moved to the end of records.previous.jsonl, lines of steps.jsonl likewise, and `progress` is told. Only one
/// process at a time may work in a folder: hold a FolderLock on it. `archive` is a folder with the tuning.json and
/// records.jsonl of an earlier benchmark, or empty: what it holds under the same keys is taken over and not run. Results do
/// not depend on the number of threads. Throws std::invalid_argument for a suite that cannot run, std::runtime_error if the
/// folder cannot be written.
RunSummary run_benchmark(
    const Suite& suite, const std::filesystem::path& out, const Resolver& resolve,
    const Progress& progress = [](const std::string&) {}, const std::filesystem::path& archive = {});

}  // namespace scout::bench
