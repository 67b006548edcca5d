// scout compare: what one way of training is worth beside another, over seeds.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <numeric>
#include <stdexcept>

#include "scout/bench/tables/statistics.h"
#include "scout/cli/commands.h"
#include "scout/cli/training_log.h"

namespace scout {
namespace {

/// The last validation of a training.
struct Ending {
  std::uint64_t seed = 0;
  double evaluations = 0;
  std::map<std::string, double> scores;  ///< by problem; "mean": over all
};

Ending ending_of(const std::string& folder) {
  const std::string path = folder + "/log.jsonl";
  const std::vector<nlohmann::json> lines = read_training_log(path);
  if (lines.empty()) throw std::invalid_argument("'" + path + "' is not there, or empty: give the folder of a training");
  Ending out;
  for (const nlohmann::json& line : lines) {
    try {
      if (line.contains("seed")) out.seed = line["seed"];
      if (!line.contains("round") || !line.contains("validation")) continue;  // the first line has the untrained policy's
      const nlohmann::json& validation = line["validation"];
      if (!validation.contains("scores")) {
        throw std::invalid_argument("'" + path + "' has no scores by problem: it was written by an earlier version");
      }
      out.evaluations = line.value("evaluations", 0.0);
      out.scores = validation["scores"].get<std::map<std::string, double>>();
      out.scores["mean"] = validation["score"];
    } catch (const nlohmann::json::exception& error) {
      throw std::invalid_argument(
          fmt::format("'{}' is damaged in round {}: {}", path, line.value("round", std::int64_t{0}), error.what()));
    }
  }
  if (out.scores.empty()) throw std::invalid_argument("'" + path + "' has no validation yet");
  return out;
}

std::vector<Ending> endings_of(const std::vector<std::string>& folders) {
  std::vector<Ending> out;
  for (const std::string& folder : folders) out.push_back(ending_of(folder));
  std::ranges::sort(out, {}, &Ending::seed);
  const auto twice = std::ranges::adjacent_find(out, {}, &Ending::seed);
  if (twice == out.end()) return out;
  throw std::invalid_argument(fmt::format("two trainings of seed {} on one side: give one of each seed", twice->seed));
}

double mean_evaluations(const std::vector<Ending>& endings) {
  double sum = 0;
  for (const Ending& ending : endings) sum += ending.evaluations;
  return sum / static_cast<double>(endings.size());
}

void compare(const std::vector<std::string>& with, const std::vector<std::string>& without) {
  const std::vector<Ending> a = endings_of(with), b = endings_of(without);
  if (a.size() != b.size() || a.size() < 2) {
    throw std::invalid_argument(
        fmt::format("{} trainings against {}: give as many of both, and at least two", a.size(), b.size()));
  }
  for (std::size_t k = 0; k < a.size(); ++k) {
    if (a[k].seed == b[k].seed) continue;
    throw std::invalid_argument(
        fmt::format("no pair for seed {}: both sides need the same seeds", std::min(a[k].seed, b[k].seed)));
  }
  fmt::print(
      "Last validation: mean log10 of the final gap's share, less is better. {} seeds, {:.2f} against {:.2f} million\n"
      "evaluations on average. The difference has its 95 % interval (Student's t, paired by seed).\n\n",
      a.size(), 1e-6 * mean_evaluations(a), 1e-6 * mean_evaluations(b));
  fmt::print("{:<28} {:>24} {:>24} {:>18}\n", "problem", "one (least, greatest)", "other (least, greatest)", "difference");
  const auto row = [&](const std::string& problem) {
    std::vector<double> one, other, difference;
    for (std::size_t k = 0; k < a.size(); ++k) {
      if (!b[k].scores.contains(problem)) throw std::invalid_argument("'" + problem + "' is a problem of one side alone");
      one.push_back(a[k].scores.at(problem));
      other.push_back(b[k].scores.at(problem));
      difference.push_back(one.back() - other.back());
    }
    const auto cell = [](const std::vector<double>& values) {
      const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
      return fmt::format("{:.3f} ({:.3f}, {:.3f})", mean, std::ranges::min(values), std::ranges::max(values));
    };
    const bench::Interval interval = bench::mean_interval(difference);
    fmt::print("{:<28} {:>24} {:>24} {:>18}\n", problem, cell(one), cell(other),
               fmt::format("{:+.3f} ± {:.3f}", interval.estimate, interval.high - interval.estimate));
  };
  for (const auto& [problem, score] : a.front().scores) {
    if (problem != "mean") row(problem);
  }
  row("mean");
}

}  // namespace

void add_compare(CLI::App& app) {
  struct Arguments {
    std::vector<std::string> one, other;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("compare", "Compare two ways of training, paired by seed");
  command->add_option("--one", arguments->one, "folders of trainings, a seed each")->required();
  command->add_option("--other", arguments->other, "folders of the other trainings, with the same seeds")->required();
  command->footer(R"(Example:
  scout compare --one out/with.1 out/with.2 out/with.3 --other out/without.1 out/without.2 out/without.3)");
  command->callback([arguments] { compare(arguments->one, arguments->other); });
}

}  // namespace scout
