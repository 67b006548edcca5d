#include "scout/bench/tables/success.h"

#include <fmt/format.h>

#include <cmath>

namespace scout::bench {

Successes successes(const Results& results, std::size_t row, std::size_t task) {
  Successes out;
  std::vector<double> calls, seconds;
  for (std::size_t t = 0; t < results.tasks.size(); ++t) {
    if (task < results.tasks.size() && t != task) continue;
    for (const Run& run : results.rows[row].cells[t]) {
      ++out.runs;
      seconds.push_back(run.seconds);
      if (std::isfinite(run.to_success.to_target)) calls.push_back(run.to_success.to_target);
    }
  }
  out.found = calls.size();
  if (!calls.empty()) out.calls = median(calls);
  if (!seconds.empty()) out.seconds = median(seconds);
  return out;
}

const std::vector<SuccessTable>& success_tables() {
  static const std::vector<SuccessTable> tables{
      {"Runs that found it",
       [](const Successes& runs) { return runs.runs == 0 ? "-" : fmt::format("{}/{}", runs.found, runs.runs); },
       [](const Successes& runs) { return runs.found == 0 ? INFINITY : -runs.share(); }},
      {"Oracle calls until then, median of these runs",
       [](const Successes& runs) { return std::isinf(runs.calls) ? "-" : fmt::format("{:.0f}", runs.calls); }, nullptr},
      {"Wall clock of a run, median of all, in ms",
       [](const Successes& runs) { return std::isinf(runs.seconds) ? "-" : fmt::format("{:.3g}", 1000 * runs.seconds); },
       nullptr},
  };
  return tables;
}

std::string success_rule(const Results& results) {
  return fmt::format(
      "A run finds the known least value f* where f - f* <= {:g} |f*|; where f* is 0, {:g} of the problem's unit, such as "
      "the "
      "sum of squares of the data",
      results.success, results.success * results.success);
}

std::string success_text(const Results& results) {
  if (results.success == 0) return "";
  std::string out = success_rule(results) + "\n";
  for (const SuccessTable& table : success_tables()) {
    const auto of = [&](std::size_t r, std::size_t t) { return successes(results, r, t); };
    std::vector<std::string> all{"all"};
    for (std::size_t r = 0; r < results.rows.size(); ++r) all.push_back(table.text(of(r, results.tasks.size())));
    CellBadness badness;
    if (table.badness) badness = [&](std::size_t r, std::size_t t) { return table.badness(of(r, t)); };
    out += fmt::format("\n{}\n", table.heading) +
           text_table(
               results, 9, [&](std::size_t r, std::size_t t) { return table.text(of(r, t)); }, badness, all);
  }
  return out + text_tasks(results);
}

}  // namespace scout::bench
