#include "scout/bench/report/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "scout/base/json_lines.h"
#include "scout/bench/report/figures.h"
#include "scout/bench/report/page.h"
#include "scout/bench/report/sections.h"
#include "scout/bench/tables/networks.h"
#include "scout/bench/tables/success.h"

namespace scout::bench {
namespace fs = std::filesystem;
namespace {

std::string target_name(double target) {
  const double exponent = std::log10(target);
  const bool power = std::abs(exponent - std::round(exponent)) < 1e-9;
  return power && target < 1e-3 ? fmt::format("10<sup>−{:.0f}</sup>", -exponent) : fmt::format("{:g}", target);
}

std::string interval(const Interval& x, bool strong = false) {
  const std::string estimate = html_number(x.estimate);
  return fmt::format("{} <span class=\"soft\">[{}, {}]</span>", strong ? "<b>" + estimate + "</b>" : estimate,
                     html_number(x.low), html_number(x.high));
}

/// Optimizers × tasks, the lowest of each column strong; then further columns.
std::string task_table(const Results& results, const std::function<double(const Cell&)>& statistic) {
  auto headings = task_headings(results);
  headings.insert(headings.end(), {"mean rank", "IQM relative gap"});
  const std::size_t tasks = results.tasks.size();
  const auto of_cell = [&](std::size_t r, std::size_t t) {
    return t < tasks ? statistic(results.rows[r].cells[t]) : INFINITY;
  };
  return optimizer_table(
      results, headings,
      [&](std::size_t r, std::size_t t) {
        const auto& row = results.rows[r];
        return t < tasks    ? html_number(of_cell(r, t))
               : t == tasks ? fmt::format("{:.1f}", row.mean_rank)
                            : interval(row.score, r == 0);
      },
      of_cell);
}

std::string iqm_table(const Results& results) {
  return optimizer_table(results, task_headings(results), [&](std::size_t r, std::size_t t) -> std::string {
    const Cell& cell = results.rows[r].cells[t];
    if (cell.empty()) return "–";
    const Stratum stratum = relative_gaps(cell);
    return interval(bootstrap({&stratum, 1}, interquartile_mean));
  });
}

/// Share of runs that reached each target, and the expected running time to it, over all tasks.
std::string success_table(const Results& results) {
  std::vector<std::string> headings{"optimizer"};
  for (double target : results.targets) headings.push_back("≤&nbsp;" + target_name(target));
  for (double target : results.targets) headings.push_back("ERT to " + target_name(target));
  const std::size_t targets = results.targets.size();
  const auto costs = [&](std::size_t r, std::size_t k) {
    return of_all_runs(results.rows[r], [&](const Run& run) { return run.to_target[0][k]; });
  };
  const auto rate = [&](std::size_t r, std::size_t k) {
    const auto runs = costs(r, k);
    const auto hits = std::ranges::count_if(runs, [](const TargetCost& run) { return std::isfinite(run.to_target); });
    return static_cast<double>(hits) / static_cast<double>(runs.size());
  };
  const auto time = [&](std::size_t r, std::size_t k) { return expected_running_time(costs(r, k - targets)); };
  return optimizer_table(
      results, headings,
      [&](std::size_t r, std::size_t k) -> std::string {
        if (k < targets) return fmt::format("{:.0f} %", 100 * rate(r, k));
        return std::isfinite(time(r, k)) ? fmt::format("{:.0f}", time(r, k)) : "–";
      },
      [&](std::size_t r, std::size_t k) {
        if (k >= targets) return time(r, k);
        return rate(r, k) > 0 ? -rate(r, k) : INFINITY;
      });
}

/// Who finds the least value; empty if the suite does not say what that is.
std::string found_section(const Results& results) {
  if (results.success == 0) return "";
  std::string out = "<h2>The known least value</h2>\n<p>" + escape_html(success_rule(results)) + ".</p>\n";
  auto headings = task_headings(results);
  headings.push_back("all");
  for (const SuccessTable& table : success_tables()) {
    const auto of = [&](std::size_t r, std::size_t t) { return successes(results, r, t); };
    CellBadness badness;
    if (table.badness) badness = [&](std::size_t r, std::size_t t) { return table.badness(of(r, t)); };
    out += fmt::format("<h3>{}</h3>\n", table.heading) +
           optimizer_table(
               results, headings, [&](std::size_t r, std::size_t t) { return table.text(of(r, t)); }, badness);
  }
  return out;
}

std::string body(const Results& results, const fs::path& directory) {
  const Task& first = results.tasks.front();
  const bool fixed = std::ranges::any_of(results.tasks, [](const Task& task) { return task.dimension == 0; });
  std::string out = "<p class=\"lead\">" + escape_html(headline(results)) + "</p>\n";
  out += fmt::format(
      "<p class=\"soft\">{} problems, {}{} unseen test instances each, {} starts on each, {} optimizers: {} runs. All have "
      "the same budget of oracle calls; one value and one gradient each count 1. {}</p>\n",
      results.tasks.size(), fixed ? "up to " : "", results.instances, results.seeds, results.rows.size(),
      count_runs(results),
      fixed ? "On fixed problems nobody was tuned."
            : "Every optimizer with settings was tuned, per problem, on validation instances.");

  out +=
      "<h2>Convergence</h2>\n<p>The median over all runs of the relative gap, (f − f*) / (f(θ⁰) − f*), to the best point so "
      "far; bands span the quartiles.</p>\n" +
      figures_by_task(results, convergence_figure);

  out += fmt::format(
             "<h2>Final gap</h2>\n<p>Median of (f − f*)/unit after {}, unit: the scale of the function's values, so that "
             "figures are those of the textbook's function. The lowest of each column is marked. IQM: interquartile mean of "
             "the relative gap over all problems, with a 95 % interval by stratified bootstrap.</p>\n",
             results.tasks.size() == 1 ? to_string(first) : fmt::format("{} calls", first.budget)) +
         task_table(results, median_gap) + found_section(results);

  out +=
      "<h2>Profiles</h2>\n<div class=\"grid wide\">\n" +
      html_figure(performance_profile_figure(results), "Performance profile",
                  "Share of all runs that end with at most a given relative gap; harder to the right. Higher is better.") +
      html_figure(data_profile_figure(results, Cost::calls), "Targets reached by oracle calls",
                  "Share of all pairs of a run and a target that were reached by then.") +
      html_figure(data_profile_figure(results, Cost::evaluations), "The same, a gradient counted as M evaluations",
                  "The axis on which derivative-free methods stand beside gradients by finite differences.") +
      "</div>\n";

  out +=
      fmt::format(
          "<h2>Success</h2>\n<p>Share of runs that reach a target {}, over all problems, and the expected number of "
          "oracle calls to reach it (ERT: calls of all runs, failed ones whole, divided by the number of successes).</p>\n",
          results.relative_targets ? "relative gap" : "gap f − f*") +
      success_table(results);
  out += landscapes(directory);
  out += "<h2>Details</h2>\n<details><summary>Interquartile mean of the relative gap, by problem</summary>" +
         iqm_table(results) + "</details>\n<details><summary>Median relative gap, by problem</summary>" +
         task_table(results, median_relative) + "</details>\n<details><summary>Tuned settings and time</summary>" +
         settings_table(results) + "</details>\n<details open><summary>Failures</summary>" + failures(results) +
         "</details>\n";
  return out + "<footer><p>" + origin(results) +
         "</p><p>Quantities. f*: the known optimum, or the best value that any run found on the instance. Gap: f − f* at "
         "the best point asked about, noise excluded. Intervals resample instances, each with all its starts, within "
         "problems (Agarwal et al. 2021). Curves keep at most 64 points a run.</p></footer>\n";
}

}  // namespace

fs::path write_report(const fs::path& directory) {
  const Results results = read_results(directory);
  const fs::path path = directory / "report.html";
  write_atomically(path, html_page(results.title, results.training ? networks_body(results) : body(results, directory)));
  return path;
}

std::string report_text(const fs::path& directory) {
  const Results results = read_results(directory);
  if (results.training) return networks_text(results) + "\n" + networks_headline(results) + "\n";
  const std::string found = success_text(results);
  std::string out = summary_table(results) + "\n" + (found.empty() ? "" : found + "\n") + headline(results) + "\n";
  for (const auto& line : results.doubts) out += "In doubt: " + line + "\n";
  return out;
}

}  // namespace scout::bench
