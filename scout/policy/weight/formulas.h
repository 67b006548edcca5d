// Constants of the fused step that kernel and reference share.
#pragma once

namespace scout::kernel {

inline constexpr float kGradientBound = 1.099511627776e12F;  // 2^40
inline constexpr float kLeastSquare = 1e-24F;
inline constexpr float kCompression[4] = {1.0F, 1.0F, 0.3F, 0.1F};  // c of q_g, q_.9, q_.99, q_.999
inline constexpr float kLogShare = 1.0F / 16.0F;
inline constexpr float kLeastLogStep = -16.0F;
inline constexpr float kGreatestLogStep = 8.0F;
inline constexpr float kStepBound = 32.0F;

/// Rows of the features.
enum Feature : int {
  kGradientFeature,
  kMomentumFeature,  // then two for the longer momenta
  kThetaFeature = kMomentumFeature + 3,
  kGradientSize,
  kMomentumSize,  // of the two longer momenta
  kThetaSize = kMomentumSize + 2,
  kAgreement,  // of g with m_.9, and of m_.9 with m_.99
  kLogSize = kAgreement + 2,
};

}  // namespace scout::kernel
