#include "scout/policy/coordinate/separable_surrogate.h"

#include <algorithm>
#include <numeric>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "scout/policy/coordinate/separable_surrogate.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace scout::kernel::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kSurrogateLanes>;
using I = hn::RebindToSigned<D>;

/// Puts a sample, in each lane, behind those of `count` sorted ones that are not above it. Writes what they predict of it.
HWY_INLINE void insert(const SurrogateSample& sample, SurrogateSample* samples, std::size_t count, float* predicted) {
  const D d;
  const I di;
  for (std::size_t l = 0; l < kSurrogateLanes; l += hn::Lanes(d)) {
    const auto x = hn::LoadU(d, sample.x + l);
    // As in insertion sort the sample is carried up to its place, and then each to the place of the next.
    auto carried_x = x;
    auto carried_g = hn::LoadU(d, sample.g + l);
    auto carried_time = hn::LoadU(di, sample.time + l);
    auto before_x = x;
    auto after_x = x;
    auto before_g = count > 0 ? hn::LoadU(d, samples[0].g + l) : hn::Zero(d);
    auto after_g = count > 0 ? hn::LoadU(d, samples[count - 1].g + l) : hn::Zero(d);
    auto placed = hn::MaskFromVec(hn::Zero(d));
    for (std::size_t k = 0; k < count; ++k) {
      SurrogateSample& s = samples[k];
      const auto sx = hn::LoadU(d, s.x + l);
      const auto sg = hn::LoadU(d, s.g + l);
      const auto st = hn::LoadU(di, s.time + l);
      const auto higher = hn::Gt(sx, x);
      const auto next = hn::AndNot(placed, higher);  // the first above the sample
      after_x = hn::IfThenElse(next, sx, after_x);
      after_g = hn::IfThenElse(next, sg, after_g);
      before_x = hn::IfThenElse(higher, before_x, sx);
      before_g = hn::IfThenElse(higher, before_g, sg);
      placed = higher;
      const auto higher_i = hn::RebindMask(di, higher);
      hn::StoreU(hn::IfThenElse(higher, carried_x, sx), d, s.x + l);
      hn::StoreU(hn::IfThenElse(higher, carried_g, sg), d, s.g + l);
      hn::StoreU(hn::IfThenElse(higher_i, carried_time, st), di, s.time + l);
      carried_x = hn::IfThenElse(higher, sx, carried_x);
      carried_g = hn::IfThenElse(higher, sg, carried_g);
      carried_time = hn::IfThenElse(higher_i, st, carried_time);
    }
    hn::StoreU(carried_x, d, samples[count].x + l);
    hn::StoreU(carried_g, d, samples[count].g + l);
    hn::StoreU(carried_time, di, samples[count].time + l);
    const auto width = hn::Sub(after_x, before_x);
    const auto apart = hn::Gt(width, hn::Zero(d));
    const auto part = hn::IfThenElse(apart, hn::Div(hn::Sub(x, before_x), hn::IfThenElse(apart, width, hn::Set(d, 1.0F))),
                                     hn::Set(d, 0.5F));
    hn::StoreU(hn::MulAdd(part, hn::Sub(after_g, before_g), before_g), d, predicted + l);
  }
}

/// Takes the samples of a time out of `count`, which has one in each lane.
HWY_INLINE void remove(std::int32_t time, SurrogateSample* samples, std::size_t count) {
  const D d;
  const I di;
  for (std::size_t l = 0; l < kSurrogateLanes; l += hn::Lanes(d)) {
    auto found = hn::MaskFromVec(hn::Zero(di));
    for (std::size_t k = 0; k + 1 < count; ++k) {
      SurrogateSample& s = samples[k];
      const SurrogateSample& next = samples[k + 1];
      const auto st = hn::LoadU(di, s.time + l);
      found = hn::Or(found, hn::Eq(st, hn::Set(di, time)));
      const auto found_f = hn::RebindMask(d, found);
      hn::StoreU(hn::IfThenElse(found_f, hn::LoadU(d, next.x + l), hn::LoadU(d, s.x + l)), d, s.x + l);
      hn::StoreU(hn::IfThenElse(found_f, hn::LoadU(d, next.g + l), hn::LoadU(d, s.g + l)), d, s.g + l);
      hn::StoreU(hn::IfThenElse(found, hn::LoadU(di, next.time + l), st), di, s.time + l);
    }
  }
}

/// Integrates g over `count` >= 1 samples by the trapezoidal rule, beginning with 0, for all of `out` but `predicted`.
HWY_INLINE void integrate(const SurrogateSample* samples, std::size_t count, const float* last, SurrogateProfile& out) {
  const D d;
  const auto zero = hn::Zero(d);
  const auto half = hn::Set(d, 0.5F);
  for (std::size_t l = 0; l < kSurrogateLanes; l += hn::Lanes(d)) {
    const auto x = hn::LoadU(d, last + l);
    auto ax = hn::LoadU(d, samples[0].x + l);
    auto ag = hn::LoadU(d, samples[0].g + l);
    auto potential = zero;
    auto low = zero;
    auto high = zero;
    auto at = zero;
    auto place = ax;
    for (std::size_t k = 1; k < count; ++k) {
      const auto bx = hn::LoadU(d, samples[k].x + l);
      const auto bg = hn::LoadU(d, samples[k].g + l);
      const auto width = hn::Sub(bx, ax);
      // Where the gradient turns from falling to rising there is a minimum between the two samples.
      const auto turns = hn::And(hn::Lt(ag, zero), hn::Gt(bg, zero));
      const auto part =
          hn::IfThenElse(turns, hn::Div(ag, hn::IfThenElse(turns, hn::Sub(ag, bg), hn::Set(d, 1.0F))), hn::Set(d, 1.0F));
      const auto bottom = hn::MulAdd(hn::Mul(half, ag), hn::Mul(part, width), potential);
      potential = hn::MulAdd(hn::Mul(half, hn::Add(ag, bg)), width, potential);
      const auto lower = hn::IfThenElse(turns, bottom, potential);
      const auto better = hn::Lt(lower, low);
      place = hn::IfThenElse(better, hn::MulAdd(part, width, ax), place);
      low = hn::IfThenElse(better, lower, low);
      high = hn::Max(high, potential);
      at = hn::IfThenElse(hn::Eq(bx, x), potential, at);
      ax = bx;
      ag = bg;
    }
    hn::StoreU(place, d, out.minimum + l);
    hn::StoreU(low, d, out.least + l);
    hn::StoreU(high, d, out.greatest + l);
    hn::StoreU(at, d, out.here + l);
  }
}

SurrogateProfile add_sample(const SurrogateSample& sample, SurrogateSample* samples, std::size_t count,
                            std::size_t capacity) {
  SurrogateProfile out;
  insert(sample, samples, count, out.predicted);
  if (count == capacity) remove(sample.time[0] - static_cast<std::int32_t>(capacity), samples, count + 1);
  integrate(samples, std::min(count + 1, capacity), sample.x, out);
  return out;
}

}  // namespace scout::kernel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace scout {
namespace kernel {

HWY_EXPORT(add_sample);

SurrogateProfile add_sample(const SurrogateSample& sample, SurrogateSample* samples, std::size_t count,
                            std::size_t capacity) {
  return HWY_DYNAMIC_DISPATCH(add_sample)(sample, samples, count, capacity);
}

}  // namespace kernel

void SeparableSurrogate::start(int dimension, int capacity) {
  const auto m = static_cast<std::size_t>(dimension);
  capacity_ = static_cast<std::size_t>(capacity);
  count_ = 0;
  time_ = 0;
  samples_.resize((m + kernel::kSurrogateLanes - 1) / kernel::kSurrogateLanes * (capacity_ + 1));
  for (auto* numbers : {&minimum_, &height_, &mean_, &variance_, &error_}) numbers->assign(m, 0.0F);
  unexplained_.assign(m, 1.0F);
}

void SeparableSurrogate::add(std::span<const float> x, std::span<const float> g) {
  const std::size_t m = minimum_.size();
  constexpr float kErrorShare = 0.1F;  // of a new prediction in the average of their errors, at least
  const float share = 1.0F / static_cast<float>(time_ + 1);
  kernel::SurrogateSample* samples = samples_.data();
  for (std::size_t begin = 0; begin < m; begin += kernel::kSurrogateLanes, samples += capacity_ + 1) {
    const std::size_t n = std::min(kernel::kSurrogateLanes, m - begin);
    kernel::SurrogateSample sample{};
    std::copy_n(x.data() + begin, n, sample.x);
    std::copy_n(g.data() + begin, n, sample.g);
    std::fill_n(sample.time, kernel::kSurrogateLanes, time_);
    const kernel::SurrogateProfile profile = kernel::add_sample(sample, samples, count_, capacity_);
    std::copy_n(profile.minimum, n, minimum_.data() + begin);
    for (std::size_t l = 0; l < n; ++l) {
      const std::size_t i = begin + l;
      const float range = profile.greatest[l] - profile.least[l];
      height_[i] = profile.greatest[l] > profile.least[l] ? (profile.here[l] - profile.least[l]) / range : 0.0F;
      const float change = sample.g[l] - mean_[i];
      mean_[i] += share * change;
      variance_[i] = (1.0F - share) * (variance_[i] + share * change * change);
      unexplained_[i] = 1.0F;
      if (time_ < 2) continue;  // the first two samples predict nothing
      const float error = profile.predicted[l] - sample.g[l];
      error_[i] += std::max(kErrorShare, 1.0F / static_cast<float>(time_ - 1)) * (error * error - error_[i]);
      if (variance_[i] > 0) unexplained_[i] = std::min(4.0F, error_[i] / variance_[i]);
    }
  }
  ++time_;
  count_ = std::min(count_ + 1, capacity_);
}

double SeparableSurrogate::mean_unexplained() const {
  return std::accumulate(unexplained_.begin(), unexplained_.end(), 0.0) / static_cast<double>(unexplained_.size());
}

}  // namespace scout
#endif  // HWY_ONCE
