#include "scout/policy/coordinate/features.h"

#include <cmath>

// Vectors of unknown size have no operators.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "scout/policy/coordinate/features.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include <hwy/highway.h>

#include "scout/policy/rule/action-inl.h"

HWY_BEFORE_NAMESPACE();
namespace scout::kernel::coordinate::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr float kTiny = 1e-30F;

/// Sizes of the annealed gradient steps at the start, in widths of the region: the best of SGD and RMSprop with cosine decay
/// on validation instances of rippled quadratics.
constexpr float kGradientStepSize = 0.11F;
constexpr float kScaledGradientStepSize = 0.035F;

/// Probes: in each coordinate the additive recurrence v ← v + α mod 1 of a noble number α = 1/(a + 1/(b + φ)), whose first n
/// points are spread evenly for any n. The coordinates take turns among eight of them.
constexpr double noble(double a, double b) { return 1.0 / (a + 1.0 / (b + 0.6180339887498949)); }
constexpr double kProbeStep[8] = {noble(2, 1), noble(3, 1), noble(2, 2), noble(3, 2),
                                  noble(2, 3), noble(3, 3), noble(2, 4), noble(3, 4)};
/// The share of the region that probes reach.
constexpr float kProbeShare = 0.9F;

using D = hn::CappedTag<float, kLanes>;
using V = hn::Vec<D>;

HWY_INLINE V set(float x) { return hn::Set(D(), x); }

/// The identity near 0, at most ±3.3.
HWY_INLINE V squash(V x) { return x / (set(1.0F) + set(0.3F) * hn::Abs(x)); }

/// The action that stands for a step.
HWY_INLINE V encode(V step) { return kernel::HWY_NAMESPACE::encode_step(D(), step); }

/// Decimal-like size of a ratio >= 0: 0 at 1, ±1 at 2^±10.
HWY_INLINE V log_ratio(V x) { return kernel::HWY_NAMESPACE::fast_log2(D(), x + set(1e-12F)) * set(0.1F); }

/// x between -bound and bound; NaN stays.
HWY_INLINE V cut(V x, float bound) { return kernel::HWY_NAMESPACE::bounded(D(), x, -bound, bound); }

/// average <- average + share (x - average)
HWY_INLINE void approach(float* average, V x, float share) {
  const V old = hn::LoadU(D(), average);
  hn::StoreU(old + set(share) * (x - old), D(), average);
}

using Row = float[kLanes];

/// Writes the features that are a coordinate's, for a vector of them, to rows kLanes apart. Row f of their state begins at
/// `state` + f · padded; `probe`: the next, as shares of the way.
HWY_INLINE void write_rows(const float* state, std::size_t padded, const RunSummary& run, const float* probe, float* rows) {
  const D d;
  const auto field = [=](int index) HWY_ATTR { return hn::LoadU(D(), state + static_cast<std::size_t>(index) * padded); };
  const auto put = [=](int feature, V v)
                       HWY_ATTR { hn::Store(cut(v, 2.0F), D(), rows + static_cast<std::size_t>(feature) * kLanes); };
  const V zero = hn::Zero(d);
  const V one = set(1.0F);
  const V tiny = set(kTiny);
  const V sign = field(kSign);
  const V x = field(kX);
  const V g = field(kG);
  const V size = hn::Sqrt(field(kSquare));
  const V pooled = set(run.gradient_size);
  const V least_size = set(1e-6F * run.gradient_size);
  const V inverse = one / (size + least_size + tiny);

  // Gradients over their running size (as Adam sees them), and their size against the other coordinates'.
  put(kGradient, sign * squash(g * inverse));
  put(kGradient + 1, sign * squash(field(kMean5) * inverse));
  put(kGradient + 2, sign * squash(field(kMean9) * inverse));
  put(kGradient + 3, sign * squash(field(kBestG) * inverse));
  for (int h = 0; h < kHistory; ++h) put(kGradient + 4 + h, sign * squash(field(kGradients + h) * inverse));
  put(kGradientSize, log_ratio(hn::Abs(g) / pooled));
  put(kGradientSize + 1, log_ratio(size / pooled));

  // Steps taken, and the ways to the best point, to the elite's mean and to the start.
  for (int h = 0; h < kHistory; ++h) put(kLastAction + h, sign * field(kActions + h));
  put(kToBest, sign * encode(field(kBestX) - x));
  put(kToElite, sign * encode(field(kEliteX) - x));
  put(kToStart, sign * encode(hn::Neg(x)));

  // The last secant.
  const V step = field(kStep);
  const V change = g - field(kPreviousG);
  put(kToSecant, sign * encode(hn::Neg(g) * hn::Abs(step) / (hn::Abs(change) + least_size + tiny)));
  const V way = hn::IfThenElse(zero < step, one, hn::IfThenElseZero(step < zero, set(-1.0F)));
  put(kGradientChange, squash(set(3.0F) * change * inverse) * way);

  for (int w = 0; w < kWindows; ++w) {
    const int first = w * kWindowFeatures;
    const V mean = field(kWindowX + w);
    const V mean_gradient = field(kWindowG + w);
    const V variance = field(kWindowXX + w);
    const V covariance = field(kWindowXG + w);
    const V deviation = hn::Sqrt(variance);
    put(first + kToMean, sign * encode(mean - x));
    put(first + kDeviation, encode(deviation));
    // Where the regression line of g on x crosses zero.
    const V newton = mean_gradient * variance / (hn::Abs(covariance) + set(1e-9F * run.gradient_size) + tiny);
    put(first + kToZero, sign * encode(mean - x - newton));
    put(first + kStraightness,
        covariance / (hn::Sqrt(variance * field(kWindowGG + w)) + set(1e-12F * run.gradient_size) + tiny));
    put(first + kTrend, sign * (field(kWindowXF + w) / (deviation * set(run.value_deviation[w]) + set(1e-12F))));
    put(first + kMeanGradient, sign * squash(mean_gradient * inverse));
  }

  const V width = field(kWidth);
  put(kAnnealedGradient, sign * encode(set(-kGradientStepSize) * width * set(run.decay / run.gradient_size) * g));
  put(kAnnealedScaledGradient, sign * encode(set(-kScaledGradientStepSize) * width * set(run.decay) * g * inverse));
  put(kSpectralStep, sign * encode(hn::Neg(cut(set(run.spectral) * g, 1e3F))));

  const V share = hn::LoadU(d, probe);
  const V place = hn::IfThenElse(zero < field(kDirection), share, one - share);
  const V to_probe = field(kLower) + (set(0.5F) + set(kProbeShare) * (place - set(0.5F))) * width - x;
  put(kToProbe, sign * encode(to_probe));
  put(kToSeparable, sign * encode(run.gradient ? field(kMinimumX) - x : zero));
  put(kSeparableHeight, field(kHeight));
  put(kSeparableUnexplained, log_ratio(field(kUnexplained)));
  put(kToQuadratic, sign * encode(field(kCentreX) - x));
}

#if HWY_TARGET != HWY_SCALAR
/// Writes blocks of four numbers to places 4 `stride` apart: the first, the second if `count` > 4, and so on.
template <class D>
HWY_INLINE void write_blocks(D d, hn::VFromD<D> v, std::ptrdiff_t count, std::size_t stride, float* out) {
  if constexpr (hn::MaxLanes(D()) <= 4) {
    if (count > 0) hn::StoreU(v, d, out);
  } else {
    const hn::Half<D> half;
    constexpr std::ptrdiff_t kCount = hn::MaxLanes(D()) / 2;
    write_blocks(half, hn::LowerHalf(half, v), count, stride, out);
    write_blocks(half, hn::UpperHalf(half, v), count - kCount, stride, out + static_cast<std::size_t>(kCount) * stride);
  }
}
#endif

/// Writes the features of the first `count` lanes, `stride` apart.
HWY_INLINE void transpose(const Row* rows, std::size_t count, std::size_t stride, float* features) {
#if HWY_TARGET == HWY_SCALAR
  for (std::size_t l = 0; l < count; ++l) {
    for (std::size_t j = 0; j < kFeatures; ++j) features[l * stride + j] = rows[j][l];
  }
#else
  const D d;
  const hn::RepartitionToWide<D> pair;
  for (std::size_t l = 0; l < count; l += hn::Lanes(d)) {
    const auto left = static_cast<std::ptrdiff_t>(count - l);
    for (std::size_t j = 0; j < kFeatures; j += 4) {
      // Four features of each block of four lanes: of two rows, then of all four.
      const V row0 = hn::Load(d, rows[j] + l);
      const V row1 = hn::Load(d, rows[j + 1] + l);
      const V row2 = hn::Load(d, rows[j + 2] + l);
      const V row3 = hn::Load(d, rows[j + 3] + l);
      const auto lower01 = hn::BitCast(pair, hn::InterleaveLower(d, row0, row1));
      const auto lower23 = hn::BitCast(pair, hn::InterleaveLower(d, row2, row3));
      const auto upper01 = hn::BitCast(pair, hn::InterleaveUpper(d, row0, row1));
      const auto upper23 = hn::BitCast(pair, hn::InterleaveUpper(d, row2, row3));
      float* out = features + l * stride + j;
      write_blocks(d, hn::BitCast(d, hn::InterleaveLower(pair, lower01, lower23)), left, stride, out);
      write_blocks(d, hn::BitCast(d, hn::InterleaveUpper(pair, lower01, lower23)), left - 1, stride, out + stride);
      write_blocks(d, hn::BitCast(d, hn::InterleaveLower(pair, upper01, upper23)), left - 2, stride, out + 2 * stride);
      write_blocks(d, hn::BitCast(d, hn::InterleaveUpper(pair, upper01, upper23)), left - 3, stride, out + 3 * stride);
    }
  }
#endif
}

Sums update_statistics(const Shares& shares, float* state, std::size_t padded) {
  const D d;
  Sums sums;
  for (std::size_t i = 0; i < padded; i += hn::Lanes(d)) {
    const auto field = [=](int index) HWY_ATTR { return state + static_cast<std::size_t>(index) * padded + i; };
    const V x = hn::LoadU(d, field(kX));
    const V g = hn::LoadU(d, field(kG));
    for (int w = 0; w < kWindows; ++w) {
      const V share = set(shares.window[w]);
      const V rest = set(1.0F - shares.window[w]);
      const V dx = x - hn::LoadU(d, field(kWindowX + w));
      const V dg = g - hn::LoadU(d, field(kWindowG + w));
      const V part = share * dx;
      const auto update = [&](int index, V term)
                              HWY_ATTR { hn::StoreU(rest * (hn::LoadU(d, field(index)) + term), d, field(index)); };
      update(kWindowXX + w, part * dx);
      update(kWindowXG + w, part * dg);
      update(kWindowGG + w, share * dg * dg);
      update(kWindowXF + w, part * set(shares.value_change[w]));
      approach(field(kWindowX + w), x, shares.window[w]);
      approach(field(kWindowG + w), g, shares.window[w]);
    }
    approach(field(kEliteX), x, shares.elite);
    approach(field(kMean5), g, shares.mean5);
    approach(field(kMean9), g, shares.mean9);
    approach(field(kSquare), g * g, shares.square);
    // One coordinate after the other, in whatever way the vectors are cut.
    float distance_square[kLanes];
    const V distance = hn::LoadU(d, field(kBestX)) - x;
    hn::StoreU(distance * distance, d, distance_square);
    const float* variance = field(kWindowXX + kWindows - 1);
    for (std::size_t l = 0; l < hn::Lanes(d); ++l) {
      sums.distance_square += distance_square[l];
      sums.variance += variance[l];
    }
  }
  return sums;
}

void write_features(const float* state, std::size_t padded, std::size_t m, const RunSummary& run, float* features,
                    std::size_t stride) {
  const D d;
  alignas(64) Row rows[kFeatures];
  const auto fill = [&](int first, int last) HWY_ATTR {
    for (int j = first; j <= last; ++j) {
      for (std::size_t l = 0; l < kLanes; l += hn::Lanes(d)) hn::Store(cut(set(run.features[j]), 2.0F), d, rows[j] + l);
    }
  };
  fill(kAboveBest, kMeanSpread);
  fill(kRoughness, kRange);
  fill(kSeparableMeanUnexplained, kQuadraticUnexplained);
  for (std::size_t begin = 0; begin < m; begin += kLanes) {
    const float* phase = state + kPhase * padded + begin;
    Row probe;
    for (std::size_t l = 0; l < kLanes; ++l) {
      const double sum = static_cast<double>(phase[l]) + kProbeStep[l % 8] * run.probe;
      probe[l] = static_cast<float>(sum - std::floor(sum));
    }
    for (std::size_t l = 0; l < kLanes; l += hn::Lanes(d)) {
      write_rows(state + begin + l, padded, run, probe + l, rows[0] + l);
    }
    transpose(rows, m - begin < kLanes ? m - begin : kLanes, stride, features + begin * stride);
  }
}

}  // namespace scout::kernel::coordinate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace scout::kernel::coordinate {

HWY_EXPORT(update_statistics);
HWY_EXPORT(write_features);

Sums update_statistics(const Shares& shares, float* state, std::size_t padded) {
  return HWY_DYNAMIC_DISPATCH(update_statistics)(shares, state, padded);
}

void write_features(const float* state, std::size_t padded, std::size_t m, const RunSummary& run, float* features,
                    std::size_t stride) {
  HWY_DYNAMIC_DISPATCH(write_features)(state, padded, m, run, features, stride);
}

}  // namespace scout::kernel::coordinate
#endif  // HWY_ONCE
