#include "scout/bench/report/sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "scout/base/json_lines.h"
#include "scout/bench/report/figures.h"
#include "scout/bench/report/page.h"

namespace scout::bench {
namespace {

std::string facts(const nlohmann::json& object) {
  std::string out;
  for (const auto& [key, value] : object.items()) {
    out += (out.empty() ? "" : ", ") + key + " " + (value.is_string() ? value.get<std::string>() : json_text(value));
  }
  return escape_html(out.empty() ? "not recorded" : out);
}

}  // namespace

std::string problem_name(const std::string& problem) {
  return replace_all(escape_html(problem), {{",", ",<wbr>"}, {":", ":<wbr>"}});
}

std::string task_name(const Task& task, const Results& results) {
  const auto differ = [&](auto member) {
    return std::ranges::any_of(results.tasks, [&](const Task& other) { return other.*member != task.*member; });
  };
  std::string out = problem_name(task.problem);
  if (differ(&Task::dimension) && task.dimension > 0) out += fmt::format(", {}-D", task.dimension);
  if (differ(&Task::budget)) out += fmt::format(", {} calls", task.budget);
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
  const auto best = best_cells(results, columns, badness);
  std::vector<std::vector<HtmlCell>> rows;
  for (std::size_t r = 0; r < results.rows.size(); ++r) {
    auto& cells = rows.emplace_back();
    cells.push_back({escape_html(results.rows[r].label), results.rows[r].policy});
    for (std::size_t c = 0; c < columns; ++c) cells.push_back({html(r, c), best[r][c]});
  }
  return html_table(headings, rows);
}

std::size_t count_runs(const Results& results) {
  std::size_t runs = 0;
  for (const auto& row : results.rows) runs += of_all_runs(row, &Run::seed).size();
  return runs;
}

std::string figures_by_task(const Results& results, std::string (*figure)(const Results&, std::size_t)) {
  std::string out = "<div class=\"legend\">";
  const auto all = styles(results);
  for (const auto& style : all) {
    if (style.colour == kGrey) continue;
    out += fmt::format("<span><i style=\"height:{}px;background:{}\"></i>{}</span>", std::lround(style.width * 1.6),
                       style.colour, escape_html(style.label));
  }
  if (std::ranges::find(all, kGrey, &Style::colour) != all.end()) {
    out += fmt::format("<span><i style=\"height:1px;background:{}\"></i>the other baselines</span>", kGrey);
  }
  out += "</div>\n<div class=\"grid\">\n";
  for (std::size_t t = 0; t < results.tasks.size(); ++t) {
    out += html_figure(figure(results, t), task_name(results.tasks[t], results));
  }
  return out + "</div>\n";
}

std::string settings_table(const Results& results) {
  auto headings = task_headings(results);
  if (!results.training) headings.push_back("ms a run, without the objective");
  return optimizer_table(results, headings, [&](std::size_t r, std::size_t t) {
    const auto& row = results.rows[r];
    if (t < row.settings.size()) {
      return "<code>" + escape_html(row.settings[t].is_null() ? "" : json_text(row.settings[t])) + "</code>";
    }
    return html_number(1000 * median(of_all_runs(row, &Run::optimizer_seconds)));
  });
}

std::string failures(const Results& results) {
  std::string out = results.failures.empty() ? "<p>No run failed.</p>\n" : "";
  for (const auto* lines : {&results.failures, &results.doubts}) {
    if (lines->empty()) continue;
    out += "<ul>";
    for (const auto& line : *lines) out += "<li>" + escape_html(line) + "</li>";
    out += "</ul>\n";
  }
  return out;
}

std::string origin(const Results& results) {
  return "Machine: " + facts(results.machine) + ".<br>Versions: " + facts(results.versions) + ".";
}

}  // namespace scout::bench
