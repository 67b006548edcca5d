// Parts of the page that reports of functions and of networks share. All return HTML.
#pragma once

#include <string>

#include "scout/bench/tables/results.h"

namespace scout::bench {

/// A problem's name, which may be broken after the commas of its axes.
std::string problem_name(const std::string& problem);

/// The problem's name; dimension and budget only where the tasks differ in them.
std::string task_name(const Task& task, const Results& results);

/// The colours of the optimizers' lines.
std::string legend(const Results& results);

/// The tuned settings, optimizers × tasks.
std::string settings_table(const Results& results);

/// A list of what failed.
std::string failures(const Results& results);

/// Machine and versions.
std::string origin(const Results& results);

}  // namespace scout::bench
