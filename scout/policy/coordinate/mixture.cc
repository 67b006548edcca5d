#include "scout/policy/coordinate/mixture.h"

#include <algorithm>
#include <cstddef>
#include <numbers>

// Vectors of unknown size cannot be kept in arrays, as those of a block are.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "scout/policy/coordinate/mixture.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include <hwy/highway.h>

#include "scout/policy/rule/action-inl.h"

HWY_BEFORE_NAMESPACE();
namespace scout::kernel::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;
/// Rows of a block at most: one a lane.
constexpr std::size_t kRows = hn::MaxLanes(D());

/// What an output of a proposal's is multiplied by before the weights are made of them.
constexpr float kWeightScale = 3.0F;
/// Bound of the logarithm of the step's factor.
constexpr float kGreatestFactor = 2.0F;
/// Bounds of the logarithm of the base step's factor.
constexpr float kLeastLogScale = -10.0F;
constexpr float kGreatestLogScale = 3.0F;

/// As many rows as there are lanes. Lanes beyond the last row repeat it.
struct Block {
  int count;
  V u[kMaxProposals + 2], proposal[kMaxProposals], weight[kMaxProposals];
  V factor;
  V step;  // Δ, before the bound

  HWY_INLINE Block(const Mixture& mixture, const float* outputs, const float* features, int rows) : count(mixture.count) {
    const D d;
    const hn::RebindToSigned<D> di;
    const auto row = hn::Min(hn::Iota(di, 0), hn::Set(di, rows - 1));
    const auto output = hn::Mul(row, hn::Set(di, count + 2));
    const auto place = hn::Mul(row, hn::Set(di, mixture.width));
    auto feature = [&](int k) HWY_ATTR { return hn::GatherIndex(d, features + mixture.proposals[k], place); };
    auto exponential = [&](V x) HWY_ATTR { return fast_exp2(d, hn::Mul(x, hn::Set(d, std::numbers::log2e_v<float>))); };
    auto decode = [&](V action) HWY_ATTR { return decode_action(d, bounded(d, action, -1.0F, 1.0F)); };

    for (int k = 0; k < count + 2; ++k) u[k] = hn::GatherIndex(d, outputs + k, output);
    factor = exponential(bounded(d, u[0], -kGreatestFactor, kGreatestFactor));
    const V scale = exponential(bounded(d, u[1], kLeastLogScale, kGreatestLogScale));
    const V mean = hn::Mul(hn::Set(d, 0.5F), hn::Add(feature(0), feature(1)));
    proposal[0] = hn::Mul(scale, decode(mean));
    for (int k = 1; k < count; ++k) proposal[k] = decode(feature(k + 1));
    sparsemax();
    step = hn::Zero(d);
    for (int k = 0; k < count; ++k) step = hn::Add(step, hn::Mul(hn::Mul(factor, weight[k]), proposal[k]));
  }

  /// The Euclidean projection of the scaled outputs onto the simplex: weights that add up to 1, of which all but the largest
  /// few are exactly 0.
  HWY_INLINE void sparsemax() {
    const D d;
    V sorted[kMaxProposals];
    for (int k = 0; k < count; ++k) {
      weight[k] = hn::Mul(hn::Set(d, kWeightScale), u[k + 2]);
      // Into those before it, the largest first: the same comparisons whatever the numbers.
      V carried = weight[k];
      for (int j = 0; j < k; ++j) {
        const V other = sorted[j];
        const auto above = hn::Gt(carried, other);
        sorted[j] = hn::IfThenElse(above, carried, other);
        carried = hn::IfThenElse(above, other, carried);
      }
      sorted[k] = carried;
    }
    V sum = hn::Zero(d);
    V threshold = hn::Zero(d);
    auto outside = hn::Lt(sum, sum);  // from the first that the threshold takes to 0
    for (int k = 0; k < count; ++k) {
      sum = hn::Add(sum, sorted[k]);
      const V candidate = hn::Div(hn::Sub(sum, hn::Set(d, 1.0F)), hn::Set(d, static_cast<float>(k + 1)));
      outside = hn::Or(outside, hn::Le(sorted[k], candidate));
      threshold = hn::IfThenElse(outside, threshold, candidate);
    }
    for (int k = 0; k < count; ++k) {
      const V above = hn::Sub(weight[k], threshold);
      weight[k] = hn::IfThenElseZero(hn::Gt(above, hn::Zero(d)), above);
    }
  }
};

void mixture_actions(const Mixture& mixture, const float* outputs, const float* features, int rows, float* actions) {
  const D d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  for (std::ptrdiff_t row = 0; row < rows; row += lanes) {
    const int count = std::min(rows - static_cast<int>(row), lanes);
    const Block block(mixture, outputs + row * (mixture.count + 2), features + row * mixture.width, count);
    HWY_ALIGN float action[kRows];
    hn::Store(encode_step(d, bounded(d, block.step, -1.0F, 1.0F)), d, action);
    std::copy_n(action, count, actions + row);
  }
}

void mixture_gradient(const Mixture& mixture, const float* outputs, const float* features, const float* d_actions, int rows,
                      float* d_outputs) {
  const D d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  const int n = mixture.count;
  const V zero = hn::Zero(d);
  for (std::ptrdiff_t row = 0; row < rows; row += lanes) {
    const int count = std::min(rows - static_cast<int>(row), lanes);
    const Block block(mixture, outputs + row * (n + 2), features + row * mixture.width, count);
    const V step = bounded(d, block.step, -1.0F, 1.0F);
    const V slope = action_slope(d, step);
    const V action = encode_step(d, step);
    HWY_ALIGN float d_action[kRows] = {};
    std::copy_n(d_actions + row, count, d_action);
    V da = hn::Load(d, d_action);
    const auto outwards = hn::Or(hn::And(hn::Ge(action, hn::Set(d, 1.0F)), hn::Lt(da, zero)),
                                 hn::And(hn::Le(action, hn::Set(d, -1.0F)), hn::Gt(da, zero)));
    da = hn::IfThenZeroElse(outwards, da);
    auto part = [&](V d_step) HWY_ATTR { return hn::Mul(da, bounded(d, hn::Mul(slope, d_step), -1.0F, 1.0F)); };

    HWY_ALIGN float du[kMaxProposals + 2][kRows];
    const auto free0 = hn::Lt(hn::Abs(block.u[0]), hn::Set(d, kGreatestFactor));
    hn::Store(hn::IfThenElseZero(free0, part(block.step)), d, du[0]);
    const auto free1 =
        hn::And(hn::Gt(block.u[1], hn::Set(d, kLeastLogScale)), hn::Lt(block.u[1], hn::Set(d, kGreatestLogScale)));
    const V base = hn::Mul(hn::Mul(block.factor, block.weight[0]), block.proposal[0]);
    hn::Store(hn::IfThenElseZero(free1, part(base)), d, du[1]);
    // ∂weight_j/∂z_k = [j = k] - 1/|support| within the support, 0 outside.
    V mean = zero;
    V support = zero;
    for (int k = 0; k < n; ++k) {
      const auto inside = hn::Gt(block.weight[k], zero);
      mean = hn::Add(mean, hn::IfThenElseZero(inside, block.proposal[k]));
      support = hn::Add(support, hn::IfThenElseZero(inside, hn::Set(d, 1.0F)));
    }
    mean = hn::Div(mean, support);
    const V scale = hn::Mul(block.factor, hn::Set(d, kWeightScale));
    for (int k = 0; k < n; ++k) {
      const auto inside = hn::Gt(block.weight[k], zero);
      hn::Store(hn::IfThenElseZero(inside, part(hn::Mul(scale, hn::Sub(block.proposal[k], mean)))), d, du[k + 2]);
    }
    for (int r = 0; r < count; ++r) {
      for (int k = 0; k < n + 2; ++k) *d_outputs++ = du[k][r];
    }
  }
}

}  // namespace scout::kernel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace scout::kernel {

HWY_EXPORT(mixture_actions);
HWY_EXPORT(mixture_gradient);

void Mixture::actions(const float* outputs, const float* features, int rows, float* actions) const {
  HWY_DYNAMIC_DISPATCH(mixture_actions)(*this, outputs, features, rows, actions);
}
void Mixture::gradient(const float* outputs, const float* features, const float* d_actions, int rows,
                       float* d_outputs) const {
  HWY_DYNAMIC_DISPATCH(mixture_gradient)(*this, outputs, features, d_actions, rows, d_outputs);
}

}  // namespace scout::kernel
#endif  // HWY_ONCE
