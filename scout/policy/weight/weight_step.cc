#include "scout/policy/weight/weight_step.h"

#include <algorithm>
#include <bit>
#include <cmath>

// Vectors of unknown size cannot be kept in arrays, as the register tiles are.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "scout/policy/weight/weight_step.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace scout::kernel::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Weights in one pass through the perceptron: their features and activations stay in the first-level cache.
constexpr std::size_t kBlock = 128;

using F = hn::ScalableTag<float>;
using I = hn::RebindToSigned<F>;
using U = hn::RebindToUnsigned<F>;
using U16 = hn::Rebind<std::uint16_t, F>;
using VF = hn::Vec<F>;
using VU = hn::Vec<U>;

/// Vectors of weights in a register tile: with four outputs, half of the registers accumulate.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_ARCH_ARM
constexpr int kTile = 4;
#else
constexpr int kTile = 2;
#endif

struct alignas(64) Scratch {
  float features[kFeatures][kBlock];
  float momentum[kMomenta][kBlock];  // p_.9; p_.99 and p_.999 towards σ
  float activations[2][kMostHidden + 1][kBlock];
};

HWY_INLINE VF from_bfloat16(const std::uint16_t* x) {
  return hn::BitCast(F(), hn::ShiftLeft<16>(hn::PromoteTo(U(), hn::LoadU(U16(), x))));
}

HWY_INLINE void to_bfloat16(VF x, VU dither, std::uint16_t* out) {
  hn::StoreU(hn::TruncateTo(U16(), hn::ShiftRight<16>(hn::Add(hn::BitCast(U(), x), dither))), U16(), out);
}

/// p / (c + |p|).
HWY_INLINE VF compress(VF p, VF size, float c) { return hn::Div(p, hn::Add(hn::Set(F(), c), size)); }

HWY_INLINE VF clip(VF x, float low, float high) { return hn::Min(hn::Max(x, hn::Set(F(), low)), hn::Set(F(), high)); }

/// 2^x for x in [-126, 126]; relative error < 3e-6. As fast_exp2 in scout/policy/rule/action.h.
HWY_INLINE VF exp2(VF x) {
  const F d;
  const auto whole = hn::NearestInt(x);
  const VF f = hn::Mul(hn::Sub(x, hn::ConvertTo(d, whole)), hn::Set(d, 0.693147181F));
  VF p = hn::MulAdd(f, hn::Set(d, 0.00138888889F), hn::Set(d, 0.00833333333F));
  p = hn::MulAdd(f, p, hn::Set(d, 0.0416666667F));
  p = hn::MulAdd(f, p, hn::Set(d, 0.166666667F));
  p = hn::MulAdd(f, p, hn::Set(d, 0.5F));
  p = hn::MulAdd(f, p, hn::Set(d, 1.0F));
  p = hn::MulAdd(f, p, hn::Set(d, 1.0F));
  return hn::Mul(p, hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(whole, hn::Set(I(), 127)))));
}

/// Updates the state of a block and writes its features. Multiplications and additions are kept apart where the state
/// depends on them, so that it is the same on every target.
HWY_INLINE void observe(const StepConstants& c, const WeightPiece& a, Scratch& scratch, StepSums& sums) {
  const F d;
  const U du;
  const VF sign_bit = hn::SignBit(d);
  const float log_offset = kLogShare * (static_cast<float>(std::bit_cast<std::int32_t>(c.square_size)) * 0x1p-23F);
  auto non_finite = hn::Zero(d);
  auto momentum_square = hn::Zero(d);
  for (std::size_t i = 0; i < kBlock; i += hn::Lanes(d)) {
    const VF theta = hn::LoadU(d, a.theta + i);
    VF g = hn::Mul(hn::LoadU(d, a.gradient + i), hn::Set(d, c.gradient_scale));
    const auto finite = hn::IsFinite(g);
    non_finite = hn::Add(non_finite, hn::IfThenZeroElse(finite, hn::Set(d, 1.0F)));
    g = clip(hn::IfThenElseZero(finite, g), -kGradientBound, kGradientBound);

    const auto average = [](VF old, VF x, float decay)
                             HWY_ATTR { return hn::Add(old, hn::Mul(hn::Set(F(), 1.0F - decay), hn::Sub(x, old))); };
    const VF m0 = average(from_bfloat16(average_of(a, 0) + i), g, kDecays[0]);
    const VF m1 = average(from_bfloat16(average_of(a, 1) + i), g, kDecays[1]);
    const VF m2 = average(from_bfloat16(average_of(a, 2) + i), g, kDecays[2]);
    const VF v = average(from_bfloat16(average_of(a, kMomenta) + i), hn::Mul(g, g), kSquareDecay);
    // dither_bits and more_dither_bits of weight_step.h
    VU h = hn::Add(hn::Mul(hn::Iota(du, static_cast<std::uint32_t>(a.first + i)), hn::Set(du, 0x9e3779b1U)),
                   hn::Set(du, c.key));
    h = hn::Mul(hn::Xor(h, hn::ShiftRight<15>(h)), hn::Set(du, 0x85ebca77U));
    h = hn::Xor(h, hn::ShiftRight<13>(h));
    VU more = hn::Mul(h, hn::Set(du, 0xc2b2ae3dU));
    more = hn::Xor(more, hn::ShiftRight<16>(more));
    const VU low = hn::Set(du, 0xffffU);
    to_bfloat16(m0, hn::And(h, low), average_of(a, 0) + i);
    to_bfloat16(m1, hn::ShiftRight<16>(h), average_of(a, 1) + i);
    to_bfloat16(m2, hn::And(more, low), average_of(a, 2) + i);
    to_bfloat16(v, hn::ShiftRight<16>(more), average_of(a, kMomenta) + i);

    const VF z = hn::Add(hn::Mul(v, hn::Set(d, c.square_correction)), hn::Set(d, kLeastSquare));
    const VF r = hn::Div(hn::Set(d, 1.0F), hn::Sqrt(z));
    const VF corrected = hn::Mul(m0, hn::Set(d, c.correction[0]));
    momentum_square = hn::MulAdd(corrected, corrected, momentum_square);
    const VF sigma = hn::And(m0, sign_bit);
    const VF p0 = hn::Mul(corrected, r);
    const VF p1 = hn::Xor(hn::Mul(hn::Mul(m1, hn::Set(d, c.correction[1])), r), sigma);
    const VF p2 = hn::Xor(hn::Mul(hn::Mul(m2, hn::Set(d, c.correction[2])), r), sigma);
    const VF pg = hn::Xor(hn::Mul(g, r), sigma);
    hn::Store(p0, d, scratch.momentum[0] + i);
    hn::Store(p1, d, scratch.momentum[1] + i);
    hn::Store(p2, d, scratch.momentum[2] + i);

    const VF a0 = hn::Abs(p0);
    const VF qg = compress(pg, hn::Abs(pg), kCompression[0]);
    const VF q0 = compress(a0, a0, kCompression[1]);
    const VF q1 = compress(p1, hn::Abs(p1), kCompression[2]);
    const VF q2 = compress(p2, hn::Abs(p2), kCompression[3]);
    const VF t = hn::Div(hn::Xor(theta, sigma), hn::Add(hn::Set(d, c.scale), hn::Abs(theta)));
    const VF log_z = hn::Mul(hn::ConvertTo(d, hn::BitCast(I(), z)), hn::Set(d, kLogShare * 0x1p-23F));
    auto store = [&](int row, VF x) HWY_ATTR { hn::Store(x, d, scratch.features[row] + i); };
    store(kGradientFeature, qg);
    store(kMomentumFeature, q0);
    store(kMomentumFeature + 1, q1);
    store(kMomentumFeature + 2, q2);
    store(kThetaFeature, t);
    store(kGradientSize, hn::Abs(qg));
    store(kMomentumSize, hn::Abs(q1));
    store(kMomentumSize + 1, hn::Abs(q2));
    store(kThetaSize, hn::Abs(t));
    store(kAgreement, hn::Mul(qg, q0));
    store(kAgreement + 1, hn::Mul(q0, q1));
    store(kLogSize, clip(hn::Sub(log_z, hn::Set(d, log_offset)), -1.0F, 1.0F));
  }
  sums.non_finite += static_cast<std::int64_t>(hn::GetLane(hn::SumOfLanes(d, non_finite)));
  sums.momentum_square += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, momentum_square)));
}

/// y [kGroup, kBlock] = W x + b for a group of outputs, with ReLU if asked. The tile's sums stay in registers.
template <int kGroup>
HWY_INLINE void multiply(const float* HWY_RESTRICT w, const float* HWY_RESTRICT bias, int in, const float* HWY_RESTRICT x,
                         bool relu, float* HWY_RESTRICT y) {
  const F d;
  const std::size_t lanes = hn::Lanes(d);
  const VF floor = hn::Set(d, relu ? 0.0F : -hwy::HighestValue<float>());
  for (std::size_t i = 0; i < kBlock; i += kTile * lanes) {
    VF sum[kGroup][kTile];
    for (int r = 0; r < kGroup; ++r) {
      for (int j = 0; j < kTile; ++j) sum[r][j] = hn::Set(d, bias[r]);
    }
    const float* HWY_RESTRICT row = x + i;
    const float* HWY_RESTRICT weight = w;
    for (int k = 0; k < in; ++k, row += kBlock, weight += kGroup) {
      VF input[kTile];
      for (int j = 0; j < kTile; ++j) input[j] = hn::Load(d, row + static_cast<std::size_t>(j) * lanes);
      for (int r = 0; r < kGroup; ++r) {
        const VF factor = hn::Set(d, weight[r]);
        for (int j = 0; j < kTile; ++j) sum[r][j] = hn::MulAdd(input[j], factor, sum[r][j]);
      }
    }
    for (int r = 0; r < kGroup; ++r) {
      for (int j = 0; j < kTile; ++j) {
        hn::Store(hn::Max(sum[r][j], floor), d,
                  y + static_cast<std::size_t>(r) * kBlock + i + static_cast<std::size_t>(j) * lanes);
      }
    }
  }
}

/// Returns the rows u [kOutputs, kBlock].
HWY_INLINE const float* evaluate(const StepMlp& network, Scratch& scratch) {
  const float* x = scratch.features[0];
  for (int l = 0; l < network.layers; ++l) {
    const Layer& layer = network.layer[l];
    float* y = scratch.activations[l % 2][0];
    const bool relu = l + 1 < network.layers;
    const float* w = layer.weight;
    int r = 0;
    for (; r + 4 <= layer.out; r += 4, w += 4 * layer.in) multiply<4>(w, layer.bias + r, layer.in, x, relu, y + r * kBlock);
    for (; r < layer.out; r += 2, w += 2 * layer.in) {
      const float bias[2] = {layer.bias[r], r + 1 < layer.out ? layer.bias[r + 1] : 0.0F};
      multiply<2>(w, bias, layer.in, x, relu, y + r * kBlock);
    }
    x = y;
  }
  return x;
}

HWY_INLINE void update(const StepConstants& c, const WeightPiece& a, std::size_t count, const float* u,
                       const Scratch& scratch, StepSums& sums) {
  const F d;
  const VF sign_bit = hn::SignBit(d);
  auto update_square = hn::Zero(d);
  for (std::size_t i = 0; i < kBlock; i += hn::Lanes(d)) {
    auto output = [&](int k) HWY_ATTR { return hn::Load(d, u + static_cast<std::size_t>(k) * kBlock + i); };
    auto feature = [&](int k) HWY_ATTR { return hn::Load(d, scratch.features[k] + i); };
    const VF p0 = hn::Load(d, scratch.momentum[0] + i);
    VF direction = hn::MulAdd(output(0), feature(kMomentumFeature), hn::Abs(p0));
    direction = hn::MulAdd(output(2), feature(kGradientFeature), direction);
    direction = hn::MulAdd(output(3), hn::Load(d, scratch.momentum[1] + i), direction);
    direction = hn::MulAdd(output(4), hn::Load(d, scratch.momentum[2] + i), direction);
    direction = hn::MulAdd(output(5), feature(kThetaFeature), direction);
    const VF size = exp2(clip(output(1), kLeastLogStep, kGreatestLogStep));
    const VF step = clip(hn::Mul(size, direction), -kStepBound, kStepBound);
    const VF theta = hn::LoadU(d, a.theta + i);
    const VF towards = hn::Xor(hn::And(p0, sign_bit), sign_bit);  // -σ
    const VF delta = hn::Sub(hn::Xor(hn::Mul(hn::Set(d, c.step), step), towards), hn::Mul(hn::Set(d, c.decay), theta));
    const VF live = hn::IfThenElseZero(hn::FirstN(d, count - std::min(count, i)), step);
    update_square = hn::MulAdd(live, live, update_square);
    if (a.delta != nullptr) {
      hn::StoreU(delta, d, a.delta + i);
    } else {
      const VF moved = hn::Add(theta, delta);
      hn::StoreU(hn::IfThenElse(hn::IsFinite(moved), moved, theta), d, a.theta + i);
    }
  }
  sums.update_square += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, update_square)));
}

HWY_INLINE void step_block(const StepMlp& network, const StepConstants& constants, const WeightPiece& piece,
                           std::size_t count, Scratch& scratch, StepSums& sums) {
  observe(constants, piece, scratch, sums);
  update(constants, piece, count, evaluate(network, scratch), scratch, sums);
}

/// The last block, padded with zeros, goes through the same code.
void step_tail(const StepMlp& network, const StepConstants& constants, const WeightPiece& piece, std::size_t count,
               Scratch& scratch, StepSums& sums) {
  float theta[kBlock] = {}, gradient[kBlock] = {}, delta[kBlock];
  std::uint16_t state[kMomenta + 1][kBlock] = {};
  std::copy_n(piece.theta, count, theta);
  std::copy_n(piece.gradient, count, gradient);
  for (int k = 0; k <= kMomenta; ++k) std::copy_n(average_of(piece, k), count, state[k]);
  const bool moves = piece.delta == nullptr;
  step_block(network, constants, {theta, gradient, state, kBlock, moves ? nullptr : delta, piece.first}, count, scratch,
             sums);
  std::copy_n(moves ? theta : delta, count, moves ? piece.theta : piece.delta);
  for (int k = 0; k <= kMomenta; ++k) std::copy_n(state[k], count, average_of(piece, k));
}

StepSums weight_step(const StepMlp& network, const StepConstants& constants, const WeightPiece& piece, std::size_t n) {
  Scratch scratch;
  StepSums sums;
  WeightPiece block = piece;
  for (std::size_t begin = 0; begin < n; begin += kBlock) {
    const std::size_t count = std::min(n - begin, kBlock);
    block.theta = piece.theta + begin;
    block.gradient = piece.gradient + begin;
    block.state = average_of(piece, 0) + begin;
    if (piece.delta != nullptr) block.delta = piece.delta + begin;
    block.first = piece.first + begin;
    if (count == kBlock) {
      step_block(network, constants, block, count, scratch, sums);
    } else {
      step_tail(network, constants, block, count, scratch, sums);
    }
  }
  return sums;
}

TensorSums tensor_sums(const float* theta, const float* gradient, std::size_t n) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> df;
  const std::size_t lanes = hn::Lanes(d);
  auto theta_square = hn::Zero(d);
  auto gradient_square = hn::Zero(d);
  auto finite_gradients = hn::Zero(d);
  auto finite_part = [&](hn::Vec<decltype(d)> x) HWY_ATTR { return hn::IfThenElseZero(hn::IsFinite(x), x); };
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto t = finite_part(hn::PromoteTo(d, hn::LoadU(df, theta + i)));
    const auto g = hn::PromoteTo(d, hn::LoadU(df, gradient + i));
    const auto finite = finite_part(g);
    theta_square = hn::MulAdd(t, t, theta_square);
    gradient_square = hn::MulAdd(finite, finite, gradient_square);
    finite_gradients = hn::Add(finite_gradients, hn::IfThenElseZero(hn::IsFinite(g), hn::Set(d, 1.0)));
  }
  TensorSums sums{.theta_square = hn::GetLane(hn::SumOfLanes(d, theta_square)),
                  .gradient_square = hn::GetLane(hn::SumOfLanes(d, gradient_square)),
                  .non_finite = static_cast<std::int64_t>(i) -
                                static_cast<std::int64_t>(hn::GetLane(hn::SumOfLanes(d, finite_gradients)))};
  for (; i < n; ++i) {
    const double t = theta[i];
    const double g = gradient[i];
    if (t - t == 0) sums.theta_square += t * t;
    if (g - g == 0) {
      sums.gradient_square += g * g;
    } else {
      ++sums.non_finite;
    }
  }
  return sums;
}

const char* target_name() { return hwy::TargetName(HWY_TARGET); }

}  // namespace scout::kernel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace scout::kernel {

HWY_EXPORT(weight_step);
HWY_EXPORT(tensor_sums);
HWY_EXPORT(target_name);

StepSums weight_step(const StepMlp& network, const StepConstants& constants, const WeightPiece& piece, std::size_t n) {
  return HWY_DYNAMIC_DISPATCH(weight_step)(network, constants, piece, n);
}
TensorSums tensor_sums(const float* theta, const float* gradient, std::size_t n) {
  return HWY_DYNAMIC_DISPATCH(tensor_sums)(theta, gradient, n);
}
const char* target_name() { return HWY_DYNAMIC_DISPATCH(target_name)(); }

namespace {

/// log2, interpolated linearly between powers of two; x positive and normal.
float coarse_log2(float x) { return static_cast<float>(std::bit_cast<std::int32_t>(x)) * 0x1p-23F - 127.0F; }

}  // namespace

WeightView view(const StepConstants& c, const WeightPiece& piece, std::size_t i) {
  WeightView out;
  float g = piece.gradient[i] * c.gradient_scale;
  out.finite = std::isfinite(g);
  g = out.finite ? std::clamp(g, -kGradientBound, kGradientBound) : 0.0F;
  for (int k = 0; k < kMomenta; ++k) {
    const float old = from_bfloat16(average_of(piece, k)[i]);
    out.m[static_cast<std::size_t>(k)] = old + (1.0F - kDecays[k]) * (g - old);
  }
  const float old_square = from_bfloat16(average_of(piece, kMomenta)[i]);
  out.v = old_square + (1.0F - kSquareDecay) * (g * g - old_square);

  const float z = out.v * c.square_correction + kLeastSquare;
  const float r = 1.0F / std::sqrt(z);
  out.sign = std::signbit(out.m[0]) ? -1.0F : 1.0F;
  std::array<float, 4> q;
  for (std::size_t k = 0; k < 4; ++k) {
    out.p[k] = out.sign * ((k == 0 ? g : out.m[k - 1] * c.correction[k - 1]) * r);
    q[k] = out.p[k] / (kCompression[k] + std::fabs(out.p[k]));
  }
  const float theta = piece.theta[i];
  const float t = out.sign * theta / (c.scale + std::fabs(theta));
  const float log_size = kLogShare * (coarse_log2(z) - coarse_log2(c.square_size));
  out.features = {q[0],
                  q[1],
                  q[2],
                  q[3],
                  t,
                  std::fabs(q[0]),
                  std::fabs(q[2]),
                  std::fabs(q[3]),
                  std::fabs(t),
                  q[0] * q[1],
                  q[1] * q[2],
                  std::clamp(log_size, -1.0F, 1.0F)};
  return out;
}

std::vector<float> pack_weights(const std::vector<float>& w, int in, int out) {
  std::vector<float> packed;
  for (int begin = 0, group = 0; begin < out; begin += group) {
    group = out - begin >= 4 ? 4 : 2;
    for (int k = 0; k < in; ++k) {
      for (int r = begin; r < begin + group; ++r) packed.push_back(r < out ? w[static_cast<std::size_t>(r * in + k)] : 0.0F);
    }
  }
  return packed;
}

std::int64_t multiply_adds(const StepMlp& network) {
  std::int64_t count = 0;
  for (int l = 0; l < network.layers; ++l) count += static_cast<std::int64_t>(network.layer[l].in) * network.layer[l].out;
  return count;
}

}  // namespace scout::kernel
#endif  // HWY_ONCE
