#include "scout/bench/tables/networks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "scout/problem/classifier/axes.h"

namespace scout::bench {
namespace {

/// Where "axis=value" stands in the name: its first and its past-the-end character; both npos if it does not.
std::pair<std::size_t, std::size_t> find_axis(std::string_view problem, std::string_view axis) {
  const auto colon = problem.find(':');
  for (auto begin = colon; begin != problem.npos;) {
    ++begin;
    const auto end = std::min(problem.find(',', begin), problem.size());
    const auto item = problem.substr(begin, end - begin);
    if (item.starts_with(axis) && item.substr(axis.size()).starts_with('=')) return {begin, end};
    begin = end < problem.size() ? end : problem.npos;
  }
  return {problem.npos, problem.npos};
}

/// Examples of a minibatch.
double batch_of(const Task& task) {
  const std::string named = axis_value(task.problem, "batch");
  return named.empty() ? ClassifierAxes{}.batch.front() : std::strtod(named.c_str(), nullptr);
}

/// The first judged point of `run` with at most this loss; null if there is none.
const CurvePoint* reached(const Run& run, double loss) {
  const auto found = std::find_if(run.curve.begin(), run.curve.end(), [&](const auto& point) { return point.best <= loss; });
  return found == run.curve.end() ? nullptr : &*found;
}

std::string text_number(double x) { return std::isfinite(x) ? fmt::format("{:.4g}", x) : "-"; }

/// A row a line, a task a column; * marks the best.
std::string text_table(const Results& results, const std::function<std::string(std::size_t row, std::size_t task)>& text,
                       const std::function<double(std::size_t row, std::size_t task)>& badness) {
  std::size_t width = 10;
  for (const auto& row : results.rows) width = std::max(width, row.label.size());
  std::string out = fmt::format("{:<{}}", "", width);
  for (std::size_t t = 0; t < results.tasks.size(); ++t) out += fmt::format(" {:>13}", fmt::format("[{}]", t + 1));
  out += '\n';
  for (std::size_t r = 0; r < results.rows.size(); ++r) {
    out += fmt::format("{:<{}}", results.rows[r].label, width);
    for (std::size_t t = 0; t < results.tasks.size(); ++t) {
      double lowest = INFINITY;
      for (std::size_t other = 0; other < results.rows.size(); ++other) lowest = std::min(lowest, badness(other, t));
      const double own = badness(r, t);
      out += fmt::format(" {:>12}{}", text(r, t), std::isfinite(own) && own == lowest ? '*' : ' ');
    }
    out += '\n';
  }
  return out;
}

}  // namespace

std::string axis_value(std::string_view problem, std::string_view axis) {
  const auto [begin, end] = find_axis(problem, axis);
  return begin == problem.npos ? "" : std::string(problem.substr(begin + axis.size() + 1, end - begin - axis.size() - 1));
}

std::string without_axis(std::string_view problem, std::string_view axis) {
  const auto [begin, end] = find_axis(problem, axis);
  if (begin == problem.npos) return std::string(problem);
  const bool last = end == problem.size();  // then the separator before it goes, else that after it
  return std::string(problem.substr(0, begin - last)) + std::string(last ? "" : problem.substr(end + 1));
}

std::optional<double> median_metric(const Cell& cell, std::string_view metric) {
  std::vector<double> values;
  for (const auto& run : cell) {
    for (const auto& [name, value] : run.metrics) {
      if (name == metric) values.push_back(value);
    }
  }
  if (values.empty()) return std::nullopt;
  return median(values);
}

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
        const auto* point = out.rival ? reached(run, out.loss) : nullptr;
        return point ? count(*point) : INFINITY;
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

std::vector<InitialisationGroup> initialisation_groups(const Results& results) {
  std::vector<InitialisationGroup> out;
  for (std::size_t t = 0; t < results.tasks.size(); ++t) {
    const Task& task = results.tasks[t];
    if (axis_value(task.problem, "init").empty()) continue;
    const std::string problem = without_axis(task.problem, "init");
    const auto known = std::find_if(
        out.begin(), out.end(), [&](const auto& group) { return group.problem == problem && group.budget == task.budget; });
    if (known == out.end()) {
      out.push_back({problem, task.budget, {t}});
    } else {
      known->tasks.push_back(t);
    }
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
  std::vector<Milestone> goals;
  for (std::size_t t = 0; t < results.tasks.size(); ++t) goals.push_back(milestone(results, t));
  const bool rivals = std::any_of(goals.begin(), goals.end(), [](const Milestone& goal) { return goal.rival; });
  if (!policy || !rivals) {
    const auto& first =
        *std::min_element(results.rows.begin(), results.rows.end(),
                          [](const OptimizerRow& a, const OptimizerRow& b) { return a.mean_rank < b.mean_rank; });
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
  std::string out = "Median final train loss (* lowest)\n";
  out += text_table(
      results, [&](auto r, auto t) { return text_number(loss(r, t)); }, loss);
  const auto accuracy = [&](std::size_t r, std::size_t t) {
    return 100 * median_metric(results.rows[r].cells[t], "held-out-accuracy").value_or(-INFINITY);
  };
  out += "\nMedian accuracy on unseen examples, % (* highest)\n";
  out += text_table(
      results, [&](auto r, auto t) { return std::isfinite(accuracy(r, t)) ? fmt::format("{:.1f}", accuracy(r, t)) : "-"; },
      [&](auto r, auto t) { return -accuracy(r, t); });
  std::vector<Milestone> goals;
  for (std::size_t t = 0; t < results.tasks.size(); ++t) goals.push_back(milestone(results, t));
  if (std::any_of(goals.begin(), goals.end(), [](const auto& goal) { return goal.rival; })) {
    out += "\nSteps to the final loss of tuned Adam, and how many times fewer than it needs (* fewest)\n";
    out += text_table(
        results,
        [&](auto r, auto t) {
          return std::isfinite(goals[t].steps[r]) ? fmt::format("{:.0f} {:.2f}x", goals[t].steps[r], goals[t].speed_up(r))
                                                  : "never";
        },
        [&](auto r, auto t) { return goals[t].steps[r]; });
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
    const auto text = [&](std::size_t r, std::size_t t, auto&& format) {
      const auto step = step_ratio(results, r, t);
      return step ? format(*step) : std::string("-");
    };
    const auto unmarked = [](std::size_t, std::size_t) { return INFINITY; };
    out += "\nOne step, the gradient not counted: microseconds, and how many times torch Adam's on the same weights\n";
    out += text_table(
        results,
        [&](auto r, auto t) {
          return text(r, t, [](const auto& step) { return fmt::format("{:.4g} {:.2f}x", 1e6 * step.seconds, step.time); });
        },
        unmarked);
    out += "\nState: bytes a weight, and how many times torch Adam's\n";
    out += text_table(
        results,
        [&](auto r, auto t) {
          return text(r, t, [](const auto& step) { return fmt::format("{:.4g} {:.2f}x", step.bytes, step.memory); });
        },
        unmarked);
  }
  out += '\n';
  for (std::size_t t = 0; t < results.tasks.size(); ++t) out += fmt::format("[{}] {}\n", t + 1, to_string(results.tasks[t]));
  return out;
}

}  // namespace scout::bench
