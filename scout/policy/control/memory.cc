#include "scout/policy/control/memory.h"

#include <algorithm>
#include <cmath>

namespace scout {
namespace {

constexpr std::size_t kMostExplored = 600;
/// Gradients are kept as far as so many numbers have room.
constexpr std::size_t kMostNumbers = 100'000;
constexpr std::size_t kMostGradients = 1500;
constexpr double kSameMinimum = 1e-6;

/// Puts a row into a ring of `capacity`.
void put(std::vector<double>& all, std::span<const double> row, std::size_t place) {
  if (all.size() < (place + 1) * row.size()) all.resize((place + 1) * row.size());
  std::ranges::copy(row, all.begin() + static_cast<std::ptrdiff_t>(place * row.size()));
}

}  // namespace

void Memory::start(std::size_t dimension) {
  *this = {};
  dimension_ = dimension;
}

void Memory::add(std::span<const double> point, double value, std::span<const double> gradient) {
  news_.value = value;
  news_.point.assign(point.begin(), point.end());
  news_.gradient.assign(gradient.begin(), gradient.end());
  news_.explored_points.clear();
  news_.explored_values.clear();
  news_.minima.clear();
  take(point, value, gradient, true);
}

void Memory::take(std::span<const double> point, double value, std::span<const double> gradient, bool own) {
  if (!std::isfinite(value)) return;
  if (value < best_value_) {
    best_value_ = value;
    best_point_.assign(point.begin(), point.end());
    best_is_own_ = own;
  }
  if (gradient.empty()) return;
  const std::size_t capacity = std::clamp<std::size_t>(kMostNumbers / dimension_, 4, kMostGradients);
  put(gradient_points_, point, next_gradient_);
  put(gradients_, gradient, next_gradient_);
  next_gradient_ = (next_gradient_ + 1) % capacity;
}

void Memory::explored(std::span<const double> point, double value) {
  if (!std::isfinite(value)) return;
  news_.explored_points.insert(news_.explored_points.end(), point.begin(), point.end());
  news_.explored_values.push_back(value);
  keep_explored(point, value);
  find_spread();
}

void Memory::keep_explored(std::span<const double> point, double value) {
  put(points_, point, next_point_);
  put(values_, {&value, 1}, next_point_);
  next_point_ = (next_point_ + 1) % kMostExplored;
}

void Memory::minimum(std::span<const double> point, double value, double calls) {
  if (!std::isfinite(value)) return;
  minima_.push_back({value, calls});
  news_.minima.push_back(minima_.back());
  explored(point, value);
}

void Memory::hear(std::span<const Memory* const> others) {
  for (const Memory* other : others) {
    const News& news = other->news_;
    take(news.point, news.value, news.gradient, false);
    for (std::size_t k = 0; k < news.explored_values.size(); ++k) {
      keep_explored(row(news.explored_points, k), news.explored_values[k]);
    }
    minima_.insert(minima_.end(), news.minima.begin(), news.minima.end());
  }
  if (!values_.empty()) find_spread();
}

int Memory::same_minima() const {
  double least = std::numeric_limits<double>::infinity();
  for (const Minimum& m : minima_) least = std::min(least, m.value);
  return static_cast<int>(
      std::ranges::count_if(minima_, [&](const Minimum& m) { return m.value <= least + kSameMinimum * spread_; }));
}

void Memory::find_spread() {
  std::vector<double> values = values_;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  const double spread = *middle - best_value_;
  // Where all are alike, what rounding leaves.
  spread_ = spread > 0 && std::isfinite(spread) ? spread : std::abs(best_value_) * 1e-12 + 1e-300;
}

}  // namespace scout
