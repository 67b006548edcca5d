// The "margin of victory" of Li & Malik 2016 ("Learning to optimize", section 5): by how much an optimizer's f lies below
// that of the best of its rivals, along the run.
//
//   benchmarks/margin_of_victory DIR LABEL
//
// DIR is a folder of `scout bench`, LABEL the optimizer. A line a problem and number of gradients: the mean over instances
// and seeds of the least f of any rival, which is another one from instance to instance, less its own; and the share of runs
// in which it is ahead. Each optimizer's f is the least so far, after as many gradients. Above 0 it is ahead of all of them.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <tuple>

#include "scout/bench/tables/record.h"

namespace {

/// The least f after so many gradients; what the run ended with, if it asked for fewer.
double after(const scout::bench::Record& record, std::int64_t gradients) {
  double best = record.outcome.start_value;
  for (const scout::CurvePoint& point : record.outcome.curve) {
    if (point.gradients <= gradients) best = std::min(best, point.best);
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("The margin of victory of an optimizer along its runs.");
  std::string folder, own;
  std::int64_t most = 40;
  app.add_option("DIR", folder, "a folder of scout bench")->required();
  app.add_option("LABEL", own, "the optimizer")->required();
  app.add_option("--gradients", most, "up to so many gradients");
  CLI11_PARSE(app, argc, argv);

  using Run = std::tuple<scout::bench::Task, int, int>;
  std::map<Run, std::vector<scout::bench::Record>> runs;
  for (scout::bench::Record& record : scout::bench::read_records(folder)) {
    runs[{record.task, record.instance, record.seed}].push_back(std::move(record));
  }
  struct Sum {
    double margin = 0;
    int ahead = 0, runs = 0;
  };
  std::map<std::pair<std::string, std::int64_t>, Sum> sums;
  for (const auto& [run, records] : runs) {
    for (std::int64_t gradients = 1; gradients <= most; gradients = gradients < 5 ? gradients + 1 : gradients + 5) {
      double mine = 0, rival = std::numeric_limits<double>::infinity();
      bool found = false;
      for (const auto& record : records) {
        const double f = after(record, gradients);
        if (record.optimizer == own) {
          mine = f;
          found = true;
        } else {
          rival = std::min(rival, f);
        }
      }
      if (!found || records.size() < 2) continue;
      Sum& sum = sums[{to_string(std::get<0>(run)), gradients}];
      sum.margin += rival - mine;
      sum.ahead += rival > mine ? 1 : 0;
      ++sum.runs;
    }
  }
  if (sums.empty()) {
    std::fprintf(stderr, "%s: no runs of \"%s\" beside others\n", folder.c_str(), own.c_str());
    return 1;
  }
  for (const auto& [key, sum] : sums) {
    std::printf("%-44s %4lld gradients: margin %10.3g, ahead in %3.0f %%\n", key.first.c_str(),
                static_cast<long long>(key.second), sum.margin / sum.runs, 100.0 * sum.ahead / sum.runs);
  }
  return 0;
}
