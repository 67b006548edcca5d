// The subcommands of the program.
#pragma once

namespace CLI {
class App;
}

namespace scout {

/// What the program returns to the shell. An interrupted training returns 128 + the number of the signal.
enum ExitCode : int { kDone = 0, kFailed = 1, kBadUsage = 2 };

/// Each adds its subcommand, which sets `exit_code` when it runs, if it may be other than kDone. It throws
/// std::invalid_argument for bad options and unknown names, and another exception for what failed.
void add_train(CLI::App& app, int& exit_code);
void add_bench(CLI::App& app, int& exit_code);
void add_report(CLI::App& app);
void add_compare(CLI::App& app);
void add_data(CLI::App& app);
void add_list(CLI::App& app);
void add_minimize(CLI::App& app, int& exit_code);
void add_pendulum(CLI::App& app, int& exit_code);

/// The whole program; prints errors and returns the exit code.
int run_program(int argc, const char* const* argv);

}  // namespace scout
