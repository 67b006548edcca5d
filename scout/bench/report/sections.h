// Parts of the page. All return HTML, and throw std::runtime_error if they draw and gnuplot fails or is missing.
#pragma once

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
std::string optimizer_table(const Results& results, const std::vector<std::string>& headings, const CellText& html,
                            const CellBadness& badness = {});

/// How many runs there are in all.
std::size_t count_runs(const Results& results);

/// The colours of the optimizers' lines, and below them `figure(results, t)` of every task.
std::string figures_by_task(const Results& results, std::string (*figure)(const Results&, std::size_t));

/// The tuned settings, optimizers × tasks.
std::string settings_table(const Results& results);

/// A list of what failed.
std::string failures(const Results& results);

/// Machine and versions.
std::string origin(const Results& results);

/// The 2-D part of the report of functions: paths of optimizers and of explorers over contours, from DIR/trajectories.jsonl
/// and DIR/explorers.jsonl (described in trajectory.h); empty if neither is there. Throws std::invalid_argument naming the
/// file if a line lacks a field.
std::string landscapes(const std::filesystem::path& directory);

/// The whole body of the report of a suite whose tasks are all the training of networks.
std::string networks_body(const Results& results);

}  // namespace scout::bench
