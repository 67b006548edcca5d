#include "scout/bench/report/report.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "scout/cli/commands.h"

namespace scout {

void add_report(CLI::App& app, int& exit_code) {
  auto directory = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("report", "Draw the records of a benchmark as one HTML page");
  command->add_option("DIR", *directory, "the --out of scout bench")->required()->check(CLI::ExistingDirectory);
  command->footer("Example:\n  scout report out/demo/bench\nNothing is run again, so old records can always be redrawn.");
  command->callback([directory, &exit_code] {
    const auto path = bench::write_report(*directory);
    fmt::print("{}\nThe report is {}\n", bench::report_text(*directory), path.string());
    exit_code = kDone;
  });
}

}  // namespace scout
