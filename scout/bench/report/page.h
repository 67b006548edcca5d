// Building blocks of the report's page.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace scout::bench {

/// `text` with each `from` replaced by its `to`, one after the other.
std::string replace_all(std::string text,
                        std::initializer_list<std::pair<std::string_view, std::string_view>> substitutions);

std::string escape_html(std::string_view text);

/// Three significant digits, with a real minus sign; "–" for infinity.
std::string html_number(double x);

/// A table cell: HTML, and whether it is emphasised.
struct HtmlCell {
  std::string html;
  bool strong = false;
};
/// A table with a row of headings; the first column holds the row's name.
std::string html_table(const std::vector<std::string>& headings, const std::vector<std::vector<HtmlCell>>& rows);

std::string html_figure(const std::string& svg, const std::string& title, const std::string& caption = "");

/// The page around `body`, with its style sheet. `title` is plain text.
std::string html_page(const std::string& title, const std::string& body);

}  // namespace scout::bench
