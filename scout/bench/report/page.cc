#include "scout/bench/report/page.h"

#include <fmt/format.h>

#include <cmath>

namespace scout::bench {
namespace {

constexpr const char* kStyle = R"css(
:root { color-scheme: light dark; --page: #ffffff; --text: #1c2024; --soft: #60656c; --line: #e3e5e8; --panel: #f7f8f9; --accent: #c2410c; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14171a; --text: #e6e8ea; --soft: #9aa1a9; --line: #2c3238; --panel: #1b1f23; --accent: #ff8a4c; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 3rem 1.5rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; letter-spacing: -0.015em; margin: 0 0 1rem; text-wrap: balance; }
h2 { font-size: 1.25rem; letter-spacing: -0.01em; margin: 3.2rem 0 0.4rem; }
h3 { font-size: 1rem; margin: 2rem 0 0.3rem; }
p { max-width: 46rem; margin: 0.4rem 0 1rem; }
.lead { font-size: 1.15rem; line-height: 1.5; border-left: 3px solid var(--accent); padding-left: 1rem; margin: 0 0 1.2rem; }
.soft, figcaption, footer { color: var(--soft); font-size: 0.88rem; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(262px, 1fr)); gap: 1.6rem 1.4rem; margin: 1.2rem 0; }
.grid.wide { grid-template-columns: repeat(auto-fill, minmax(340px, 1fr)); }
figure { margin: 0; min-width: 0; }
figure h4 { font-size: 0.95rem; font-weight: 600; margin: 0 0 0.2rem; }
figure svg { width: 100%; height: auto; display: block; }
.legend { display: flex; flex-wrap: wrap; gap: 0.25rem 1.1rem; font-size: 0.88rem; padding: 0.6rem 0; position: sticky; top: 0; background: var(--page); border-bottom: 1px solid var(--line); z-index: 1; }
.legend span { display: inline-flex; align-items: center; gap: 0.45rem; }
.legend i { display: inline-block; width: 1.5rem; border-radius: 2px; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.88rem; font-variant-numeric: tabular-nums lining-nums; white-space: nowrap; }
th, td { padding: 0.35rem 0.65rem; text-align: right; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); white-space: normal; max-width: 7.2rem; line-height: 1.25; vertical-align: bottom; border-bottom-width: 2px; }
th:first-child, td:first-child { text-align: left; padding-left: 0; position: sticky; left: 0; background: var(--page); }
td b { color: var(--accent); }
details { border-top: 1px solid var(--line); padding: 0.7rem 0; }
summary { cursor: pointer; font-weight: 600; }
footer { margin-top: 3.5rem; border-top: 1px solid var(--line); padding-top: 1rem; }
code { font: 0.86em ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
@media print { .legend { position: static; } main { padding: 0; } }
)css";

}  // namespace

std::string replace_all(std::string text,
                        std::initializer_list<std::pair<std::string_view, std::string_view>> substitutions) {
  for (const auto& [from, to] : substitutions) {
    for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
      text.replace(at, from.size(), to);
    }
  }
  return text;
}

std::string escape_html(std::string_view text) {
  return replace_all(std::string(text), {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

std::string html_number(double x) {
  if (!std::isfinite(x)) return "–";
  if (x == 0) return "0";
  const double size = std::abs(x);
  const int exponent = static_cast<int>(std::floor(std::log10(size)));
  const std::string text = size >= 1e-3 && size < 1e4
                               ? fmt::format("{:.{}f}", x, std::max(0, 2 - exponent))
                               : fmt::format("{:.1f}·10<sup>{}</sup>", x / std::pow(10.0, exponent), exponent);
  return replace_all(text, {{"-", "−"}});
}

std::string html_table(const std::vector<std::string>& headings, const std::vector<std::vector<HtmlCell>>& rows) {
  std::string out = "<div class=\"scroll\"><table><thead><tr>";
  for (const auto& heading : headings) out += "<th>" + heading + "</th>";
  out += "</tr></thead><tbody>\n";
  for (const auto& row : rows) {
    out += "<tr>";
    for (const auto& cell : row) out += cell.strong ? "<td><b>" + cell.html + "</b></td>" : "<td>" + cell.html + "</td>";
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string html_figure(const std::string& svg, const std::string& title, const std::string& caption) {
  return "<figure><h4>" + title + "</h4>" + svg + (caption.empty() ? "" : "<figcaption>" + caption + "</figcaption>") +
         "</figure>\n";
}

std::string html_page(const std::string& title, const std::string& body) {
  const std::string name = escape_html(title);
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
         name + "</title>\n<style>" + kStyle + "</style>\n</head>\n<body>\n<main>\n<h1>" + name + "</h1>\n" + body +
         "</main>\n</body>\n</html>\n";
}

}  // namespace scout::bench
