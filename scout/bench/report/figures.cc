#include "scout/bench/report/figures.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <numeric>

#include "scout/bench/report/page.h"

namespace scout::bench {
namespace fs = std::filesystem;
namespace {

constexpr const char* kPolicyColours[] = {"#e8590c", "#d6336c", "#f2a900"};
constexpr const char* kBaselineColours[] = {"#1c7ed6", "#2b8a3e", "#7048e8", "#0c8599"};
/// Below this a relative gap is drawn as solved.
constexpr double kFloor = 1e-8;
constexpr int kDiamond = 13;  // gnuplot's point type

std::string read_all(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Its ink, of axes and text, becomes the text colour of the page, whatever its theme.
constexpr const char* kPreamble = R"(
set terminal svg size {0},{1} dynamic font 'system-ui, Helvetica, Arial, sans-serif,12' linewidth 1
set encoding utf8
ink = '#010203'
set border 3 lc rgb ink lw 0.8
set tics nomirror textcolor rgb ink scale 0.6,0.3
set xlabel textcolor rgb ink
set ylabel textcolor rgb ink
set key off
set tmargin 0.6
set style fill transparent solid 0.16 noborder
set grid back lc rgb '#B0909090' lw 0.6 dt 1
)";

/// By row of the results, columns of y: a line and, if there are three, its band from the second to the third; no columns:
/// no line.
using Curves = std::vector<std::vector<std::vector<double>>>;

/// One line an optimizer over `x`, the better ones on top.
std::string lines_figure(const Results& results, const std::vector<double>& x, const Curves& curves,
                         const std::string& settings, int width, int height) {
  const auto all = styles(results);
  std::vector<std::size_t> order(all.size());
  std::iota(order.rbegin(), order.rend(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t r) { return all[r].width; });
  std::string blocks, plots;
  for (const std::size_t r : order) {
    if (curves[r].empty()) continue;
    blocks += fmt::format("$d{} << EOD\n", r);
    for (std::size_t i = 0; i < x.size(); ++i) {
      blocks += fmt::format("{:.6g}", x[i]);
      for (const auto& column : curves[r]) blocks += fmt::format(" {:.6g}", column[i]);
      blocks += '\n';
    }
    blocks += "EOD\n";
    if (all[r].band && curves[r].size() > 1) {
      plots += fmt::format("$d{} using 1:3:4 with filledcurves fc rgb '{}', ", r, all[r].colour);
    }
    plots += fmt::format("$d{} using 1:2 with lines lw {} lc rgb '{}', ", r, all[r].width, all[r].colour);
  }
  return draw_svg(blocks + settings + "plot " + plots + "\n", width, height);
}

/// The `quantiles` over the runs on a task of `value(run, x)`.
template <class Value>
Curves quantile_curves(const Results& results, std::size_t task, const std::vector<double>& x,
                       const std::array<double, 3>& quantiles, Value&& value) {
  Curves out(results.rows.size());
  for (std::size_t r = 0; r < out.size(); ++r) {
    const Cell& cell = results.rows[r].cells[task];
    if (cell.empty()) continue;
    out[r].resize(quantiles.size());
    for (const double at : x) {
      std::vector<double> values;
      for (const auto& run : cell) values.push_back(value(run, at));
      for (std::size_t q = 0; q < quantiles.size(); ++q) out[r][q].push_back(quantile(values, quantiles[q]));
    }
  }
  return out;
}

}  // namespace

std::string draw_svg(const std::string& script, int width, int height) {
  std::string name = (fs::temp_directory_path() / "scout-figure-XXXXXX").string();
  if (!mkdtemp(name.data())) throw std::runtime_error("cannot create a folder like " + name);
  const fs::path folder = name;
  const auto remove = [](const fs::path* path) {
    std::error_code ignored;
    fs::remove_all(*path, ignored);
  };
  const std::unique_ptr<const fs::path, decltype(remove)> at_the_end(&folder, remove);
  {
    std::ofstream file(folder / "figure.gp");
    file << fmt::format(kPreamble, width, height) << script;
    file.close();
    if (!file) throw std::runtime_error("cannot write " + (folder / "figure.gp").string() + ": is that disk full?");
  }
  // -d: what users set in ~/.gnuplot for their own plots would change these.
  const std::string command =
      fmt::format("cd '{}' && gnuplot -d figure.gp > figure.svg 2> errors.txt", replace_all(name, {{"'", "'\\''"}}));
  const int status = std::system(command.c_str());
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
    throw std::runtime_error(
        "gnuplot, which draws the figures, was not found: install it (Debian: apt install gnuplot-nox)");
  }
  const std::string svg = read_all(folder / "figure.svg");
  const auto begin = svg.find("<svg");
  if (status != 0 || begin == std::string::npos || svg.find("</svg>") == std::string::npos) {
    throw std::runtime_error("gnuplot failed: " + read_all(folder / "errors.txt"));
  }
  return replace_all(svg.substr(begin), {{"'rgb(  1,   2,   3)'", "'currentColor'"},
                                         {"\"rgb(  1,   2,   3)\"", "\"currentColor\""},
                                         {" color=\"black\"", ""},  // or that would be the current colour
                                         {"rgb(1,2,3)", "currentColor"},
                                         {"<title>Gnuplot</title>", ""}});
}

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
  const Task& what = results.tasks[task];
  const auto costs = log_space(1, static_cast<double>(what.budget), 48);
  auto curves = quantile_curves(results, task, costs, {0.5, 0.25, 0.75}, [&](const Run& run, double cost) {
    return relative_at(run, Cost::calls, what.dimension, cost);
  });
  double lowest = 1;
  for (auto& curve : curves) {
    for (auto& column : curve) {
      for (double& y : column) y = std::clamp(y, kFloor, 2.0);
    }
    if (!curve.empty()) lowest = std::min(lowest, curve[0].back());
  }
  const double bottom = std::max(lowest * 0.6, kFloor);
  const auto settings = fmt::format(
      "set logscale xy\nset xrange [1:{}]\nset yrange [{:.3g}:1.3]\nset xlabel 'oracle calls'\nset ylabel 'relative gap'\n"
      "set mxtics 10\n{}\n",
      what.budget, bottom, bottom > 0.02 ? "set ytics (1, 0.5, 0.2, 0.1, 0.05, 0.02)" : "set format y '10^{%T}'");
  return lines_figure(results, costs, curves, settings, 300, 240);
}

std::string training_figure(const Results& results, std::size_t task) {
  double most = 2, highest = 0, lowest = INFINITY;
  for (const auto& row : results.rows) {
    for (const auto& run : row.cells[task]) {
      most = std::max(most, static_cast<double>(run.steps));
      highest = std::max(highest, run.start_gap);
    }
  }
  const auto steps = log_space(1, most, 48);
  const auto curves = quantile_curves(results, task, steps, {0.5, 0, 1}, [&](const Run& run, double step) {
    double loss = run.start_gap;
    for (const auto& point : run.curve) {
      if (static_cast<double>(point.gradients) > step) break;
      loss = std::min(point.best, 2 * highest);  // infinity before the first finite loss
    }
    return loss;
  });
  for (const auto& curve : curves) {
    if (!curve.empty()) lowest = std::min(lowest, curve[1].back());
  }
  auto settings = fmt::format("set logscale x\nset xrange [1:{}]\nset xlabel 'steps'\nset ylabel 'train loss'\n", most);
  if (highest > 10 * lowest) {
    settings += fmt::format("set logscale y\nset yrange [{:.3g}:{:.3g}]\n", std::max(lowest * 0.8, kFloor), highest * 1.2);
  } else {
    settings += fmt::format("set yrange [*:{:.4g}]\n", highest * 1.03);
  }
  return lines_figure(results, steps, curves, settings, 300, 240);
}

std::string performance_profile_figure(const Results& results) {
  const auto thresholds = log_space(1e-6, 1, 80);
  Curves curves;
  for (const auto& row : results.rows) {
    curves.push_back({performance_profile(of_all_runs(row, &Run::relative), thresholds)});
  }
  return lines_figure(results, thresholds, curves,
                      "set logscale x\nset format x '10^{%T}'\nset xrange [1:1e-6] reverse\nset yrange [0:1]\n"
                      "set xlabel 'final relative gap τ'\nset ylabel 'share of runs with a gap ≤ τ'\n",
                      390, 280);
}

std::string data_profile_figure(const Results& results, Cost cost) {
  std::vector<std::vector<TargetCost>> paid(results.rows.size());
  double most = 2;
  for (std::size_t r = 0; r < paid.size(); ++r) {
    for (const auto& run :
         of_all_runs(results.rows[r], [&](const Run& run) { return run.to_target[static_cast<int>(cost)]; })) {
      most = std::max(most, run.front().in_all);
      paid[r].insert(paid[r].end(), run.begin(), run.end());
    }
  }
  const auto costs = log_space(1, most, 80);
  Curves curves;
  for (const auto& runs : paid) curves.push_back({data_profile(runs, costs)});
  const auto settings = fmt::format(
      "set logscale x\nset xrange [1:{}]\nset yrange [0:*]\nset xlabel '{}'\n"
      "set ylabel 'share of (run, target) pairs reached'\n",
      most, cost == Cost::calls ? "oracle calls" : "evaluations, a gradient counted as M");
  return lines_figure(results, costs, curves, settings, 390, 280);
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
    std::ranges::sort(order);
    script += "$f << EOD\n";
    for (std::size_t row = 0; row < side; ++row) {
      for (std::size_t column = 0; column < side; ++column) {
        const double value = f[row * side + column];
        const auto rank = std::ranges::lower_bound(order, value) - order.begin();
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
  int blocks = 0;
  const auto draw = [&](const Points& points, std::initializer_list<std::string> ways) {
    script += fmt::format("$d{} << EOD\n", blocks);
    for (const auto& [x, y] : points) script += fmt::format("{:.6g} {:.6g}\n", x, y);
    script += "EOD\n";
    for (const auto& way : ways) plots.push_back(fmt::format("$d{} with {}", blocks, way));
    ++blocks;
  };
  for (const auto& path : paths) {
    if (!path.dots.empty()) draw(path.dots, {fmt::format("points pt 7 ps 0.32 lc rgb '{}'", path.colour)});
    for (const auto& segment : path.segments) {
      draw(segment, {fmt::format("lines lw {} lc rgb '#ffffff'", path.width + 1.4),
                     fmt::format("lines lw {} lc rgb '{}'", path.width, path.colour)});
    }
  }
  auto all_markers = markers;
  if (!contour.is_null() && !contour.at("optimum").is_null()) {
    const double x = contour["optimum"][0], y = contour["optimum"][1];
    all_markers.insert(all_markers.begin(), {{x, y, kDiamond, 1.5, 1, "#ffffff"}, {x, y, kDiamond, 0.95, 1, "#111111"}});
  }
  for (const auto& [x, y, point_type, size, width, colour] : all_markers) {
    draw({{x, y}}, {fmt::format("points pt {} ps {} lw {} lc rgb '{}'", point_type, size, width, colour)});
  }
  return draw_svg(fmt::format("{}plot {}\n", script, fmt::join(plots, ", ")), 300, 300);
}

}  // namespace scout::bench
