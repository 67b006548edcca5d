#include "scout/policy/coordinate/mixture.h"

#include <algorithm>
#include <cstddef>
#include <numbers>

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

/// x, or 0 where it is not above that.
HWY_INLINE V positive_part(V x) { return hn::IfThenElseZero(hn::Gt(x, hn::Zero(D())), x); }

/// As many rows as there are lanes. Lanes beyond the last row repeat it.
class Block {
 public:
  HWY_INLINE Block(const Mixture& mixture, const float* outputs, const float* features, int rows) : count_(mixture.count) {
    const D d;
    const hn::RebindToSigned<D> di;
    const auto row = hn::Min(hn::Iota(di, 0), hn::Set(di, rows - 1));
    const auto output = hn::Mul(row, hn::Set(di, mixture.count + 2));
    const auto place = hn::Mul(row, hn::Set(di, mixture.features));
    auto proposal = [&](int k) HWY_ATTR { return hn::GatherIndex(d, features + mixture.proposals[k], place); };
    auto exponential = [&](V x) HWY_ATTR { return fast_exp2(d, hn::Mul(x, hn::Set(d, std::numbers::log2e_v<float>))); };
    auto decode = [&](V action) HWY_ATTR { return decode_action(d, bounded(d, action, -1.0F, 1.0F)); };

    for (int k = 0; k < count_ + 2; ++k) hn::Store(hn::GatherIndex(d, outputs + k, output), d, u_[k]);
    hn::Store(exponential(bounded(d, u(0), -kGreatestFactor, kGreatestFactor)), d, factor_);
    const V scale = exponential(bounded(d, u(1), kLeastLogScale, kGreatestLogScale));
    const V mean = hn::Mul(hn::Set(d, 0.5F), hn::Add(proposal(0), proposal(1)));
    hn::Store(hn::Mul(scale, decode(mean)), d, proposal_[0]);
    for (int k = 1; k < count_; ++k) hn::Store(decode(proposal(k + 1)), d, proposal_[k]);
    sparsemax();
    V step = hn::Zero(d);
    for (int k = 0; k < count_; ++k) step = hn::Add(step, hn::Mul(hn::Mul(factor(), weight(k)), this->proposal(k)));
    hn::Store(step, d, step_);
  }

  V u(int k) const { return hn::Load(D(), u_[k]); }
  V proposal(int k) const { return hn::Load(D(), proposal_[k]); }
  V weight(int k) const { return hn::Load(D(), weight_[k]); }
  V factor() const { return hn::Load(D(), factor_); }
  /// Δ, before the bound.
  V step() const { return hn::Load(D(), step_); }

 private:
  /// The Euclidean projection of the scaled outputs onto the simplex: weights that add up to 1, of which all but the largest
  /// few are exactly 0.
  HWY_INLINE void sparsemax() {
    const D d;
    HWY_ALIGN float sorted[kMaxProposals][kRows];
    for (int k = 0; k < count_; ++k) {
      const V z = hn::Mul(hn::Set(d, kWeightScale), u(k + 2));
      hn::Store(z, d, weight_[k]);
      // Into those before it, the largest first: the same comparisons whatever the numbers.
      V carried = z;
      for (int j = 0; j < k; ++j) {
        const V other = hn::Load(d, sorted[j]);
        const auto above = hn::Gt(carried, other);
        hn::Store(hn::IfThenElse(above, carried, other), d, sorted[j]);
        carried = hn::IfThenElse(above, other, carried);
      }
      hn::Store(carried, d, sorted[k]);
    }
    V sum = hn::Zero(d);
    V threshold = hn::Zero(d);
    auto outside = hn::Lt(sum, sum);  // from the first that the threshold takes to 0
    for (int k = 0; k < count_; ++k) {
      const V z = hn::Load(d, sorted[k]);
      sum = hn::Add(sum, z);
      const V candidate = hn::Div(hn::Sub(sum, hn::Set(d, 1.0F)), hn::Set(d, static_cast<float>(k + 1)));
      outside = hn::Or(outside, hn::Le(z, candidate));
      threshold = hn::IfThenElse(outside, threshold, candidate);
    }
    for (int k = 0; k < count_; ++k) hn::Store(positive_part(hn::Sub(weight(k), threshold)), d, weight_[k]);
  }

  int count_;
  HWY_ALIGN float u_[kMaxProposals + 2][kRows];
  HWY_ALIGN float proposal_[kMaxProposals][kRows];
  HWY_ALIGN float weight_[kMaxProposals][kRows];
  HWY_ALIGN float factor_[kRows];
  HWY_ALIGN float step_[kRows];
};

/// The first `count` numbers at p, then zeros. Reads no others.
HWY_INLINE V load(const float* p, int count) {
  HWY_ALIGN float buffer[kRows] = {};
  std::copy_n(p, count, buffer);
  return hn::Load(D(), buffer);
}

void mixture_actions(const Mixture& mixture, const float* outputs, const float* features, int rows, float* actions) {
  const D d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  for (std::ptrdiff_t row = 0; row < rows; row += lanes) {
    const int count = std::min(rows - static_cast<int>(row), lanes);
    const Block block(mixture, outputs + row * (mixture.count + 2), features + row * mixture.features, count);
    HWY_ALIGN float action[kRows];
    hn::Store(encode_step(d, bounded(d, block.step(), -1.0F, 1.0F)), d, action);
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
    const Block block(mixture, outputs + row * (n + 2), features + row * mixture.features, count);
    const V step = bounded(d, block.step(), -1.0F, 1.0F);
    const V slope = action_slope(d, step);
    const V action = encode_step(d, step);
    V da = load(d_actions + row, count);
    const auto outwards = hn::Or(hn::And(hn::Ge(action, hn::Set(d, 1.0F)), hn::Lt(da, zero)),
                                 hn::And(hn::Le(action, hn::Set(d, -1.0F)), hn::Gt(da, zero)));
    da = hn::IfThenZeroElse(outwards, da);
    auto part = [&](V d_step) HWY_ATTR { return hn::Mul(da, bounded(d, hn::Mul(slope, d_step), -1.0F, 1.0F)); };

    HWY_ALIGN float du[kMaxProposals + 2][kRows];
    const auto free0 = hn::Lt(hn::Abs(block.u(0)), hn::Set(d, kGreatestFactor));
    hn::Store(hn::IfThenElseZero(free0, part(block.step())), d, du[0]);
    const auto free1 =
        hn::And(hn::Gt(block.u(1), hn::Set(d, kLeastLogScale)), hn::Lt(block.u(1), hn::Set(d, kGreatestLogScale)));
    const V base = hn::Mul(hn::Mul(block.factor(), block.weight(0)), block.proposal(0));
    hn::Store(hn::IfThenElseZero(free1, part(base)), d, du[1]);
    // ∂weight_j/∂z_k = [j = k] - 1/|support| within the support, 0 outside.
    V mean = zero;
    V support = zero;
    for (int k = 0; k < n; ++k) {
      const auto inside = hn::Gt(block.weight(k), zero);
      mean = hn::Add(mean, hn::IfThenElseZero(inside, block.proposal(k)));
      support = hn::Add(support, hn::IfThenElseZero(inside, hn::Set(d, 1.0F)));
    }
    mean = hn::Div(mean, support);
    const V scale = hn::Mul(block.factor(), hn::Set(d, kWeightScale));
    for (int k = 0; k < n; ++k) {
      const auto inside = hn::Gt(block.weight(k), zero);
      hn::Store(hn::IfThenElseZero(inside, part(hn::Mul(scale, hn::Sub(block.proposal(k), mean)))), d, du[k + 2]);
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

void mixture_actions(const Mixture& mixture, const float* outputs, const float* features, int rows, float* actions) {
  HWY_DYNAMIC_DISPATCH(mixture_actions)(mixture, outputs, features, rows, actions);
}
void mixture_gradient(const Mixture& mixture, const float* outputs, const float* features, const float* d_actions, int rows,
                      float* d_outputs) {
  HWY_DYNAMIC_DISPATCH(mixture_gradient)(mixture, outputs, features, d_actions, rows, d_outputs);
}

}  // namespace scout::kernel
#endif  // HWY_ONCE
