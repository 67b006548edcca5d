#include "scout/policy/control/memory.h"

#include <algorithm>
#include <cmath>

namespace scout {
namespace {

constexpr std::size_t kMostExplored = 600;
/// Gradients are kept as far as so many numbers have room.
constexpr std::size_t kMostNumbers = 100'000;
constexpr std::size_t kMostGradients = 300, kLeastGradients = 4;
/// In the model, which squares it in single precision, a gradient is at most so many times as steep as the first ones.
constexpr double kSteepest = 1e15;
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
  const std::size_t place = gradient_count_++ % gradient_capacity();
  put(gradient_points_, point, place);
  put(gradients_, gradient, place);
}

std::size_t Memory::gradient_capacity() const {
  return std::clamp<std::size_t>(kMostNumbers / dimension_, kLeastGradients, kMostGradients);
}

const SeparableSurrogate* Memory::separable() const {
  const std::size_t capacity = gradient_capacity();
  if (gradient_count_ < kLeastGradients) return nullptr;
  if (modelled_ == 0) {
    unit_ = 0;
    for (const double g : gradients_) unit_ = std::max(unit_, std::abs(g));
    if (!(unit_ > 0)) return nullptr;
    separable_.start(static_cast<int>(dimension_), static_cast<int>(capacity));
  }
  if (gradient_count_ > modelled_ + capacity) modelled_ = gradient_count_ - capacity;
  std::vector<float> x(dimension_), g(dimension_);
  for (; modelled_ < gradient_count_; ++modelled_) {
    const auto point = row(gradient_points_, modelled_ % capacity), gradient = row(gradients_, modelled_ % capacity);
    for (std::size_t i = 0; i < dimension_; ++i) {
      x[i] = static_cast<float>(point[i]);
      g[i] = static_cast<float>(std::clamp(gradient[i] / unit_, -kSteepest, kSteepest));
    }
    separable_.add(x, g);
  }
  return &separable_;
}

void Memory::explored(std::span<const double> point, double value) {
  if (!std::isfinite(value)) return;
  news_.explored_points.insert(news_.explored_points.end(), point.begin(), point.end());
  news_.explored_values.push_back(value);
  keep_explored(point, value);
}

void Memory::keep_explored(std::span<const double> point, double value) {
  put(points_, point, next_point_);
  put(values_, {&value, 1}, next_point_);
  next_point_ = (next_point_ + 1) % kMostExplored;
  explored_since_ = true;
  best_explored_ = best_value_;
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
  explored_since_ = !values_.empty();
  best_explored_ = best_value_;
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
