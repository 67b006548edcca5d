#include "scout/bench/run/trajectory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "scout/base/json_lines.h"
#include "scout/bench/run/execute.h"
#include "scout/problem/catalog/family.h"

namespace scout::bench {
namespace {

/// [[x, y, f], ...] of a flat path; points that are not finite are left out, an f that is not finite is null.
nlohmann::json visited(const std::vector<double>& path, const Instance& instance) {
  nlohmann::json out = nlohmann::json::array();
  for (std::size_t i = 0; i + 1 < path.size(); i += 2) {
    if (!std::isfinite(path[i]) || !std::isfinite(path[i + 1])) continue;
    const double f = instance.true_value({&path[i], 2});
    out.push_back({path[i], path[i + 1], std::isfinite(f) ? nlohmann::json(f) : nlohmann::json()});
  }
  return out;
}

}  // namespace

std::string instance_name(std::string_view problem, Split split, std::uint64_t index) {
  return fmt::format("{}/{}/{}", problem, to_string(split), index);
}

nlohmann::json contour_line(const std::string& name, const Instance& instance, int side) {
  if (instance.dimension() != 2) throw std::invalid_argument("contours need a 2-D instance; " + name + " is not");
  const auto lower = instance.lower();
  const auto upper = instance.upper();
  nlohmann::json f = nlohmann::json::array();
  for (int row = 0; row < side; ++row) {
    for (int column = 0; column < side; ++column) {
      const double x[2] = {lower[0] + (upper[0] - lower[0]) * column / (side - 1),
                           lower[1] + (upper[1] - lower[1]) * row / (side - 1)};
      f.push_back(instance.true_value(x));
    }
  }
  const auto optimum = instance.optimum();
  const auto optimum_value = instance.optimum_value();
  return {{"kind", "contour"},
          {"instance", name},
          {"lower", {lower[0], lower[1]}},
          {"upper", {upper[0], upper[1]}},
          {"side", side},
          {"f", f},
          {"optimum", optimum.empty() ? nlohmann::json() : nlohmann::json{optimum[0], optimum[1]}},
          {"optimum_value", optimum_value ? nlohmann::json(*optimum_value) : nlohmann::json()}};
}

void record_trajectories(const Suite& suite, const std::filesystem::path& out, const std::vector<Entrant>& entrants,
                         Tuner& tuner) {
  if (suite.trajectories.problems.empty()) return;
  const auto& chosen = suite.trajectories.optimizers;
  std::string content;
  for (const auto& problem : suite.trajectories.problems) {
    const Task task{problem, 2, suite.budgets.front()};
    const auto instance = family(problem)->sample(Split::test, 0, 2);
    const auto name = instance_name(problem, Split::test, 0);
    content += json_text(contour_line(name, *instance)) + "\n";
    for (const auto& [label, contestant] : entrants) {
      if (!contestant.name.starts_with("policy:") && std::ranges::find(chosen, label) == chosen.end()) continue;
      const auto tuned = tuner.tune(task, contestant);
      const auto run = execute(*instance, *contestant.make(tuned.settings), start_of(*instance, task, Split::test, 0, 0),
                               seed_of(task, Split::test, 0, 0), task.budget, {.path = true});
      content += json_text({{"kind", "path"},
                            {"instance", name},
                            {"optimizer", label},
                            {"method", contestant.name},
                            {"settings", tuned.settings},
                            {"status", run.status},
                            {"budget", task.budget},
                            {"path", visited(run.path, *instance)},
                            {"best_point", run.best_point},
                            {"best", run.best}}) +
                 "\n";
    }
  }
  write_atomically(out / "trajectories.jsonl", content);
}

}  // namespace scout::bench
