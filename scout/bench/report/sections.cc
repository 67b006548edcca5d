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

std::vector<std::string> task_headings(const Results& results) {
  std::vector<std::string> out{"optimizer"};
  for (const auto& task : results.tasks) out.push_back(task_name(task, results));
  return out;
}

std::string optimizer_table(const Results& results, const std::vector<std::string>& headings, const CellText& html,
                            const CellBadness& badness) {
  const std::size_t columns = headings.size() - 1;
  std::vector<double> least(columns, INFINITY);
  for (std::size_t r = 0; badness && r < results.rows.size(); ++r) {
    for (std::size_t c = 0; c < columns; ++c) least[c] = std::min(least[c], badness(r, c));
  }
  std::vector<std::vector<HtmlCell>> rows;
  for (std::size_t r = 0; r < results.rows.size(); ++r) {
    auto& cells = rows.emplace_back();
    cells.push_back({escape_html(results.rows[r].label), results.rows[r].policy});
    for (std::size_t c = 0; c < columns; ++c) {
      cells.push_back({html(r, c), std::isfinite(least[c]) && badness(r, c) == least[c]});
    }
  }
  return html_table(headings, rows);
}

std::size_t count_runs(const Results& results) {
  std::size_t runs = 0;
  for (const auto& row : results.rows) {
    for (const auto& cell : row.cells) runs += cell.size();
  }
  return runs;
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
  auto headings = task_headings(results);
  if (!results.training) headings.push_back("ms a run, without the objective");
  return optimizer_table(results, headings, [&](std::size_t r, std::size_t t) {
    const auto& row = results.rows[r];
    if (t < row.settings.size()) {
      return "<code>" + escape_html(row.settings[t].is_null() ? "" : row.settings[t].dump()) + "</code>";
    }
    std::vector<double> seconds;
    for (const auto& cell : row.cells) {
      for (const auto& run : cell) seconds.push_back(run.optimizer_seconds);
    }
    return html_number(1000 * median(seconds));
  });
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
