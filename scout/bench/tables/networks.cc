#include "scout/bench/tables/networks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <regex>

#include "scout/base/numbers.h"
#include "scout/problem/classifier/axes.h"

namespace scout::bench {
namespace {

constexpr std::size_t kColumn = 12;  // characters, in tables of plain text

/// Examples of a minibatch; infinitely many, which is printed as unknown, where instances differ.
double batch_of(const Task& task) {
  const std::string named = axis_value(task.problem, "batch");
  return named.empty() ? ClassifierAxes{}.batch.front() : parse_number(named).value_or(INFINITY);
}

std::string text_number(double x) { return std::isfinite(x) ? fmt::format("{:.4g}", x) : "-"; }

}  // namespace

std::string axis_value(const std::string& problem, const std::string& axis) {
  std::smatch found;
  return std::regex_search(problem, found, std::regex("[:,]" + axis + "=([^,]*)")) ? found[1].str() : "";
}

std::string without_axis(const std::string& problem, const std::string& axis) {
  const std::regex last("[:,]" + axis + "=[^,]*$"), other("([:,])" + axis + "=[^,]*,");
  return std::regex_replace(std::regex_replace(problem, last, ""), other, "$1");
}

std::optional<double> median_metric(const Cell& cell, std::string_view metric) {
  std::vector<double> values;
  for (const auto& run : cell) {
    for (const auto& [name, value] : run.metrics) {
      if (name == metric) values.push_back(value);
    }
  }
  return values.empty() ? std::nullopt : std::optional(median(values));
}

double accuracy(const Cell& cell) { return 100 * median_metric(cell, "held-out-accuracy").value_or(-INFINITY); }

WallClock wall_clock(const Cell& cell) {
  const double seconds = median_of(cell, &Run::seconds);
  return {seconds, median_of(cell, &Run::optimizer_seconds) / seconds};
}

std::optional<StepRatio> step_ratio(const Results& results, std::size_t row, std::size_t task) {
  const StepCosts* costs = results.steps_on(results.tasks[task]);
  const StepCost* own = costs ? costs->of(results.rows[row].label) : nullptr;
  if (!own) return std::nullopt;
  const auto bytes = static_cast<double>(own->state_bytes);
  return StepRatio{own->seconds, own->seconds / costs->adam.seconds, bytes / static_cast<double>(costs->weights),
                   bytes / static_cast<double>(costs->adam.state_bytes)};
}

double Milestone::speed_up(std::size_t row) const { return std::isfinite(steps[row]) ? rival_steps / steps[row] : 0; }

Milestone milestone(const Results& results, std::size_t task) {
  Milestone out{nullptr, INFINITY, {}, {}, INFINITY};
  for (const auto& row : results.rows) {
    const auto& settings = row.settings[task];
    if (row.method != "adam" || !settings.is_object() || settings.value("schedule", "") != "constant") continue;
    if (const double loss = median_gap(row.cells[task]); loss < out.loss) {
      out.loss = loss;
      out.rival = &row;
    }
  }
  const double batch = batch_of(results.tasks[task]);
  for (const auto& row : results.rows) {
    const auto cost = [&](auto&& count) {
      return median_of(row.cells[task], [&](const Run& run) {
        const auto reached = std::ranges::find_if(run.curve, [&](const auto& point) { return point.best <= out.loss; });
        return out.rival && reached != run.curve.end() ? count(*reached) : INFINITY;
      });
    };
    out.steps.push_back(cost([](const CurvePoint& point) { return static_cast<double>(point.gradients); }));
    // f and ∇f at one point are of one minibatch.
    out.samples.push_back(
        cost([&](const CurvePoint& point) { return batch * static_cast<double>(std::max(point.values, point.gradients)); }));
    if (&row == out.rival) {
      const double all = median_of(row.cells[task], [](const Run& run) { return static_cast<double>(run.steps); });
      out.rival_steps = std::min(out.steps.back(), all);
    }
  }
  return out;
}

std::vector<Milestone> milestones(const Results& results) {
  std::vector<Milestone> out;
  for (std::size_t t = 0; t < results.tasks.size(); ++t) out.push_back(milestone(results, t));
  return std::ranges::any_of(out, &Milestone::rival) ? out : std::vector<Milestone>{};
}

std::vector<InitialisationGroup> initialisation_groups(const Results& results) {
  std::vector<InitialisationGroup> out;
  for (std::size_t t = 0; t < results.tasks.size(); ++t) {
    const Task& task = results.tasks[t];
    if (axis_value(task.problem, "init").empty()) continue;
    const std::string problem = without_axis(task.problem, "init");
    const auto same = [&](const auto& group) { return group.problem == problem && group.budget == task.budget; };
    const auto known = std::ranges::find_if(out, same);
    (known == out.end() ? out.emplace_back(InitialisationGroup{problem, task.budget, {}}) : *known).tasks.push_back(t);
  }
  std::erase_if(out, [](const auto& group) { return group.tasks.size() < 2; });
  return out;
}

Robustness robustness(const OptimizerRow& row, const InitialisationGroup& group, const Results& results) {
  Robustness out{INFINITY, -INFINITY, ""};
  for (std::size_t t : group.tasks) {
    const double loss = median_gap(row.cells[t]);
    out.best = std::min(out.best, loss);
    if (loss > out.worst) {
      out.worst = loss;
      out.worst_initialisation = axis_value(results.tasks[t].problem, "init");
    }
  }
  return out;
}

Payback payback(const Results& results, std::size_t row) {
  const auto& cost = results.rows[row].training_cost;
  Payback out;
  if (!cost.is_object()) return out;
  double steps = 0, seconds = 0;
  for (std::size_t t = 0; t < results.tasks.size(); ++t) {
    const Milestone goal = milestone(results, t);
    if (!goal.rival || !std::isfinite(goal.steps[row])) continue;
    const auto seconds_a_step = [&](const OptimizerRow& of) {
      return median_of(of.cells[t], [](const Run& run) { return run.seconds / static_cast<double>(run.steps); });
    };
    steps += goal.rival_steps - goal.steps[row];
    seconds += goal.rival_steps * seconds_a_step(*goal.rival) - goal.steps[row] * seconds_a_step(results.rows[row]);
  }
  const auto uses = [&](const char* what, double saved) -> std::optional<double> {
    if (!cost.contains(what)) return std::nullopt;
    const double saved_a_use = saved / static_cast<double>(results.tasks.size());
    return saved_a_use > 0 ? cost.at(what).get<double>() / saved_a_use : INFINITY;
  };
  out.by_steps = uses("evaluations", steps);
  out.by_seconds = uses("seconds", seconds);
  return out;
}

std::string networks_headline(const Results& results) {
  const auto* policy = results.best(true);
  const auto goals = milestones(results);
  if (!policy || goals.empty()) {
    const auto& first = *std::ranges::min_element(results.rows, {}, &OptimizerRow::mean_rank);
    return fmt::format("{} leads: its final train loss has a mean rank of {:.1f} among {} optimizers over {} problems.",
                       first.label, first.mean_rank, results.rows.size(), results.tasks.size());
  }
  const auto row = static_cast<std::size_t>(policy - results.rows.data());
  int compared = 0, no_worse = 0, sooner = 0;
  double logarithms = 0;
  for (std::size_t t = 0; t < goals.size(); ++t) {
    if (!goals[t].rival || policy->cells[t].empty()) continue;
    ++compared;
    no_worse += median_gap(policy->cells[t]) <= goals[t].loss;
    if (const double factor = goals[t].speed_up(row); factor > 0) {
      ++sooner;
      logarithms += std::log(factor);
    }
  }
  std::string out = fmt::format("{} ends with a train loss no higher than that of tuned Adam on {} of {} problems",
                                policy->label, no_worse, compared);
  if (sooner == 0) return out + ".";
  return out + fmt::format(", and where it reaches that loss, on {}, it needs {:.2f} times fewer steps (geometric mean).",
                           sooner, std::exp(logarithms / sooner));
}

std::string networks_text(const Results& results) {
  const auto loss = [&](std::size_t r, std::size_t t) { return median_gap(results.rows[r].cells[t]); };
  const auto right = [&](std::size_t r, std::size_t t) { return accuracy(results.rows[r].cells[t]); };
  const auto table = [&](const CellText& text, const CellBadness& badness) {
    return text_table(results, kColumn, text, badness);
  };
  std::string out = "Median final train loss (* lowest)\n";
  out += table([&](auto r, auto t) { return text_number(loss(r, t)); }, loss);
  out += "\nMedian accuracy on unseen examples, % (* highest)\n";
  out += table([&](auto r, auto t) { return std::isfinite(right(r, t)) ? fmt::format("{:.1f}", right(r, t)) : "-"; },
               [&](auto r, auto t) { return -right(r, t); });
  if (const auto goals = milestones(results); !goals.empty()) {
    out += "\nSteps to the final loss of tuned Adam, and how many times fewer than it needs (* fewest)\n";
    const auto steps = [&](std::size_t r, std::size_t t) { return goals[t].steps[r]; };
    out += table(
        [&](auto r, auto t) {
          return std::isfinite(steps(r, t)) ? fmt::format("{:.0f} {:.2f}x", steps(r, t), goals[t].speed_up(r)) : "never";
        },
        steps);
  }
  for (const auto& group : initialisation_groups(results)) {
    out +=
        fmt::format("\nOver {} initialisations of {}: best and worst final train loss\n", group.tasks.size(), group.problem);
    for (const auto& row : results.rows) {
      const Robustness found = robustness(row, group, results);
      out += fmt::format("{:<20} {} {} ({})\n", row.label, text_number(found.best), text_number(found.worst),
                         found.worst_initialisation);
    }
  }
  if (!results.step_costs.empty()) {
    const auto step_table = [&](double scale, double StepRatio::*own, double StepRatio::*ratio) {
      return table(
          [&, own, ratio](std::size_t r, std::size_t t) {
            const auto step = step_ratio(results, r, t);
            return step ? fmt::format("{:.4g} {:.2f}x", scale * (*step).*own, (*step).*ratio) : "-";
          },
          {});
    };
    out += "\nOne step, the gradient not counted: microseconds, and how many times torch Adam's on the same weights\n";
    out += step_table(1e6, &StepRatio::seconds, &StepRatio::time);
    out += "\nState: bytes a weight, and how many times torch Adam's\n";
    out += step_table(1, &StepRatio::bytes, &StepRatio::memory);
  }
  return out + '\n' + text_tasks(results);
}

}  // namespace scout::bench
