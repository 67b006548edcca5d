// The fused step of the rule "weight": features, network, update and state of every weight in one pass over memory.
//
// One small perceptron is shared by all weights of all tensors. What is specific to a tensor or to the run (its size, the
// progress) is constant over a tensor and step, and enters through the biases alone: the caller folds it in
// (WeightRule), so that a weight costs the perceptron's multiplications and little more.
//
// Per weight, with g the gradient times `gradient_scale` (0 if not finite, |g| <= 2^40), β = .9, .99, .999 and corrections
// 1/(1 - β^t):
//
//   m_β <- m_β + (1 - β)(g - m_β)      v <- v + .001 (g² - v)        kept as bfloat16
//   s = sqrt(v^ + 1e-24)               p_β = m_β^ / s                 v^, m_β^: bias-corrected, as in Adam
//   q = p / (c + |p|)                  for g/s (c = 1), p_.9 (1), p_.99 (.3), p_.999 (.1): c is four times the spread of
//                                      noise, but for the first
//   τ = θ / (ρ + |θ|)                  ρ: the tensor's scale
//   ℓ = clip((log2(s²) - log2(S²)) / 16, ±1), S the tensor's s; log2 interpolated between powers of two
//
//   features  σ·(q_g, q_.9, q_.99, q_.999, τ), |q_g|, |q_.99|, |q_.999|, |τ|, q_g q_.9, q_.9 q_.99, ℓ      σ = sign(m_.9)
//   u         the perceptron's outputs, ReLU between layers
//   D = |p_.9| + u_0 |q_.9| + σ (u_2 q_g + u_3 p_.99 + u_4 p_.999 + u_5 τ)
//   Δ = -σ · step · clip(2^clip(u_1, -16, 8) · D, ±32)          θ <- θ + (Δ - decay · θ)
//
// So outputs zero is Adam with steps relative to ρ, and a weight and its mirror image move alike. A weight that never had a
// gradient can move along τ only.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace scout {

/// Consecutive weights of a tensor.
struct WeightPiece {
  float* theta = nullptr;           ///< [n]
  const float* gradient = nullptr;  ///< [n]; what is not finite counts as 0
  void* state = nullptr;            ///< of the layout's type: number k of weight i is element k · stride + i
  std::size_t stride = 0;
  /// If not null, [n], receives θ' - θ, and `theta` is left as it is: for weights that are kept in another precision.
  float* delta = nullptr;
  std::size_t first = 0;  ///< index of the first weight within its tensor: dither depends on it
};

namespace kernel {

inline constexpr int kFeatures = 12;
inline constexpr int kOutputs = 6;
inline constexpr int kMomenta = 3;
inline constexpr float kDecays[kMomenta] = {0.9F, 0.99F, 0.999F};
inline constexpr float kSquareDecay = 0.999F;
inline constexpr float kGradientBound = 1.099511627776e12F;  // 2^40
inline constexpr float kLeastSquare = 1e-24F;
inline constexpr float kCompression[4] = {1.0F, 1.0F, 0.3F, 0.1F};  // c of q_g, q_.9, q_.99, q_.999
inline constexpr float kLogShare = 1.0F / 16.0F;
inline constexpr float kLeastLogStep = -16.0F;
inline constexpr float kGreatestLogStep = 8.0F;
inline constexpr float kStepBound = 32.0F;
inline constexpr int kMostLayers = 4;   ///< hidden layers and the output layer
inline constexpr int kMostHidden = 64;  ///< widest layer

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

// bfloat16 is the upper half of a float, rounded with dither: an average with decay .999 moves by a thousandth of itself a
// step, less than the spacing of bfloat16 (1/128 to 1/256): with rounding to nearest it would stand still. A hash of
// position and step is added below the last bit instead: unbiased, and reproducible whatever the number of threads or the
// instruction set.

inline float from_bfloat16(std::uint16_t x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16); }

/// Rounds to a neighbour, up with the probability that the discarded bits are: `dither` is uniform in [0, 2^16). x: finite.
inline std::uint16_t to_bfloat16(float x, std::uint32_t dither) {
  return static_cast<std::uint16_t>((std::bit_cast<std::uint32_t>(x) + dither) >> 16);
}

/// The key of a step.
inline std::uint32_t step_key(std::int64_t step) { return static_cast<std::uint32_t>(step) * 0x27d4eb2fU; }

/// 32 bits for the weight with this index, as good as random; `key` stands for the step. (Mixing as in MurmurHash3.)
inline std::uint32_t dither_bits(std::uint32_t index, std::uint32_t key) {
  std::uint32_t h = index * 0x9e3779b1U + key;
  h ^= h >> 15;
  h *= 0x85ebca77U;
  h ^= h >> 13;
  return h;
}

/// 32 more bits.
inline std::uint32_t more_dither_bits(std::uint32_t bits) {
  const std::uint32_t h = bits * 0xc2b2ae3dU;
  return h ^ (h >> 16);
}

/// An affine layer. `weight`: packed, see `pack_weights`; `bias` [out].
struct Layer {
  int in = 0;
  int out = 0;
  const float* weight = nullptr;
  const float* bias = nullptr;
};

/// A perceptron from kFeatures inputs to kOutputs outputs; ReLU between its layers.
struct StepMlp {
  int layers = 0;
  Layer layer[kMostLayers];
};

/// What is constant over a tensor and step.
struct StepConstants {
  float gradient_scale = 1;
  float correction[kMomenta] = {1, 1, 1};  ///< of the momenta: 1/(1 - β^t)
  float square_correction = 1;             ///< of v
  float scale = 1;                         ///< ρ > 0
  float square_size = 1;                   ///< S² > 0
  float step = 0;                          ///< step of a weight with D = 1
  float decay = 0;                         ///< share of θ that decoupled weight decay takes away
  std::uint32_t key = 0;                   ///< of the dither that rounds the state; another one for each step
};

/// The averages that are kept of a piece, in bfloat16: number k < kMomenta of the gradient, kMomenta of its square.
inline std::uint16_t* average_of(const WeightPiece& piece, int k) {
  return static_cast<std::uint16_t*>(piece.state) + static_cast<std::size_t>(k) * piece.stride;
}

/// Sums over a piece.
struct StepSums {
  double update_square = 0;     ///< (Δ/step)²
  double momentum_square = 0;   ///< m_.9^²
  std::int64_t non_finite = 0;  ///< gradients taken as 0

  template <class Archive>
  void visit(Archive& a) {
    a(update_square, momentum_square, non_finite);
  }
};

struct TensorSums {
  double theta_square = 0;
  double gradient_square = 0;
  std::int64_t non_finite = 0;  ///< gradients taken as 0
};

/// Sums of squares in double precision, which cannot overflow; what is not finite counts as 0.
TensorSums tensor_sums(const float* theta, const float* gradient, std::size_t n);

/// One step of `n` weights. The result for a weight depends on nothing but its own values, `first` + its position, and the
/// arguments that are constant: cutting a tensor into pieces changes no bit of θ and of the state.
///
/// Every SIMD target and the reference leave the same state, bit by bit. Δ differs by less than 3.2e-4 · step, a hundred
/// thousandth of its bound, from the order of roundings in the network's sums (tested for layers of up to 64 with weights
/// and outputs of ordinary size).
StepSums weight_step(const StepMlp& network, const StepConstants& constants, const WeightPiece& piece, std::size_t n);

/// What the step sees of one weight.
struct WeightView {
  std::array<float, kFeatures> features;
  float sign;                     ///< σ
  std::array<float, 4> p;         ///< of g and the momenta, towards σ
  std::array<float, kMomenta> m;  ///< the momenta, g taken in
  float v;                        ///< the second moment, g taken in
  bool finite;                    ///< whether the gradient was
};

/// Weight `i` of a piece, as it is before the step: by plain arithmetic, for teachers that want to know what the network
/// saw.
WeightView view(const StepConstants& constants, const WeightPiece& piece, std::size_t i);

/// Packs row-major weights w [out, in] of a layer into groups of outputs.
std::vector<float> pack_weights(const std::vector<float>& w, int in, int out);

/// The instruction set in use: "AVX3", "AVX2", "SSE4", "NEON", ...
const char* target_name();

/// Multiply-adds of the network for one weight.
std::int64_t multiply_adds(const StepMlp& network);

}  // namespace kernel
}  // namespace scout
