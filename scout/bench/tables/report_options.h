// The options of a benchmark suite that its tables need.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scout/base/options.h"

namespace scout::bench {

/// What a benchmark suite says about its tables: which there are, in which order, and what counts as success.
struct ReportOptions {
  std::string name;  ///< the file's stem; not an option
  std::string title;
  std::vector<std::string> problems;
  std::vector<int> dimensions{10};
  std::vector<std::int64_t> budgets{200};
  std::vector<double> targets{1e-1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8};
  std::string precision = "relative";

  template <class Visitor>
  void describe(Visitor&& visit) {
    visit("title", title, "one line, the heading of the report");
    visit("problems", problems, "names of problem families");
    visit("dimensions", dimensions, "M, the numbers of coordinates; a network has its own", at_least(1));
    visit("budgets", budgets, "oracle calls of a run; one f and one gradient each count 1", at_least(1));
    visit("targets", targets, "precisions that count as success", positive());
    visit("precision", precision, "what a target bounds: relative, (f - f*) / (f(start) - f*); absolute, f - f*",
          OneOf{{"relative", "absolute"}});
  }
};

}  // namespace scout::bench
