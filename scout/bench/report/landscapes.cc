#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "scout/base/json_lines.h"
#include "scout/bench/report/figures.h"
#include "scout/bench/report/page.h"
#include "scout/bench/report/sections.h"

namespace scout::bench {
namespace {

using Lines = std::vector<nlohmann::json>;

constexpr const char* kColours[] = {"#e8590c", "#1c7ed6", "#2b8a3e", "#d6336c", "#7048e8", "#0c8599", "#f2a900", "#5c4033"};
constexpr int kCircle = 6, kDisc = 7, kCross = 2;
constexpr std::size_t kExplorersListed = 24;

std::pair<double, double> point(const nlohmann::json& xy) { return {xy.at(0).get<double>(), xy.at(1).get<double>()}; }

/// One figure for each path: the policy, Adam, ... side by side on the same instance.
std::string optimizer_section(const Lines& lines) {
  std::string out;
  for (const auto& contour : lines) {
    if (contour.at("kind") != "contour") continue;
    const std::string instance = contour.at("instance");
    std::string figures;
    for (const auto& line : lines) {
      if (line.at("kind") != "path" || line.at("instance") != instance) continue;
      const std::string label = line.at("optimizer");
      const bool policy = line.at("method").get<std::string>().starts_with("policy:");
      Path path{.segments = {{}}, .dots = {}, .colour = kColours[policy ? 0 : 1]};
      double best = INFINITY;
      for (const auto& visited : line.at("path")) {
        path.dots.push_back(point(visited));
        const auto& f = visited.at(2);
        if (f.is_null() || f.get<double>() >= best) continue;
        best = f;
        path.segments.back().push_back(point(visited));
      }
      std::vector<Marker> markers;
      if (!path.dots.empty()) {
        const auto [x, y] = path.dots.front();
        markers.push_back({x, y, kCircle, 1.0, 1.8, path.colour});
      }
      if (line.at("best_point").size() == 2) {
        const auto [x, y] = point(line.at("best_point"));
        markers.push_back({x, y, kDisc, 1.1, 1, "#ffffff"});
        markers.push_back({x, y, kDisc, 0.8, 1, path.colour});
      }
      const auto gap = [&](const nlohmann::json& f) {
        return html_number(f.is_number() ? std::max(0.0, f.get<double>() - contour.at("optimum_value").get<double>())
                                         : INFINITY);
      };
      std::string caption = fmt::format("{} calls", line.at("budget").get<std::int64_t>());
      if (!contour.at("optimum_value").is_null() && !line.at("path").empty()) {
        caption += ": f − f* " + gap(line.at("path").front().at(2)) + " → " + gap(line.at("best"));
      }
      figures += html_figure(landscape_figure(contour, {path}, markers), escape_html(label), caption);
    }
    if (!figures.empty()) out += "<h3>" + escape_html(instance) + "</h3>\n<div class=\"grid\">" + figures + "</div>\n";
  }
  if (out.empty()) return out;
  return "<h2>Paths in two dimensions</h2>\n<p>Dots: every point that an optimizer asked about. Line: from its start "
         "(circle) through each new best point to the last (disc). Darker is lower; the diamond is the global "
         "optimum.</p>\n" +
         out;
}

struct Explorer {
  Path path{.segments = {{}}, .dots = {}, .colour = "", .width = 0.9};
  std::vector<Marker> markers;
  std::vector<int> coordinates;       ///< in the order of their assignment
  std::map<std::string, int> events;  ///< how many, by their names
  double best = INFINITY;
};

Explorer follow(int number, Lines events) {
  Explorer out;
  out.path.colour = kColours[static_cast<std::size_t>(number) % std::size(kColours)];
  std::ranges::stable_sort(events, {}, [](const auto& event) { return event.at("step").template get<int>(); });
  for (const auto& event : events) {
    const std::string what = event.at("event");
    const auto& theta = event.at("theta");
    const int coordinate = event.at("coordinate");
    if (out.coordinates.empty() || out.coordinates.back() != coordinate) out.coordinates.push_back(coordinate);
    if (event.at("value").is_number()) out.best = std::min(out.best, event.at("value").get<double>());
    ++out.events[what];
    if (theta.size() != 2) continue;
    const auto [x, y] = point(theta);
    auto& segment = out.path.segments.back();
    if (what == "reset" && !segment.empty()) {
      out.markers.push_back({segment.back().first, segment.back().second, kCross, 0.8, 1.8, out.path.colour});
      out.path.segments.push_back({});
    }
    if (out.path.segments.back().empty()) out.markers.push_back({x, y, kCircle, 0.7, 1.8, out.path.colour});
    out.path.segments.back().emplace_back(x, y);
    out.path.dots.emplace_back(x, y);
  }
  return out;
}

std::string explorer_section(const Lines& log) {
  std::map<std::string, std::map<int, Lines>> by_instance;
  for (const auto& line : log) {
    if (!line.contains("kind")) by_instance[line.at("instance")][line.at("explorer")].push_back(line);
  }
  if (by_instance.empty()) return "";
  std::string figures, tables;
  for (auto& [instance, explorers] : by_instance) {
    std::vector<Path> paths;
    std::vector<Marker> markers;
    std::vector<std::vector<HtmlCell>> rows;
    for (auto& [number, lines] : explorers) {
      Explorer explorer = follow(number, std::move(lines));
      if (rows.size() < kExplorersListed) {
        rows.push_back({{fmt::format("explorer {}", number)},
                        {fmt::format("{}", fmt::join(explorer.coordinates, " → "))},
                        {std::to_string(explorer.events["move"])},
                        {std::to_string(explorer.events["reset"])},
                        {std::to_string(explorer.events["prune"])},
                        {html_number(explorer.best)}});
      }
      if (!explorer.path.segments.front().empty()) {
        paths.push_back(std::move(explorer.path));
        markers.insert(markers.end(), explorer.markers.begin(), explorer.markers.end());
      }
    }
    if (!paths.empty()) {
      const auto contour = std::ranges::find_if(log, [&instance = instance](const auto& line) {
        return line.value("kind", "") == "contour" && line.at("instance") == instance;
      });
      figures += html_figure(landscape_figure(contour == log.end() ? nlohmann::json() : *contour, paths, markers),
                             escape_html(instance), fmt::format("{} explorers", paths.size()));
    }
    tables += "<h3>" + escape_html(instance) + "</h3>\n" +
              html_table({"", "coordinates, in turn", "moves", "resets", "directions pruned", "best f"}, rows);
  }
  return "<h2>The exploration ensemble</h2>\n<p>What explorers do, with the options of the policy's training, on "
         "these instances; drawn for this page, and nothing learns from it. One colour each, from their starts (circles); a "
         "cross ends a stretch that was given up by a reset.</p>\n<div class=\"grid wide\">" +
         figures + "</div>\n<details><summary>Explorers, by instance</summary>" + tables + "</details>\n";
}

}  // namespace

std::string landscapes(const std::filesystem::path& directory) {
  const auto trajectories = read_json_lines(directory / "trajectories.jsonl");
  const auto explorers = read_json_lines(directory / "explorers.jsonl");
  std::string file = "trajectories.jsonl";
  try {
    std::string out = optimizer_section(trajectories);
    file = "explorers.jsonl";
    return out + explorer_section(explorers);
  } catch (const nlohmann::json::exception& error) {
    throw std::invalid_argument((directory / file).string() + ": a line lacks a field: " + error.what());
  }
}

}  // namespace scout::bench
