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
  if (!std::isfinite(value)) return;
  if (value < best_value_) {
    best_value_ = value;
    best_point_.assign(point.begin(), point.end());
  }
  if (gradient.empty()) return;
  const std::size_t capacity = std::clamp<std::size_t>(kMostNumbers / dimension_, 4, kMostGradients);
  put(gradient_points_, point, next_gradient_);
  put(gradients_, gradient, next_gradient_);
  next_gradient_ = (next_gradient_ + 1) % capacity;
}

void Memory::explored(std::span<const double> point, double value) {
  if (!std::isfinite(value)) return;
  put(points_, point, next_point_);
  put(values_, {&value, 1}, next_point_);
  next_point_ = (next_point_ + 1) % kMostExplored;
  explored_since_ = true;
  best_explored_ = best_value_;
}

void Memory::minimum(std::span<const double> point, double value, double calls) {
  if (!std::isfinite(value)) return;
  minima_.push_back({value, calls});
  explored(point, value);
}

int Memory::same_minima() const {
  double least = std::numeric_limits<double>::infinity();
  for (const Minimum& m : minima_) least = std::min(least, m.value);
  return static_cast<int>(
      std::ranges::count_if(minima_, [&](const Minimum& m) { return m.value <= least + kSameMinimum * spread(); }));
}

void Memory::find_spread() const {
  std::vector<double> values = values_;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  const double spread = *middle - best_explored_;
  // Where all are alike, what rounding leaves.
  explored_since_ = false;
  spread_ = spread > 0 && std::isfinite(spread) ? spread : std::abs(best_explored_) * 1e-12 + 1e-300;
}

}  // namespace scout
