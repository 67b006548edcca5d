#include <fmt/format.h>

#include <cmath>

#include "scout/base/json_lines.h"
#include "scout/bench/report/figures.h"
#include "scout/bench/report/page.h"
#include "scout/bench/report/sections.h"
#include "scout/bench/tables/networks.h"

namespace scout::bench {
namespace {

std::string result_tables(const Results& results) {
  const auto loss = [&](std::size_t r, std::size_t t) { return median_gap(results.rows[r].cells[t]); };
  const auto right = [&](std::size_t r, std::size_t t) { return accuracy(results.rows[r].cells[t]); };
  return "<h2>Final train loss</h2>\n<p>Mean cross entropy on 1,024 fixed training examples where the run ends, median over "
         "its starts. The lowest of each column is marked.</p>\n" +
         optimizer_table(
             results, task_headings(results), [&](auto r, auto t) { return html_number(loss(r, t)); }, loss) +
         "<h2>Accuracy on unseen examples</h2>\n<p>Share of the test set that is classified right where the run ends, in %, "
         "median over its starts.</p>\n" +
         optimizer_table(
             results, task_headings(results),
             [&](auto r, auto t) { return std::isfinite(right(r, t)) ? fmt::format("{:.1f}", right(r, t)) : "–"; },
             [&](auto r, auto t) { return -right(r, t); });
}

std::string milestone_table(const Results& results) {
  const auto goals = milestones(results);
  if (goals.empty()) return "";
  std::vector<std::string> headings{"optimizer"};
  for (std::size_t t = 0; t < goals.size(); ++t) {
    headings.push_back(task_name(results.tasks[t], results) +
                       (goals[t].rival ? "<br>loss&nbsp;≤&nbsp;" + html_number(goals[t].loss) : ""));
  }
  return "<h2>Steps to the loss of tuned Adam</h2>\n<p>How soon an optimizer reaches the loss that Adam, with the best "
         "constant learning rate, ends with; median over the starts. Below: how many times fewer steps than Adam itself "
         "needs, and the training examples seen until then. The loss is looked at each time that the steps have grown by "
         "1/16.</p>\n" +
         optimizer_table(
             results, headings,
             [&](auto r, auto t) -> std::string {
               if (!std::isfinite(goals[t].steps[r])) return goals[t].rival ? "never" : "–";
               return fmt::format("{:.0f}<br><span class=\"soft\">{:.2f}&nbsp;×, {:.3g}&nbsp;k</span>", goals[t].steps[r],
                                  goals[t].speed_up(r), goals[t].samples[r] / 1000);
             },
             [&](auto r, auto t) { return goals[t].steps[r]; });
}

std::string robustness_table(const Results& results) {
  const auto groups = initialisation_groups(results);
  if (groups.empty()) return "";
  std::vector<std::string> headings{"optimizer"};
  for (const auto& group : groups) headings.push_back(problem_name(group.problem));
  const auto found = [&](std::size_t r, std::size_t g) { return robustness(results.rows[r], groups[g], results); };
  return fmt::format(
             "<h2>Robustness</h2>\n<p>The final train loss over {} initialisations of the same network: the worst, the "
             "initialisation that it belongs to, the best, and between them the spread. The lowest worst case is "
             "marked.</p>\n",
             groups.front().tasks.size()) +
         optimizer_table(
             results, headings,
             [&](auto r, auto g) {
               const Robustness x = found(r, g);
               return fmt::format("{} <span class=\"soft\">({})<br>best {}, spread {}</span>", html_number(x.worst),
                                  escape_html(x.worst_initialisation), html_number(x.best), html_number(x.worst - x.best));
             },
             [&](auto r, auto g) { return found(r, g).worst; });
}

std::string clock_table(const Results& results) {
  const auto clock = [&](std::size_t r, std::size_t t) { return wall_clock(results.rows[r].cells[t]); };
  return "<h2>Time</h2>\n<p>Wall clock of a run in seconds, without the judge's, and the optimizer's own share of it; "
         "median over the starts. Runs of one table may have shared the machine with others.</p>\n" +
         optimizer_table(
             results, task_headings(results),
             [&](auto r, auto t) -> std::string {
               const WallClock x = clock(r, t);
               if (!std::isfinite(x.seconds)) return "–";
               return fmt::format("{} <span class=\"soft\">{:.1f}&nbsp;%</span>", html_number(x.seconds), 100 * x.own_share);
             },
             [&](auto r, auto t) { return clock(r, t).seconds; });
}

std::string step_table(const Results& results) {
  if (results.step_costs.empty()) return "";
  std::vector<std::string> headings{"optimizer"};
  for (const auto& task : results.tasks) {
    const StepCosts* costs = results.steps_on(task);
    headings.push_back(task_name(task, results) +
                       (costs ? fmt::format("<br>{}&nbsp;weights in {}&nbsp;tensors", costs->weights, costs->tensors) : ""));
  }
  return "<h2>Step time and memory</h2>\n<p>One step, the gradient not counted, in ms, and how many times as long as one of "
         "torch's Adam; below: bytes of state for each weight, and how many times Adam's. All made steps in turns, on "
         "float32 tensors of the network's shapes, in one thread: medians of its CPU time. A policy for networks is here "
         "the "
         "LearnedOptimizer of a training loop, its guard and the guard's copy of the weights included. The Adam that the "
         "others are compared with is measured apart, so that Adam's own row shows how well times repeat.</p>\n" +
         optimizer_table(results, headings, [&](auto r, auto t) -> std::string {
           const auto step = step_ratio(results, r, t);
           if (!step) return "–";
           return fmt::format("{}&nbsp;ms, {:.2f}&nbsp;×<br><span class=\"soft\">{:.4g}&nbsp;B, {:.2f}&nbsp;×</span>",
                              html_number(1e3 * step->seconds), step->time, step->bytes, step->memory);
         });
}

std::string payback_section(const Results& results) {
  std::string items;
  const auto uses = [](double count) {
    return std::isfinite(count) ? fmt::format("after {:.0f} uses", std::ceil(count)) : std::string("never");
  };
  for (std::size_t r = 0; r < results.rows.size(); ++r) {
    const auto& row = results.rows[r];
    const Payback paid = payback(results, r);
    std::string line;
    if (paid.by_steps) {
      line += fmt::format("; {} evaluations, paid back {}", json_text(row.training_cost.at("evaluations")),
                          uses(*paid.by_steps));
    }
    if (paid.by_seconds) {
      line += fmt::format("; {:.0f} s, paid back {}", row.training_cost.at("seconds").get<double>(), uses(*paid.by_seconds));
    }
    if (!line.empty()) items += "<li>" + escape_html(row.label) + ": " + line.substr(2) + "</li>";
  }
  if (items.empty()) return "";
  return "<h2>Meta-training</h2>\n<p>What it cost, and after how many uses what they save pays for it. A use is a run of "
         "one of these tasks to the loss of tuned Adam; it saves the difference to Adam in steps, or in time. Adam's tuning "
         "is not counted.</p>\n<ul>" +
         items + "</ul>\n";
}

}  // namespace

std::string networks_body(const Results& results) {
  std::string out = "<p class=\"lead\">" + escape_html(networks_headline(results)) + "</p>\n";
  out += fmt::format(
      "<p class=\"soft\">{} problems, {} starts on each, {} optimizers: {} runs. One gradient of a minibatch is a step. "
      "Every optimizer with settings was tuned, per problem, by the loss at the end of a run from another start.</p>\n",
      results.tasks.size(), results.seeds * results.instances, results.rows.size(), count_runs(results));
  out +=
      "<h2>Training</h2>\n<p>The least train loss so far, by steps; median over the starts, the bands from least to "
      "most.</p>\n" +
      figures_by_task(results, training_figure) + result_tables(results) + milestone_table(results) +
      robustness_table(results) + clock_table(results) + step_table(results) + payback_section(results);
  out += "<h2>Details</h2>\n<details><summary>Tuned settings</summary>" + settings_table(results) +
         "</details>\n<details open><summary>Failures</summary>" + failures(results) + "</details>\n";
  return out + "<footer><p>" + origin(results) + "</p><p>Curves keep at most 64 points a run.</p></footer>\n";
}

}  // namespace scout::bench
