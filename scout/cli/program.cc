#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "scout/base/names.h"
#include "scout/cli/commands.h"
#include "scout/cli/launch.h"
#include "scout/cli/usage.h"
#include "scout/problem/autograd/architectures.h"

namespace scout {
namespace {

/// `exit_code`, unless the standard output could not be written, which buffers may hide up to now.
int all_is_written(int exit_code) {
  std::cout.flush();
  if (std::fflush(stdout) == 0 && std::cout && std::ferror(stdout) == 0) return exit_code;
  std::fprintf(stderr, "scout: cannot write to the standard output: make room, or send it elsewhere\n");
  return exit_code == kDone ? kFailed : exit_code;
}

}  // namespace

int run_program(int argc, const char* const* argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file that is as large as it may be is an error, which has a message
  CLI::App app("Scout trains optimizers that explore, and judges them against tuned baselines.", "scout");
  app.set_version_flag("--version", SCOUT_VERSION);
  app.require_subcommand(1);
  app.failure_message(usage_error);
  app.get_formatter()->column_width(34);
  app.footer(R"(A first tour:
  scout list problems
  scout train demo --out out/demo
  scout bench demo --out out/demo/bench --policy out/demo/policy.scout
  scout report out/demo/bench
  scout minimize --problem rastrigin --policy out/demo/policy.scout
Exit codes: 0 done, 1 failed, 2 bad usage, 128 + signal for a training that was interrupted and saved.)");
  app.fallthrough();  // --data-dir is understood behind every command
  app.add_option_function<std::string>(
         "--data-dir", [](const std::string& folder) { setenv("SCOUT_DATA", folder.c_str(), 1); },
         "folder of the data sets (default: $SCOUT_DATA, else ~/.cache/scout/data)")
      ->trigger_on_parse();
  bool alone = false;
  app.add_flag("--alone", alone, "one process by itself, whatever variables of mpirun or srun it has inherited");
  app.parse_complete_callback([&] {
    const std::string command = app.get_subcommands().front()->get_name();
    if (!alone && command != "train") refuse_several(detect_launch(), command);
  });
  add_architectures(autograd_architectures());
  int exit_code = kDone;
  add_train(app, exit_code);
  add_bench(app, exit_code);
  add_report(app);
  add_compare(app);
  add_data(app);
  add_list(app);
  add_minimize(app, exit_code);
  add_pendulum(app, exit_code);
  try {
    std::vector<std::string> known;
    for (const CLI::App* command : app.get_subcommands({})) known.push_back(command->get_name());
    if (argc > 1 && argv[1][0] != '-' && std::ranges::find(known, argv[1]) == known.end()) {
      throw std::invalid_argument("no command '" + std::string(argv[1]) + "'" + did_you_mean(nearest_name(argv[1], known)) +
                                  " Known: " + join_names(known));
    }
    app.parse(argc, argv);
    return all_is_written(exit_code);
  } catch (const CLI::ParseError& error) {
    return all_is_written(app.exit(error) == 0 ? kDone : kBadUsage);
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "scout: %s\n", error.what());
    return kBadUsage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "scout: %s\n", error.what());
    return kFailed;
  }
}

}  // namespace scout
