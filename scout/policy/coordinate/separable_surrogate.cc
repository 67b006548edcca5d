#include "scout/policy/coordinate/separable_surrogate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace scout {
namespace {

/// Share of a new prediction in the average of their errors, at least.
constexpr float kErrorShare = 0.1F;

}  // namespace

void SeparableSurrogate::start(int dimension, int capacity) {
  const auto m = static_cast<std::size_t>(dimension);
  capacity_ = static_cast<std::size_t>(capacity);
  count_ = 0;
  time_ = 0;
  samples_.resize((m + kernel::kSurrogateLanes - 1) / kernel::kSurrogateLanes * (capacity_ + 1));
  minimum_.assign(m, 0.0F);
  height_.assign(m, 0.0F);
  unexplained_.assign(m, 1.0F);
  mean_.assign(m, 0.0F);
  variance_.assign(m, 0.0F);
  error_.assign(m, 0.0F);
}

void SeparableSurrogate::add(std::span<const float> x, std::span<const float> g) {
  for (std::size_t begin = 0; begin < minimum_.size(); begin += kernel::kSurrogateLanes) {
    add_block(x, g, begin, std::min(kernel::kSurrogateLanes, minimum_.size() - begin));
  }
  ++time_;
  count_ = std::min(count_ + 1, capacity_);
}

double SeparableSurrogate::mean_unexplained() const {
  return std::accumulate(unexplained_.begin(), unexplained_.end(), 0.0) / static_cast<double>(unexplained_.size());
}

void SeparableSurrogate::add_block(std::span<const float> x, std::span<const float> g, std::size_t begin, std::size_t n) {
  kernel::SurrogateSample sample{};
  std::copy_n(x.data() + begin, n, sample.x);
  std::copy_n(g.data() + begin, n, sample.g);
  std::fill_n(sample.time, kernel::kSurrogateLanes, time_);
  kernel::SurrogateSample* samples = samples_.data() + begin / kernel::kSurrogateLanes * (capacity_ + 1);
  float predicted[kernel::kSurrogateLanes];
  kernel::insert_sample(sample, samples, count_, predicted);
  if (count_ == capacity_) kernel::remove_samples(time_ - static_cast<int>(capacity_), samples, count_ + 1);

  float minimum[kernel::kSurrogateLanes], least[kernel::kSurrogateLanes], greatest[kernel::kSurrogateLanes],
      here[kernel::kSurrogateLanes];
  kernel::integrate_separable(samples, std::min(count_ + 1, capacity_), sample.x, minimum, least, greatest, here);
  std::copy_n(minimum, n, minimum_.data() + begin);
  for (std::size_t l = 0; l < n; ++l) {
    height_[begin + l] = greatest[l] > least[l] ? (here[l] - least[l]) / (greatest[l] - least[l]) : 0.0F;
  }

  const float share = 1.0F / static_cast<float>(time_ + 1);
  for (std::size_t l = 0; l < n; ++l) {
    const std::size_t i = begin + l;
    const float change = sample.g[l] - mean_[i];
    mean_[i] += share * change;
    variance_[i] = (1.0F - share) * (variance_[i] + share * change * change);
    unexplained_[i] = 1.0F;
    if (time_ < 2) continue;  // the first two samples predict nothing
    const float error = predicted[l] - sample.g[l];
    error_[i] += std::max(kErrorShare, 1.0F / static_cast<float>(time_ - 1)) * (error * error - error_[i]);
    if (variance_[i] > 0) unexplained_[i] = std::min(4.0F, error_[i] / variance_[i]);
  }
}

}  // namespace scout
