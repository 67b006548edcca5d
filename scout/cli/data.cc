#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "scout/cli/commands.h"
#include "scout/cli/usage.h"
#include "scout/data/catalog.h"
#include "scout/download/fetch.h"

namespace scout {
namespace {

/// `given`: whether the folder was named on the command line, so that what fetches must name it too.
void list_data(const std::filesystem::path& folder, bool given) {
  for (const auto& set : image_data_sets()) {
    fmt::print("{:<15} {:<8} {} ({}): {}+{} examples\n", set.name, is_present(set, folder) ? "here" : "missing", set.summary,
               set.source, set.train_count, set.test_count);
  }
  fmt::print("\nIn {}. Get one with\n  scout data fetch NAME{}\n", folder.string(),
             given ? " --data-dir " + shell_word(folder.string()) : "");
}

void fetch(const std::vector<std::string>& names, const std::filesystem::path& folder) {
  std::vector<const ImageDataSet*> sets;
  for (const auto& name : names) sets.push_back(&image_data_set(name));  // a wrong name, before anything is downloaded
  const bool terminal = isatty(fileno(stdout)) == 1;
  for (const ImageDataSet* set : sets) {
    fmt::print("{}: {}\n", set->name, set->addresses.front());
    bool shown = false;
    const bool fetched = fetch_data(*set, folder, [&](const std::string& file, std::int64_t done, std::int64_t total) {
      if (!terminal) return;
      fmt::print("\r  {}: {:.1f} of {:.1f} MB\033[K", file, static_cast<double>(done) / 1e6,
                 static_cast<double>(total) / 1e6);
      std::fflush(stdout);
      shown = true;
    });
    if (shown) fmt::print("\n");
    fmt::print("{}: {} {}\n", set->name, fetched ? "fetched into" : "is already in", (folder / set->folder).string());
  }
}

}  // namespace

void add_data(CLI::App& app) {
  CLI::App* command = app.add_subcommand("data", "List and download data sets");
  command->require_subcommand(1);
  command->footer(R"(Example:
  scout data fetch mnist cifar-100 --data-dir data
A download that broke off goes on when the command is repeated.)");
  CLI::App* list = command->add_subcommand("list", "List the data sets, and which of them are here");
  list->callback([&app] { list_data(data_folder(), app.count("--data-dir") > 0); });
  auto names = std::make_shared<std::vector<std::string>>();
  CLI::App* get = command->add_subcommand("fetch", "Download data sets from their official addresses, and check them");
  get->add_option("NAME", *names, "data sets (scout data list)")->required();
  get->callback([names] { fetch(*names, data_folder()); });
}

}  // namespace scout
