// What ways of exploring cover of a function, beside how good the best point is, at equal oracle calls.
//
//   benchmarks/exploration [SUITE] --out FOLDER [--tuned-for value|found] [--against LABEL] [--set key=value ...]
//
// Optimizers are tuned on validation instances: for the best value, as in `scout bench`, or for the low-value basins found.
// Then every point that they ask about on test instances is followed down to its minimum; the judge's own descents cost them
// nothing. FOLDER gets a line a run, coverage.jsonl, and tuning.json, which `scout bench SUITE --out FOLDER` shares. The
// tables are Markdown.
#include <fmt/format.h>

#include <map>

#include "benchmarks/measure.h"
#include "scout/bench/run/execute.h"
#include "scout/bench/run/tuning.h"
#include "scout/bench/tables/coverage.h"
#include "scout/bench/tables/statistics.h"
#include "scout/cli/contestants.h"
#include "scout/cli/usage.h"
#include "scout/problem/catalog/family.h"

namespace {

namespace bench = scout::bench;
namespace fs = std::filesystem;

constexpr int kUniformPoints = 1000;  // for what is low and usual on an instance, and for the minima that are known
constexpr int kCells[]{20, 8};        // along a coordinate, in 2-D and 3-D

/// The coverage of one run.
struct Run {
  bench::BasinCount basins;
  double share_found;  ///< of the low-value minima of the instance that anybody has come across
  double entropy;
  double cells;
  double spread;
  double gap;  ///< relative
};
/// By instance and seed.
using Runs = std::vector<std::vector<Run>>;

struct Contender {
  std::string label;
  std::unique_ptr<scout::Optimizer> optimizer;
};

/// What all contenders do on one instance: [contender][seed].
std::vector<std::vector<Run>> measure(const bench::Task& task, scout::Split split, int index, int seeds,
                                      const std::vector<Contender>& contenders) {
  const auto instance = scout::family(task.problem)->sample(split, static_cast<std::uint64_t>(index), task.dimension);
  bench::Minima minima(*instance);
  scout::Random random(scout::Seed(0).derive("coverage").derive(task.problem).derive(task.dimension).derive(index));
  const bench::Level level = bench::measure_level(*instance, minima, kUniformPoints, random);
  std::vector<std::vector<Run>> out;
  for (const Contender& contender : contenders) {
    out.emplace_back();
    for (int seed = 0; seed < seeds; ++seed) {
      const auto start = bench::start_of(*instance, task, split, index, seed);
      const bench::Outcome outcome = bench::execute(*instance, *contender.optimizer, start,
                                                    bench::seed_of(task, split, index, seed), task.budget, {.path = true});
      const std::vector<double> inside = bench::points_in_box(outcome.path, *instance);
      const bench::Points points{inside, instance->lower(), instance->upper()};
      const auto side = static_cast<std::size_t>(task.dimension - 2);
      const double optimum = instance->optimum_value().value_or(level.low);
      out.back().push_back(
          {.basins = bench::count_basins(inside, *instance, minima, level),
           .share_found = 0,
           .entropy = bench::nearest_neighbour_entropy(points),
           .cells = side < std::size(kCells) ? static_cast<double>(bench::occupied_cells(points, kCells[side])) : 0,
           .spread = bench::spread(points),
           .gap = bench::relative_gap(outcome.best - optimum, outcome.start_value - optimum)});
    }
  }
  int low = 0;
  for (std::size_t k = 0; k < minima.count(); ++k) low += level.is_low(minima.value(k));
  for (auto& runs : out) {
    for (Run& run : runs) run.share_found = static_cast<double>(run.basins.low_found) / std::max(low, 1);
  }
  return out;
}

double found(const Run& run) { return run.basins.low_found; }
double share(const Run& run) { return run.share_found; }

/// The mean over the seeds of each instance.
std::vector<double> by_instance(const Runs& runs, const auto& quantity) {
  std::vector<double> out;
  for (const auto& seeds : runs) {
    double sum = 0;
    for (const Run& run : seeds) sum += std::invoke(quantity, run) / static_cast<double>(seeds.size());
    out.push_back(sum);
  }
  return out;
}

std::vector<double> all(const Runs& runs, const auto& quantity) {
  std::vector<double> out;
  for (const auto& seeds : runs) {
    for (const Run& run : seeds) out.push_back(std::invoke(quantity, run));
  }
  return out;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double x : values) sum += x / static_cast<double>(values.size());
  return sum;
}

/// a - b, with its 95 % interval over instances.
bench::Interval paired(const Runs& a, const Runs& b, const auto& quantity) {
  std::vector<double> difference = by_instance(a, quantity);
  const std::vector<double> others = by_instance(b, quantity);
  for (std::size_t i = 0; i < difference.size(); ++i) difference[i] -= others[i];
  return bench::mean_interval(difference);
}

std::string text(const bench::Interval& x, const char* number = "{:+.1f}") {
  const auto one = [&](double value) { return fmt::format(fmt::runtime(number), value); };
  return fmt::format("{} ({} to {})", one(x.estimate), one(x.low), one(x.high));
}

void print_task(const bench::Task& task, const std::vector<std::string>& labels, const std::vector<Runs>& runs,
                std::size_t against) {
  fmt::print(
      "\n### {}\n\n| | found | difference | ratio | low visited | visited | entropy | cells | spread | gap |\n"
      "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|\n",
      bench::to_string(task));
  const double base = mean(all(runs[against], found));
  for (std::size_t k = 0; k < labels.size(); ++k) {
    const auto average = [&](const auto& quantity) { return mean(all(runs[k], quantity)); };
    fmt::print("| {} | {:.1f} | {} | {} | {:.1f} | {:.0f} | {:.1f} | {} | {:.2f} | {:.2g} |\n", labels[k], average(found),
               k == against ? "" : text(paired(runs[k], runs[against], found)),
               base > 0 ? fmt::format("{:.2f}", average(found) / base) : "-",
               average([](const Run& run) { return run.basins.low_visited; }),
               average([](const Run& run) { return run.basins.visited; }), bench::median(all(runs[k], &Run::entropy)),
               task.dimension <= 3 ? fmt::format("{:.0f}", average(&Run::cells)) : "-", average(&Run::spread),
               bench::median(all(runs[k], &Run::gap)));
  }
  std::fflush(stdout);
}

/// Low-value basins found, a row a task: * where the 95 % interval of the paired difference leaves out 0.
std::string summary_row(const bench::Task& task, const std::vector<Runs>& runs, std::size_t against) {
  const double base = mean(all(runs[against], found));
  std::string out = fmt::format("| {} | {} |", task.problem, task.dimension);
  for (std::size_t k = 0; k < runs.size(); ++k) {
    const double here = mean(all(runs[k], found));
    const bench::Interval difference = paired(runs[k], runs[against], found);
    const char* mark = difference.low > 0 || difference.high < 0 ? "*" : "";
    out += k == against || base == 0 ? fmt::format(" {:.1f}{} |", here, mark)
                                     : fmt::format(" {:.1f} ({:.2f}×){} |", here, here / base, mark);
  }
  return out + "\n";
}

std::string heading(const std::vector<std::string>& labels) {
  std::string names = "| | M |", rule = "|---|---:|";
  for (const std::string& label : labels) names += " " + label + " |", rule += "---:|";
  return names + "\n" + rule + "\n";
}

/// Families together: those along the axes, their rotated twins, and the others, which no basis suits.
std::string group_of(const bench::Suite& suite, const std::string& problem) {
  if (problem.ends_with("-rotated")) return "rotated";
  return std::ranges::find(suite.problems, problem + "-rotated") != suite.problems.end() ? "axis-aligned" : problem;
}

struct Group {
  std::vector<Runs> runs;  ///< by contender, the instances of all its families
};

void print_groups(const std::map<std::pair<std::string, int>, Group>& groups, const std::vector<std::string>& labels,
                  std::size_t against) {
  fmt::print("\n### Share of the known low-value basins found\n\n{}", heading(labels));
  for (const auto& [name, group] : groups) {
    fmt::print("| {} | {} |", name.first, name.second);
    for (const Runs& runs : group.runs) fmt::print(" {:.3f} |", mean(all(runs, share)));
    fmt::print("\n");
  }
  std::vector<std::string> others = labels;
  others.erase(others.begin() + static_cast<std::ptrdiff_t>(against));
  fmt::print("\n### Paired difference of that share to {}, with its 95 % interval\n\n{}", labels[against], heading(others));
  for (const auto& [name, group] : groups) {
    fmt::print("| {} | {} |", name.first, name.second);
    for (std::size_t k = 0; k < labels.size(); ++k) {
      if (k != against) fmt::print(" {} |", text(paired(group.runs[k], group.runs[against], share), "{:+.3f}"));
    }
    fmt::print("\n");
  }
}

/// The settings that find the largest share of the low-value basins of the validation instances, one run on each.
nlohmann::json tune_for_found(const bench::Suite& suite, const bench::Task& task, const bench::Contestant& contestant,
                              scout::ThreadTeam& team) {
  const std::vector<nlohmann::json>& grid = contestant.grid;
  if (grid.size() == 1) return grid.front();
  std::vector<Contender> contenders;
  for (const auto& settings : grid) contenders.push_back({contestant.name, contestant.make(settings)});
  std::vector<std::vector<std::vector<Run>>> measured(static_cast<std::size_t>(suite.validation));
  team.for_jobs(suite.validation, [&](int index) {
    measured[static_cast<std::size_t>(index)] = measure(task, scout::Split::validation, index, 1, contenders);
  });
  std::vector<double> shares(grid.size());
  for (const auto& runs : measured) {
    for (std::size_t s = 0; s < grid.size(); ++s) shares[s] += share(runs[s].front());
  }
  return grid[static_cast<std::size_t>(std::ranges::max_element(shares) - shares.begin())];
}

void run(const bench::Suite& suite, const fs::path& out, std::string against, bool for_found) {
  std::vector<bench::Entrant> entrants;
  std::vector<std::string> labels;
  for (const auto& entry : suite.optimizers) {
    const auto [label, name, pins] = bench::parse_optimizer(entry);
    entrants.push_back({label, scout::resolve_contestant(name)});
    bench::pin(entrants.back().contestant, pins);
    labels.push_back(label);
  }
  if (against.empty()) against = labels.front();
  const auto base = std::ranges::find(labels, against);
  if (base == labels.end()) throw std::invalid_argument("--against: no optimizer of the suite has the label " + against);
  const auto base_index = static_cast<std::size_t>(base - labels.begin());

  fs::create_directories(out);
  scout::ThreadTeam team(suite.threads);
  bench::Tuner tuner(out / "tuning.json", {}, suite, team);
  std::map<std::pair<std::string, int>, Group> groups;
  std::string lines, summary;
  for (const bench::Task& task : suite.tasks()) {
    std::vector<Contender> contenders;
    std::vector<nlohmann::json> settings;
    for (const auto& entrant : entrants) {
      settings.push_back(for_found ? tune_for_found(suite, task, entrant.contestant, team)
                                   : tuner.tune(task, entrant.contestant).settings);
      contenders.push_back({entrant.label, entrant.contestant.make(settings.back())});
    }
    std::vector<std::vector<std::vector<Run>>> measured(static_cast<std::size_t>(suite.instances));
    team.for_jobs(suite.instances, [&](int index) {
      measured[static_cast<std::size_t>(index)] = measure(task, scout::Split::test, index, suite.seeds, contenders);
    });
    std::vector<Runs> runs(labels.size());
    Group& group = groups[{group_of(suite, task.problem), task.dimension}];
    group.runs.resize(labels.size());
    for (std::size_t k = 0; k < labels.size(); ++k) {
      for (std::size_t index = 0; index < measured.size(); ++index) {
        runs[k].push_back(measured[index][k]);
        group.runs[k].push_back(measured[index][k]);
        for (std::size_t seed = 0; seed < measured[index][k].size(); ++seed) {
          const Run& one = measured[index][k][seed];
          lines += scout::json_text({{"problem", task.problem},
                                     {"dimension", task.dimension},
                                     {"budget", task.budget},
                                     {"instance", index},
                                     {"seed", seed},
                                     {"optimizer", labels[k]},
                                     {"settings", settings[k]},
                                     {"low_found", one.basins.low_found},
                                     {"low_visited", one.basins.low_visited},
                                     {"visited", one.basins.visited},
                                     {"share_found", one.share_found},
                                     {"entropy", one.entropy},
                                     {"cells", one.cells},
                                     {"spread", one.spread},
                                     {"relative_gap", one.gap}}) +
                   "\n";
        }
      }
    }
    print_task(task, labels, runs, base_index);
    summary += summary_row(task, runs, base_index);
  }
  fmt::print("\n### Low-value basins found\n\n{}{}", heading(labels), summary);
  print_groups(groups, labels, base_index);
  scout::write_atomically(out / "coverage.jsonl", lines);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("What ways of exploring cover of a function, at equal oracle calls");
  std::string suite = "benchmarks/exploration.toml", out, against, goal = "value";
  std::vector<std::string> assignments;
  app.add_option("SUITE", suite, "TOML file")->capture_default_str();
  app.add_option("--out", out, "folder of the results")->required();
  app.add_option("--tuned-for", goal, "the best value, or the low-value basins found")
      ->capture_default_str()
      ->check(CLI::IsMember({"value", "found"}));
  app.add_option("--against", against, "label of the optimizer that others are compared with; default: the first");
  app.add_option("--set", assignments, "key=value ...: options that override the suite's");
  CLI11_PARSE(app, argc, argv);
  try {
    bench::Suite read = bench::load_suite(suite);
    scout::apply_assignments(read, assignments);
    bench::validate_suite(read);
    run(read, out, against, goal == "found");
  } catch (const std::exception& error) {
    fmt::print(stderr, "exploration: {}\n", error.what());
    return 1;
  }
}
