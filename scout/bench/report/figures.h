// The figures of a report, drawn by gnuplot, each as an <svg> element.
#pragma once

#include "scout/bench/tables/results.h"

namespace scout::bench {

/// Runs gnuplot on `script`, with the SVG terminal of `width` × `height` points set, and returns the <svg> element. Data go
/// into the script as named blocks. Throws std::runtime_error with gnuplot's message, or saying how to install it.
std::string draw_svg(const std::string& script, int width, int height);

/// How an optimizer is drawn, the same in every figure. Policies and the best few baselines have a colour, the rest are
/// grey.
inline constexpr const char* kGrey = "#9aa0a6";
struct Style {
  std::string label;
  std::string colour;  ///< #rrggbb
  double width;
  bool band;  ///< drawn with its quartiles
};
/// In the order of results.rows.
std::vector<Style> styles(const Results& results);

/// Median relative gap against oracle calls on one task, with quartile bands.
std::string convergence_figure(const Results& results, std::size_t task);

/// The training of a network: the median over the runs of the least loss so far, against steps, with bands from the lowest
/// to the highest run.
std::string training_figure(const Results& results, std::size_t task);

/// The share of runs whose final relative gap is at most τ, against τ.
std::string performance_profile_figure(const Results& results);

/// The share of (run, target) pairs reached, against what was paid.
std::string data_profile_figure(const Results& results, Cost cost);

using Points = std::vector<std::pair<double, double>>;

/// Something drawn over contours: lines, and single points.
struct Path {
  std::vector<Points> segments;
  Points dots;
  std::string colour;
  double width = 1.8;
};
struct Marker {
  double x;
  double y;
  int point_type;  ///< of gnuplot
  double size;
  double width;  ///< of its lines
  std::string colour;
};
/// Paths and markers over the contours of a 2-D instance, its optimum a diamond. `contour` is a contour line of
/// trajectories.jsonl, or null.
std::string landscape_figure(const nlohmann::json& contour, const std::vector<Path>& paths,
                             const std::vector<Marker>& markers);

}  // namespace scout::bench
