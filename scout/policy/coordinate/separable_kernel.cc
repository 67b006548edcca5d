#include "scout/policy/coordinate/separable_kernel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "scout/policy/coordinate/separable_kernel.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace scout::kernel::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kSurrogateLanes>;
using I = hn::RebindToSigned<D>;

void insert_sample(const SurrogateSample& sample, SurrogateSample* samples, std::size_t count, float* predicted) {
  const D d;
  const I di;
  for (std::size_t l = 0; l < kSurrogateLanes; l += hn::Lanes(d)) {
    const auto x = hn::LoadU(d, sample.x + l);
    // As in insertion sort the sample is carried up to its place, and then each
    // to the place of the next.
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

void remove_samples(std::int32_t time, SurrogateSample* samples, std::size_t count) {
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

void integrate_separable(const SurrogateSample* samples, std::size_t count, const float* last, float* minimum, float* least,
                         float* greatest, float* here) {
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
      // Where the gradient turns from falling to rising there is a minimum
      // between the two samples.
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
    hn::StoreU(place, d, minimum + l);
    hn::StoreU(low, d, least + l);
    hn::StoreU(high, d, greatest + l);
    hn::StoreU(at, d, here + l);
  }
}

}  // namespace scout::kernel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace scout::kernel {

HWY_EXPORT(insert_sample);
HWY_EXPORT(remove_samples);
HWY_EXPORT(integrate_separable);

void insert_sample(const SurrogateSample& sample, SurrogateSample* samples, std::size_t count, float* predicted) {
  HWY_DYNAMIC_DISPATCH(insert_sample)(sample, samples, count, predicted);
}
void remove_samples(std::int32_t time, SurrogateSample* samples, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(remove_samples)(time, samples, count);
}
void integrate_separable(const SurrogateSample* samples, std::size_t count, const float* last, float* minimum, float* least,
                         float* greatest, float* here) {
  HWY_DYNAMIC_DISPATCH(integrate_separable)
  (samples, count, last, minimum, least, greatest, here);
}

}  // namespace scout::kernel
#endif  // HWY_ONCE
