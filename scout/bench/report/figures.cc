#include "scout/bench/report/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "scout/bench/report/gnuplot.h"

namespace scout::bench {
namespace {

constexpr const char* kPolicyColours[] = {"#e8590c", "#d6336c", "#f2a900"};
constexpr const char* kBaselineColours[] = {"#1c7ed6", "#2b8a3e", "#7048e8", "#0c8599"};
/// Below this a relative gap is drawn as solved.
constexpr double kFloor = 1e-8;
constexpr int kDiamond = 13;  // gnuplot's point type

/// Names of the order of drawing: the last row is drawn last, on top.
std::vector<std::size_t> back_to_front(const std::vector<Style>& all) {
  std::vector<std::size_t> order(all.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair{all[a].width, b} < std::pair{all[b].width, a};
  });
  return order;
}

std::string curve_block(const std::string& name, const std::vector<double>& x,
                        const std::vector<std::vector<double>>& columns) {
  std::string out = fmt::format("${} << EOD\n", name);
  for (std::size_t i = 0; i < x.size(); ++i) {
    out += fmt::format("{:.6g}", x[i]);
    for (const auto& column : columns) out += fmt::format(" {:.6g}", column[i]);
    out += '\n';
  }
  return out + "EOD\n";
}

/// One line an optimizer, from blocks $d0, $d1, ... of x and y.
std::string plot_lines(const std::vector<Style>& all, const std::vector<bool>& present) {
  std::string out = "plot ";
  for (std::size_t i : back_to_front(all)) {
    if (!present[i]) continue;
    if (all[i].band) out += fmt::format("$d{} using 1:3:4 with filledcurves fc rgb '{}', ", i, all[i].colour);
    out += fmt::format("$d{} using 1:2 with lines lw {} lc rgb '{}', ", i, all[i].width, all[i].colour);
  }
  return out + "\n";
}

}  // namespace

std::vector<Style> styles(const Results& results) {
  std::vector<Style> out;
  std::size_t policies = 0, baselines = 0;
  for (const auto& row : results.rows) {
    Style style{row.label, kGrey, 0.9, false};
    if (row.policy) {
      style = {row.label, kPolicyColours[policies % std::size(kPolicyColours)], 2.6, policies == 0};
      ++policies;
    } else if (baselines < std::size(kBaselineColours)) {
      style = {row.label, kBaselineColours[baselines], 1.8, baselines == 0};
      ++baselines;
    }
    out.push_back(style);
  }
  return out;
}

std::string convergence_figure(const Results& results, std::size_t task) {
  const auto all = styles(results);
  const Task& what = results.tasks[task];
  const auto costs = log_space(1, static_cast<double>(what.budget), 48);
  std::string script;
  std::vector<bool> present;
  double lowest = 1;
  for (std::size_t r = 0; r < results.rows.size(); ++r) {
    const Cell& cell = results.rows[r].cells[task];
    present.push_back(!cell.empty());
    if (cell.empty()) continue;
    std::vector<std::vector<double>> bands(3);
    for (double cost : costs) {
      std::vector<double> gaps;
      for (const auto& run : cell) gaps.push_back(relative_at(run, Cost::calls, what.dimension, cost));
      for (int b = 0; b < 3; ++b) {
        const double q = b == 0 ? 0.5 : b == 1 ? 0.25 : 0.75;
        bands[static_cast<std::size_t>(b)].push_back(std::clamp(quantile(gaps, q), kFloor, 2.0));
      }
    }
    lowest = std::min(lowest, bands[0].back());
    script += curve_block(fmt::format("d{}", r), costs, bands);
  }
  const double bottom = std::max(lowest * 0.6, kFloor);
  script += fmt::format(
      "set logscale xy\nset xrange [1:{}]\nset yrange [{:.3g}:1.3]\nset xlabel 'oracle calls'\nset ylabel 'relative gap'\n"
      "set mxtics 10\n{}\n",
      what.budget, bottom, bottom > 0.02 ? "set ytics (1, 0.5, 0.2, 0.1, 0.05, 0.02)" : "set format y '10^{%T}'");
  return draw_svg(script + plot_lines(all, present), 300, 240);
}

std::string training_figure(const Results& results, std::size_t task) {
  const auto all = styles(results);
  double most = 2, highest = 0, lowest = INFINITY;
  for (const auto& row : results.rows) {
    for (const auto& run : row.cells[task]) {
      most = std::max(most, static_cast<double>(run.steps));
      highest = std::max(highest, run.start_gap);
    }
  }
  const auto steps = log_space(1, most, 48);
  std::string script;
  std::vector<bool> present;
  for (std::size_t r = 0; r < results.rows.size(); ++r) {
    const Cell& cell = results.rows[r].cells[task];
    present.push_back(!cell.empty());
    if (cell.empty()) continue;
    std::vector<std::vector<double>> bands(3);
    for (double step : steps) {
      std::vector<double> losses;
      for (const auto& run : cell) {
        double loss = run.start_gap;
        for (const auto& point : run.curve) {
          if (static_cast<double>(point.gradients) > step) break;
          loss = std::min(point.best, 2 * highest);  // infinity before the first finite loss
        }
        losses.push_back(loss);
      }
      bands[0].push_back(median(losses));
      bands[1].push_back(quantile(losses, 0));
      bands[2].push_back(quantile(losses, 1));
    }
    lowest = std::min(lowest, bands[1].back());
    script += curve_block(fmt::format("d{}", r), steps, bands);
  }
  script += fmt::format("set logscale x\nset xrange [1:{}]\nset xlabel 'steps'\nset ylabel 'train loss'\n", most);
  if (highest > 10 * lowest) {
    script += fmt::format("set logscale y\nset yrange [{:.3g}:{:.3g}]\n", std::max(lowest * 0.8, kFloor), highest * 1.2);
  } else {
    script += fmt::format("set yrange [*:{:.4g}]\n", highest * 1.03);
  }
  return draw_svg(script + plot_lines(all, present), 300, 240);
}

std::string performance_profile_figure(const Results& results) {
  const auto all = styles(results);
  const auto thresholds = log_space(1e-6, 1, 80);
  std::string script;
  for (std::size_t r = 0; r < results.rows.size(); ++r) {
    std::vector<double> gaps;
    for (const auto& cell : results.rows[r].cells) {
      for (const auto& run : cell) gaps.push_back(run.relative);
    }
    script += curve_block(fmt::format("d{}", r), thresholds, {performance_profile(gaps, thresholds)});
  }
  script +=
      "set logscale x\nset format x '10^{%T}'\nset xrange [1:1e-6] reverse\nset yrange [0:1]\nset xlabel 'final relative "
      "gap τ'\n"
      "set ylabel 'share of runs with a gap ≤ τ'\n";
  auto lines = all;
  for (auto& style : lines) style.band = false;
  return draw_svg(script + plot_lines(lines, std::vector<bool>(lines.size(), true)), 390, 280);
}

std::string data_profile_figure(const Results& results, Cost cost) {
  auto lines = styles(results);
  for (auto& style : lines) style.band = false;
  double most = 2;
  for (const auto& row : results.rows) {
    for (const auto& cell : row.cells) {
      for (const auto& run : cell) most = std::max(most, run.to_target[static_cast<int>(cost)].front().in_all);
    }
  }
  const auto costs = log_space(1, most, 80);
  std::string script;
  for (std::size_t r = 0; r < results.rows.size(); ++r) {
    std::vector<TargetCost> paid;
    for (const auto& cell : results.rows[r].cells) {
      for (const auto& run : cell) {
        const auto& costs_of_run = run.to_target[static_cast<int>(cost)];
        paid.insert(paid.end(), costs_of_run.begin(), costs_of_run.end());
      }
    }
    script += curve_block(fmt::format("d{}", r), costs, {data_profile(paid, costs)});
  }
  script += fmt::format(
      "set logscale x\nset xrange [1:{}]\nset yrange [0:*]\nset xlabel '{}'\n"
      "set ylabel 'share of (run, target) pairs reached'\n",
      most, cost == Cost::calls ? "oracle calls" : "evaluations, a gradient counted as M");
  return draw_svg(script + plot_lines(lines, std::vector<bool>(lines.size(), true)), 390, 280);
}

std::string landscape_figure(const nlohmann::json& contour, const std::vector<Path>& paths,
                             const std::vector<Marker>& markers) {
  std::string script = "set size square\nunset grid\nset border 15 lw 0.6\nunset key\nset tics scale 0.3\n";
  std::vector<std::string> plots;
  if (!contour.is_null()) {
    const auto f = contour.at("f").get<std::vector<double>>();
    const auto side = contour.at("side").get<std::size_t>();
    const auto lower = contour.at("lower").get<std::vector<double>>();
    const auto upper = contour.at("upper").get<std::vector<double>>();
    // Colour by rank, so that every landscape uses the whole scale.
    std::vector<double> order = f;
    std::sort(order.begin(), order.end());
    script += "$f << EOD\n";
    for (std::size_t row = 0; row < side; ++row) {
      for (std::size_t column = 0; column < side; ++column) {
        const double value = f[row * side + column];
        const auto rank = std::lower_bound(order.begin(), order.end(), value) - order.begin();
        script += fmt::format("{:.6g} {:.6g} {:.4f}\n",
                              lower[0] + (upper[0] - lower[0]) * static_cast<double>(column) / static_cast<double>(side - 1),
                              lower[1] + (upper[1] - lower[1]) * static_cast<double>(row) / static_cast<double>(side - 1),
                              static_cast<double>(rank) / static_cast<double>(order.size()));
      }
      script += '\n';
    }
    script += fmt::format(
        "EOD\nset xrange [{}:{}]\nset yrange [{}:{}]\nset cbrange [0:1]\nunset colorbox\n"
        "set palette defined (0 '#3b5b8c', 0.15 '#7f9cc4', 0.5 '#c5d3e6', 1 '#f6f8fb')\n",
        lower[0], upper[0], lower[1], upper[1]);
    plots.push_back("$f using 1:2:3 with image");
  }
  auto add_points = [&](const std::string& block, const Points& points) {
    script += fmt::format("${} << EOD\n", block);
    for (const auto& [x, y] : points) script += fmt::format("{:.6g} {:.6g}\n", x, y);
    script += "EOD\n";
  };
  std::size_t blocks = 0;
  for (const auto& path : paths) {
    if (!path.dots.empty()) {
      const auto name = fmt::format("d{}", blocks++);
      add_points(name, path.dots);
      plots.push_back(fmt::format("${} with points pt 7 ps 0.32 lc rgb '{}'", name, path.colour));
    }
    for (const auto& segment : path.segments) {
      const auto name = fmt::format("d{}", blocks++);
      add_points(name, segment);
      plots.push_back(fmt::format("${} with lines lw {} lc rgb '#ffffff'", name, path.width + 1.4));
      plots.push_back(fmt::format("${} with lines lw {} lc rgb '{}'", name, path.width, path.colour));
    }
  }
  auto all_markers = markers;
  if (!contour.is_null() && !contour.at("optimum").is_null()) {
    const double x = contour["optimum"][0], y = contour["optimum"][1];
    all_markers.insert(all_markers.begin(), {{x, y, kDiamond, 1.5, 1, "#ffffff"}, {x, y, kDiamond, 0.95, 1, "#111111"}});
  }
  for (const auto& marker : all_markers) {
    const auto name = fmt::format("d{}", blocks++);
    add_points(name, {{marker.x, marker.y}});
    plots.push_back(fmt::format("${} with points pt {} ps {} lw {} lc rgb '{}'", name, marker.point_type, marker.size,
                                marker.width, marker.colour));
  }
  script += "plot " + fmt::format("{}", fmt::join(plots, ", ")) + "\n";
  return draw_svg(script, 300, 300);
}

}  // namespace scout::bench
