#include "scout/policy/coordinate_profiles.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace scout {
namespace {

/// Share of a new prediction in the average of their errors, at least.
constexpr float kErrorShare = 0.1F;

}  // namespace

void CoordinateProfiles::start(int dimension, int capacity) {
  const auto m = static_cast<std::size_t>(dimension);
  capacity_ = static_cast<std::size_t>(capacity);
  count_ = 0;
  time_ = 0;
  samples_.resize(m * capacity_);
  minimum_.assign(m, 0.0F);
  height_.assign(m, 0.0F);
  unexplained_.assign(m, 1.0F);
  mean_.assign(m, 0.0F);
  variance_.assign(m, 0.0F);
  error_.assign(m, 0.0F);
}

void CoordinateProfiles::add(std::span<const float> x, std::span<const float> g) {
  const auto share = 1.0F / static_cast<float>(time_ + 1);
  for (std::size_t i = 0; i < minimum_.size(); ++i) {
    insert(i, {x[i], g[i], time_});
    const float change = g[i] - mean_[i];
    mean_[i] += share * change;
    variance_[i] = (1.0F - share) * (variance_[i] + share * change * change);
    // The first two samples predict nothing.
    unexplained_[i] = time_ < 2 || !(variance_[i] > 0) ? 1.0F : std::min(4.0F, error_[i] / variance_[i]);
  }
  ++time_;
  count_ = std::min(count_ + 1, capacity_);
  for (std::size_t i = 0; i < minimum_.size(); ++i) integrate(i, x[i]);
}

double CoordinateProfiles::mean_unexplained() const {
  return std::accumulate(unexplained_.begin(), unexplained_.end(), 0.0) / static_cast<double>(unexplained_.size());
}

void CoordinateProfiles::insert(std::size_t i, Sample sample) {
  Sample* first = samples_.data() + i * capacity_;
  Sample* last = first + count_;
  Sample* place = std::upper_bound(first, last, sample.x, [](float x, const Sample& s) { return x < s.x; });
  if (count_ >= 2) {
    float predicted = 0;
    if (place == first) {
      predicted = first->g;
    } else if (place == last) {
      predicted = last[-1].g;
    } else {
      const float width = place->x - place[-1].x;
      const float part = width > 0 ? (sample.x - place[-1].x) / width : 0.5F;
      predicted = place[-1].g + part * (place->g - place[-1].g);
    }
    const float error = predicted - sample.g;
    const float share = std::max(kErrorShare, 1.0F / static_cast<float>(time_ - 1));
    error_[i] += share * (error * error - error_[i]);
  }
  if (count_ == capacity_) {
    // The oldest makes room.
    Sample* oldest = std::min_element(first, last, [](const Sample& a, const Sample& b) { return a.time < b.time; });
    if (oldest < place) {
      std::move(oldest + 1, place, oldest);
      --place;
    } else {
      std::move_backward(place, oldest, oldest + 1);
    }
  } else {
    std::move_backward(place, last, last + 1);
  }
  *place = sample;
}

void CoordinateProfiles::integrate(std::size_t i, float x) {
  const Sample* s = samples_.data() + i * capacity_;
  float potential = 0;
  float least = std::numeric_limits<float>::max();
  float greatest = -least;
  float here = 0;
  for (std::size_t k = 0; k < count_; ++k) {
    if (k > 0) {
      const float width = s[k].x - s[k - 1].x;
      if (s[k - 1].g < 0 && s[k].g > 0) {
        const float part = -s[k - 1].g / (s[k].g - s[k - 1].g);
        const float bottom = potential + 0.5F * s[k - 1].g * part * width;
        if (bottom < least) {
          least = bottom;
          minimum_[i] = s[k - 1].x + part * width;
        }
      }
      potential += 0.5F * (s[k - 1].g + s[k].g) * width;
    }
    if (potential < least) {
      least = potential;
      minimum_[i] = s[k].x;
    }
    greatest = std::max(greatest, potential);
    if (s[k].x == x) here = potential;
  }
  height_[i] = greatest > least ? (here - least) / (greatest - least) : 0.0F;
}

}  // namespace scout
