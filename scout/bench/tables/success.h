// Who finds the least value that is known: of suites that say what counts as success.
#pragma once

#include "scout/bench/tables/results.h"

namespace scout::bench {

/// Runs of one optimizer on one task, or on all.
struct Successes {
  std::size_t found = 0;
  std::size_t runs = 0;
  double calls = INFINITY;    ///< median until success, of those that found it
  double seconds = INFINITY;  ///< median wall clock of a run

  double share() const { return static_cast<double>(found) / static_cast<double>(runs); }
};

/// What the runs of row `row` did on task `task`; if there is none of that number, on all.
Successes successes(const Results& results, std::size_t row, std::size_t task);

/// One of the three tables of success: its heading, and its cells with how bad they are; a column a task, and one for all.
struct SuccessTable {
  const char* heading;
  std::string (*text)(const Successes&);
  double (*badness)(const Successes&);
};
const std::vector<SuccessTable>& success_tables();

/// What counts as success, in a sentence.
std::string success_rule(const Results& results);

/// The tables as plain text; empty if the suite has none.
std::string success_text(const Results& results);

}  // namespace scout::bench
