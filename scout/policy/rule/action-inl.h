// The formulas of policy/rule/action.h for vectors: the same bits in every lane, in files compiled with -ffp-contract=off.
// Included once a target, as Highway's foreach_target.h includes its file.
#if defined(SCOUT_KERNEL_ACTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SCOUT_KERNEL_ACTION_INL_H_
#undef SCOUT_KERNEL_ACTION_INL_H_
#else
#define SCOUT_KERNEL_ACTION_INL_H_
#endif

#include <hwy/highway.h>

#include "scout/policy/rule/action.h"

HWY_BEFORE_NAMESPACE();
namespace scout::kernel::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// x between two bounds; NaN stays.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V bounded(D d, V x, float low, float high) {
  const V floor = hn::Set(d, low);
  const V ceiling = hn::Set(d, high);
#if (HWY_ARCH_X86 || HWY_ARCH_ARM) && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  return hn::Min(ceiling, hn::Max(floor, x));  // x86 prefers the second argument, NEON NaN
#else
  return hn::IfThenElse(hn::Lt(x, floor), floor, hn::IfThenElse(hn::Gt(x, ceiling), ceiling, x));
#endif
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V fast_log2(D d, V x) {
  const hn::RebindToSigned<D> di;
  const auto bits = hn::BitCast(di, x);
  const auto whole = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(di, 0x3f3504f3)));
  const V one = hn::Set(d, 1.0F);
  const V r = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<23>(whole)));
  const V s = hn::Div(hn::Sub(r, one), hn::Add(r, one));
  const V s2 = hn::Mul(s, s);
  V sum = hn::Add(hn::Set(d, 0.577078016F), hn::Mul(s2, hn::Set(d, 0.412198583F)));
  sum = hn::Add(hn::Set(d, 0.961796694F), hn::Mul(s2, sum));
  sum = hn::Add(hn::Set(d, 2.885390082F), hn::Mul(s2, sum));
  return hn::Add(hn::ConvertTo(d, whole), hn::Mul(s, sum));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V fast_exp2(D d, V x) {
  const hn::RebindToSigned<D> di;
  const V magic = hn::Set(d, 12582912.0F);
  const V rounded = hn::Sub(hn::Add(x, magic), magic);
  const V f = hn::Mul(hn::Sub(x, rounded), hn::Set(d, 0.693147181F));
  V p = hn::Set(d, 0.00138888889F);
  for (const float next : {0.00833333333F, 0.0416666667F, 0.166666667F, 0.5F, 1.0F, 1.0F}) {
    p = hn::Add(hn::Set(d, next), hn::Mul(f, p));
  }
  const auto power = hn::ShiftLeft<23>(hn::Add(hn::ConvertTo(di, rounded), hn::Set(di, 127)));
  return hn::Mul(p, hn::BitCast(d, power));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V encode_step(D d, V step) {
  const V size = hn::Add(hn::Set(d, 1.0F), hn::Mul(hn::Set(d, kActionRange), hn::Abs(step)));
  return hn::CopySign(hn::Mul(fast_log2(d, size), hn::Set(d, 1.0F / kActionLog2Range)), step);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V decode_action(D d, V action) {
  const V size = fast_exp2(d, hn::Mul(hn::Abs(action), hn::Set(d, kActionLog2Range)));
  return hn::CopySign(hn::Mul(hn::Sub(size, hn::Set(d, 1.0F)), hn::Set(d, 1.0F / kActionRange)), action);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V action_slope(D d, V step) {
  const V size = hn::Add(hn::Set(d, 1.0F), hn::Mul(hn::Set(d, kActionRange), hn::Abs(step)));
  return hn::Div(hn::Set(d, kActionRange * std::numbers::log2e_v<float>), hn::Mul(hn::Set(d, kActionLog2Range), size));
}

}  // namespace scout::kernel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SCOUT_KERNEL_ACTION_INL_H_
