#include "scout/bench/report/sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "scout/bench/report/figures.h"
#include "scout/bench/report/page.h"

namespace scout::bench {
namespace {

std::string facts(const nlohmann::json& object) {
  std::string out;
  for (const auto& [key, value] : object.items()) {
    out += (out.empty() ? "" : ", ") + key + " " + (value.is_string() ? value.get<std::string>() : value.dump());
  }
  return escape_html(out.empty() ? "not recorded" : out);
}

}  // namespace

std::string problem_name(const std::string& problem) {
  std::string out;
  for (const char c : escape_html(problem)) {
    out += c;
    if (c == ',' || c == ':') out += "<wbr>";
  }
  return out;
}

std::string task_name(const Task& task, const Results& results) {
  const bool one_dimension = std::all_of(results.tasks.begin(), results.tasks.end(),
                                         [&](const Task& other) { return other.dimension == task.dimension; });
  const bool one_budget = std::all_of(results.tasks.begin(), results.tasks.end(),
                                      [&](const Task& other) { return other.budget == task.budget; });
  std::string out = problem_name(task.problem);
  if (!one_dimension) out += fmt::format(", {}-D", task.dimension);
  if (!one_budget) out += fmt::format(", {} calls", task.budget);
  return out;
}

std::string legend(const Results& results) {
  std::string out = "<div class=\"legend\">";
  const auto all = styles(results);
  for (const auto& style : all) {
    if (style.colour == kGrey) continue;
    out += fmt::format("<span><i style=\"height:{}px;background:{}\"></i>{}</span>", std::lround(style.width * 1.6),
                       style.colour, escape_html(style.label));
  }
  if (std::any_of(all.begin(), all.end(), [](const Style& style) { return style.colour == kGrey; })) {
    out += fmt::format("<span><i style=\"height:1px;background:{}\"></i>the other baselines</span>", kGrey);
  }
  return out + "</div>\n";
}

std::string settings_table(const Results& results) {
  std::vector<std::string> headings{"optimizer"};
  for (const auto& task : results.tasks) headings.push_back(task_name(task, results));
  if (!results.training) headings.push_back("ms a run, without the objective");
  std::vector<std::vector<HtmlCell>> rows;
  for (const auto& row : results.rows) {
    std::vector<HtmlCell> cells{{escape_html(row.label), row.policy}};
    for (const auto& settings : row.settings) {
      cells.push_back({"<code>" + escape_html(settings.is_null() ? "" : settings.dump()) + "</code>"});
    }
    if (!results.training) {
      std::vector<double> seconds;
      for (const auto& cell : row.cells) {
        for (const auto& run : cell) seconds.push_back(run.optimizer_seconds);
      }
      cells.push_back({html_number(1000 * median(seconds))});
    }
    rows.push_back(std::move(cells));
  }
  return html_table(headings, rows);
}

std::string failures(const Results& results) {
  if (results.failures.empty()) return "<p>No run failed.</p>\n";
  std::string out = "<ul>";
  for (const auto& line : results.failures) out += "<li>" + escape_html(line) + "</li>";
  return out + "</ul>\n";
}

std::string origin(const Results& results) {
  return "Machine: " + facts(results.machine) + ".<br>Versions: " + facts(results.versions) + ".";
}

}  // namespace scout::bench
