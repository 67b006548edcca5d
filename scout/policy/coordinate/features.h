// The statistics that a run keeps of its coordinates, and the features made of them, for CoordinatewiseObserver. SIMD with
// dispatch at run time. Products and sums are never fused: every target gives the same numbers, bit by bit.
#pragma once

#include <cstddef>

namespace scout::kernel::coordinate {

/// The rows of the state are padded to a multiple of so many coordinates.
inline constexpr std::size_t kLanes = 16;
inline constexpr int kHistory = 4;
inline constexpr int kWindows = 3;

/// Rows of the state [kFields, padded M]. x is (θ - θ⁰)/scale and g is ∇f over the size of the first gradient.
enum Field : int {
  kX,
  kG,
  kBestX,
  kBestG,
  kStep,       // the last step, x_t - x_{t-1}
  kPreviousG,  // g_{t-1}
  kMean5,      // averages of g: decay .5, .9
  kMean9,
  kSquare,                           // average of g², decay .95
  kActions,                          // the last kHistory actions, newest first
  kGradients = kActions + kHistory,  // the kHistory gradients before the current, newest first
  kWindowX = kGradients + kHistory,  // then for each window: the means of x and g,
  kWindowG = kWindowX + kWindows,    // the variances,
  kWindowXX = kWindowG + kWindows,   //
  kWindowXG = kWindowXX + kWindows,  // the covariances of x with g
  kWindowGG = kWindowXG + kWindows,  //
  kWindowXF = kWindowGG + kWindows,  // and with f (the range seen so far = 1)
  kEliteX = kWindowXF + kWindows,    // mean of x weighted towards low f
  kSign,                             // ±1, the coordinate's orientation
  kLower,                            // the region, in x
  kWidth,                            //
  kPhase,                            // where the sequence of probes begins, in [0, 1), and which way it goes, ±1
  kDirection,                        //
  kMinimumX,                         // the separable surrogate's minimum, how far above it that is here, and what it
  kHeight,                           // leaves unexplained
  kUnexplained,                      //
  kCentreX,                          // the quadratic surrogate's centre
  kFields
};

/// Columns of the features [M, kFeatures]. With σ = kSign, s = √kSquare, squash(v) = v/(1 + 0.3|v|); places are given as
/// steps to them, and steps in the code of actions (scout/policy/rule/action.h); logarithms are log2(v + 1e-12)/10.
enum Feature : int {
  kGradient,                         // σ squash(v/s): g, kMean5, kMean9, kBestG, kGradients
  kGradientSize = kGradient + 8,     // log of |g|, and of s, over the pooled size of gradients
  kLastAction = kGradientSize + 2,   // σ kActions
  kToBest = kLastAction + kHistory,  // σ kBestX
  kToElite,                          // σ kEliteX
  kToStart,                          // σ 0
  kToSecant,                         // σ where the last secant of g crosses zero, taken downhill
  kGradientChange,                   // squash(3 Δg/s) along the last step: > 0 where f is convex
  kToMean,                           // six of each window: σ the mean of x,
  kDeviation,                        // √ of the variance of x, as a step,
  kToZero,                           // σ where the regression of g on x crosses zero: Newton's step, smoothed,
  kStraightness,                     // the correlation of x with g: how straight that line is,
  kTrend,                            // σ the correlation of x with f: which way f goes,
  kMeanGradient,                     // σ squash(mean of g/s)
  kWindowFeatures = kMeanGradient + 1 - kToMean,

  // The run's, the same in every row (CoordinatewiseObserver::describe_run). f is a share of the range seen so far.
  kAboveBest = kToMean + kWindows * kWindowFeatures,  // f above the best, as if it were a step,
  kAbovePrevious,                                     // above the last three, newest first,
  kValueDeviation = kAbovePrevious + kHistory - 1,    // and its deviation in the first window
  kElapsed,                                           // share of the horizon
  kRemaining,                                         // log2(1 + steps that remain)
  kEarly,                                             // 1/(1 + 0.3 t)
  kSinceBest,                                         // share of the steps since the best point was found
  kGradientShrunk,                                    // log of the pooled |g| over the first; then over its running size
  kMeanAction = kGradientShrunk + 2,                  // mean |a|
  kMeanStep,                                          // root mean squares of the last step,
  kMeanDistance,                                      // of the distance to the best point,
  kMeanSpread,                                        // and of the deviation of x in the longest window

  // Again a coordinate's.
  kAnnealedGradient,        // σ a gradient step that decays over the horizon: over the pooled size of gradients,
  kAnnealedScaledGradient,  // and over s
  kSpectralStep,            // σ the gradient over its change along the last step (Barzilai & Borwein 1988)

  kRoughness,  // the run's: log of the deviation of f over what gradients and distances would make of it,
  kRange,      // and of the range of f over the mean size of gradients

  kToProbe,               // σ the next probe
  kToSeparable,           // σ kMinimumX, or no step where gradients are not observed
  kSeparableHeight,       // kHeight
  kSeparableUnexplained,  // log of kUnexplained
  kToQuadratic,           // σ kCentreX

  kSeparableMeanUnexplained,  // the run's: log of the mean of kUnexplained,
  kQuadraticUnexplained,      // and of what the quadratic surrogate leaves unexplained
  kFeatures
};
static_assert(kFeatures == 64);

/// Shares of a new sample in the averages over a run, in (0, 1].
struct Shares {
  float window[kWindows];        ///< in the means, variances and covariances of each window
  float value_change[kWindows];  ///< f over its mean in the window before, as a share of the range
  float elite;
  float mean5, mean9, square;
};

/// Sums over the coordinates, one after the other.
struct Sums {
  float distance_square = 0;  ///< of (kBestX - kX)²
  float variance = 0;         ///< of x, in the last window
};

/// Takes kX and kG into the averages: kMean5, kMean9, kSquare, kEliteX and the windows' (West 1979). State [kFields,
/// padded], `padded` a multiple of kLanes. Coordinates that are padding stay zero if they have been.
Sums update_statistics(const Shares& shares, float* state, std::size_t padded);

/// What the features of all coordinates have in common.
struct RunSummary {
  float gradient_size = 1;               ///< the pooled size of gradients, > 0
  float value_deviation[kWindows] = {};  ///< of f in each window, as a share of its range
  float decay = 1;                       ///< of the annealed gradient steps
  float spectral = 0;                    ///< the length of the spectral step over the gradient, <= 1e30
  int probe = 1;                         ///< number of the next probe
  bool gradient = true;                  ///< whether gradients are observed
  float features[kFeatures];             ///< the run's, at their places; the others count for nothing
};

/// Writes the features of the first m >= 1 coordinates, kFeatures numbers each, `stride` >= kFeatures apart; cut to [-2, 2],
/// a NaN stays one. State [kFields, padded], `padded` at least m and a multiple of kLanes: what lies beyond m is read and
/// has no effect.
void write_features(const float* state, std::size_t padded, std::size_t m, const RunSummary& run, float* features,
                    std::size_t stride = kFeatures);

}  // namespace scout::kernel::coordinate
