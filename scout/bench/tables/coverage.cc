#include "scout/bench/tables/coverage.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <set>

#include "scout/bench/tables/statistics.h"

namespace scout::bench {
namespace {

constexpr double kNearest = 1e-9;       // distances are at least this
constexpr double kLongestStep = 0.005;  // of a descent
constexpr double kShortestStep = 1e-7;  // where it ends
constexpr int kMostSteps = 1000;        // of a descent
constexpr double kSameMinimum = 0.01;   // ends of descents that are nearer
constexpr double kLowShare = 0.1;       // of all ends, by basins' volume
constexpr double kBottom = 0.1;         // of the way up to the usual value

/// ψ of a whole number n >= 1.
double digamma(std::int64_t n) {
  double sum = -std::numbers::egamma;
  for (std::int64_t k = 1; k < n; ++k) sum += 1.0 / static_cast<double>(k);
  return sum;
}

double log_ball_volume(double m) { return 0.5 * m * std::log(std::numbers::pi) - std::lgamma(0.5 * m + 1); }

/// The points over the box: in [0, 1] inside.
std::vector<double> in_box_widths(const Points& points) {
  std::vector<double> out(points.theta.begin(), points.theta.end());
  const std::size_t m = points.dimension();
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = (out[i] - points.lower[i % m]) / (points.upper[i % m] - points.lower[i % m]);
  }
  return out;
}

}  // namespace

std::vector<double> points_in_box(std::span<const double> theta, const Instance& instance) {
  const auto m = static_cast<std::size_t>(instance.dimension());
  std::vector<double> out;
  for (std::size_t at = 0; at + m <= theta.size(); at += m) {
    bool inside = true;
    for (std::size_t i = 0; i < m; ++i) {
      inside = inside && theta[at + i] >= instance.lower()[i] && theta[at + i] <= instance.upper()[i];
    }
    if (inside)
      out.insert(out.end(), theta.begin() + static_cast<std::ptrdiff_t>(at),
                 theta.begin() + static_cast<std::ptrdiff_t>(at + m));
  }
  return out;
}

double nearest_neighbour_entropy(const Points& points, int k) {
  const std::size_t n = points.count(), m = points.dimension();
  if (n <= static_cast<std::size_t>(k)) return -std::numeric_limits<double>::infinity();
  const std::vector<double> x = in_box_widths(points);
  std::vector<double> squares(n);
  double sum = 0;
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = 0; b < n; ++b) {
      double square = 0;
      for (std::size_t i = 0; i < m; ++i) square += (x[a * m + i] - x[b * m + i]) * (x[a * m + i] - x[b * m + i]);
      squares[b] = b == a ? std::numeric_limits<double>::infinity() : square;
    }
    const auto kth = squares.begin() + (k - 1);
    std::ranges::nth_element(squares, kth);
    sum += std::log(std::max(std::sqrt(*kth), kNearest));
  }
  return digamma(static_cast<std::int64_t>(n)) - digamma(k) + log_ball_volume(static_cast<double>(m)) +
         static_cast<double>(m) / static_cast<double>(n) * sum;
}

std::int64_t occupied_cells(const Points& points, int side) {
  const std::size_t m = points.dimension();
  const std::vector<double> x = in_box_widths(points);
  std::set<std::vector<int>> cells;
  for (std::size_t at = 0; at + m <= x.size(); at += m) {
    std::vector<int> cell;
    for (std::size_t i = 0; i < m && x[at + i] >= 0 && x[at + i] <= 1; ++i) {
      cell.push_back(std::min(static_cast<int>(x[at + i] * side), side - 1));
    }
    if (cell.size() == m) cells.insert(std::move(cell));
  }
  return static_cast<std::int64_t>(cells.size());
}

double spread(const Points& points) {
  const std::size_t n = points.count(), m = points.dimension();
  const std::vector<double> x = in_box_widths(points);
  double sum = 0;
  for (std::size_t i = 0; i < m; ++i) {
    double mean = 0;
    for (std::size_t a = 0; a < n; ++a) mean += x[a * m + i] / static_cast<double>(n);
    for (std::size_t a = 0; a < n; ++a) sum += (x[a * m + i] - mean) * (x[a * m + i] - mean);
  }
  return n == 0 ? 0 : std::sqrt(sum / static_cast<double>(n));
}

std::vector<double> descend(const Instance& instance, std::span<const double> theta) {
  const std::size_t m = theta.size();
  std::vector<double> here(theta.begin(), theta.end()), next(m), gradient(m), next_gradient(m), width(m);
  for (std::size_t i = 0; i < m; ++i) width[i] = instance.upper()[i] - instance.lower()[i];
  // ∇f, by box widths.
  const auto evaluate = [&](const std::vector<double>& at, double& f, std::vector<double>& slope) {
    instance.evaluate(at, {&f, 1}, slope);
    for (std::size_t i = 0; i < m; ++i) slope[i] *= width[i];
  };
  double f = 0, next_f = 0;
  evaluate(here, f, gradient);
  double length = kLongestStep;
  for (int step = 0; step < kMostSteps && length > kShortestStep; ++step) {
    const double norm = std::sqrt(std::inner_product(gradient.begin(), gradient.end(), gradient.begin(), 0.0));
    if (!std::isfinite(f) || !(norm > 0) || !std::isfinite(norm)) break;
    for (std::size_t i = 0; i < m; ++i) next[i] = here[i] - length * width[i] * gradient[i] / norm;
    evaluate(next, next_f, next_gradient);
    if (!(next_f <= f - 0.1 * length * norm)) {
      length *= 0.4;
      continue;
    }
    // The next length is Barzilai & Borwein's (1988), s·s/s·y times the gradient's norm: here s is -length gradient/norm.
    double turn = 0, next_square = 0;
    for (std::size_t i = 0; i < m; ++i) {
      turn += gradient[i] * (gradient[i] - next_gradient[i]);
      next_square += next_gradient[i] * next_gradient[i];
    }
    length = turn > 0 ? std::min(length * norm * std::sqrt(next_square) / turn, kLongestStep) : kLongestStep;
    here.swap(next);
    gradient.swap(next_gradient);
    f = next_f;
  }
  return here;
}

std::optional<std::size_t> Minima::from(std::span<const double> theta) {
  const std::vector<double> end = descend(instance_, theta);
  if (points_in_box(end, instance_).empty()) return std::nullopt;
  const std::size_t m = end.size();
  const auto width = [&](std::size_t i) { return instance_.upper()[i] - instance_.lower()[i]; };
  const double first = end.front() / width(0);
  const auto last = by_first_.upper_bound(first + kSameMinimum);
  for (auto near = by_first_.lower_bound(first - kSameMinimum); near != last; ++near) {
    const std::size_t k = near->second;
    bool same = true;
    for (std::size_t i = 0; i < m && same; ++i) same = std::abs(points_[k * m + i] - end[i]) <= kSameMinimum * width(i);
    if (same) return k;
  }
  points_.insert(points_.end(), end.begin(), end.end());
  values_.push_back(instance_.true_value(end));
  by_first_.emplace(first, values_.size() - 1);
  return values_.size() - 1;
}

Level measure_level(const Instance& instance, Minima& minima, int samples, Random& random) {
  std::vector<double> theta(static_cast<std::size_t>(instance.dimension())), values, ends;
  for (int s = 0; s < samples; ++s) {
    for (std::size_t i = 0; i < theta.size(); ++i) theta[i] = random.uniform(instance.lower()[i], instance.upper()[i]);
    values.push_back(instance.true_value(theta));
    if (const auto minimum = minima.from(theta)) ends.push_back(minima.value(*minimum));
  }
  return {ends.empty() ? -std::numeric_limits<double>::infinity() : quantile(ends, kLowShare), median(values)};
}

BasinCount count_basins(std::span<const double> theta, const Instance& instance, Minima& minima, const Level& level) {
  const auto m = static_cast<std::size_t>(instance.dimension());
  const std::vector<double> inside = points_in_box(theta, instance);
  std::set<std::size_t> visited, low, found;
  for (std::size_t at = 0; at < inside.size(); at += m) {
    const std::span<const double> point(&inside[at], m);
    const auto minimum = minima.from(point);
    if (!minimum) continue;
    visited.insert(*minimum);
    const double value = minima.value(*minimum);
    if (!level.is_low(value)) continue;
    low.insert(*minimum);
    if (instance.true_value(point) <= value + kBottom * (level.usual - value)) found.insert(*minimum);
  }
  return {static_cast<int>(visited.size()), static_cast<int>(low.size()), static_cast<int>(found.size())};
}

}  // namespace scout::bench
