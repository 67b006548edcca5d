// Parts of the page that reports of functions and of networks share. All return HTML.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "scout/bench/tables/results.h"

namespace scout::bench {

/// A problem's name, which may be broken after the commas of its axes.
std::string problem_name(const std::string& problem);

/// The problem's name; dimension and budget only where the tasks differ in them.
std::string task_name(const Task& task, const Results& results);

/// "optimizer", then the names of the tasks.
std::vector<std::string> task_headings(const Results& results);

/// A row an optimizer, a column each of `headings` but the first. The cells of each column with the least finite badness are
/// strong; without `badness` none is.
using CellText = std::function<std::string(std::size_t row, std::size_t column)>;
using CellBadness = std::function<double(std::size_t row, std::size_t column)>;
std::string optimizer_table(const Results& results, const std::vector<std::string>& headings, const CellText& html,
                            const CellBadness& badness = {});

/// How many runs there are in all.
std::size_t count_runs(const Results& results);

/// The colours of the optimizers' lines.
std::string legend(const Results& results);

/// The tuned settings, optimizers × tasks.
std::string settings_table(const Results& results);

/// A list of what failed.
std::string failures(const Results& results);

/// Machine and versions.
std::string origin(const Results& results);

}  // namespace scout::bench
