#include "scout/policy/weight/weight_step.h"

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "scout/base/random.h"
#include "scout/policy/weight/test_reference.h"

namespace scout::kernel {
namespace {

/// A perceptron with normal weights of the given spread.
struct RandomNetwork {
  explicit RandomNetwork(std::vector<int> hidden, float spread, Seed seed = Seed(1)) {
    std::vector<int> sizes = std::move(hidden);
    sizes.insert(sizes.begin(), kFeatures);
    sizes.push_back(kOutputs);
    Random random(seed);
    const auto fill = [&](std::vector<float>& x) {
      for (float& w : x) w = spread * static_cast<float>(random.normal());
    };
    weights.resize(sizes.size() - 1);
    biases.resize(sizes.size() - 1);
    for (std::size_t l = 0; l + 1 < sizes.size(); ++l) {
      std::vector<float> w(static_cast<std::size_t>(sizes[l] * sizes[l + 1]));
      fill(w);
      weights[l] = pack_weights(w, sizes[l], sizes[l + 1]);
      biases[l].resize(static_cast<std::size_t>(sizes[l + 1]));
      fill(biases[l]);
      network.layer[l] = {sizes[l], sizes[l + 1], weights[l].data(), biases[l].data()};
    }
    network.layers = static_cast<int>(weights.size());
  }
  StepMlp network;
  std::vector<std::vector<float>> weights, biases;
};

/// A tensor with its state, in arrays that are not aligned.
struct Tensor {
  explicit Tensor(std::size_t n, Seed seed = Seed(2)) : size(n), theta(n + 1), gradient(n + 1), state(4 * n + 1) {
    Random random(seed);
    for (float& x : theta) x = 0.1F * static_cast<float>(random.normal());
    draw_gradient(random);
  }
  void draw_gradient(Random& random) {
    for (float& x : gradient) x = static_cast<float>(random.normal());
  }
  WeightPiece piece() { return {theta.data() + 1, gradient.data() + 1, state.data() + 1, size}; }
  std::size_t size;
  std::vector<float> theta, gradient;
  std::vector<std::uint16_t> state;
};

StepConstants constants_of(int step) {  // step counts from 1
  StepConstants out;
  out.gradient_scale = 0.5F;
  for (int k = 0; k < kMomenta; ++k) {
    out.correction[k] = 1.0F / (1.0F - std::pow(kDecays[k], static_cast<float>(step)));
  }
  out.square_correction = 1.0F / (1.0F - std::pow(kSquareDecay, static_cast<float>(step)));
  out.scale = 0.1F;
  out.square_size = 0.3F;
  out.step = 1e-3F;
  out.decay = 1e-4F;
  out.key = 12345U * static_cast<std::uint32_t>(step);
  return out;
}

/// Runs the body once with every instruction set of this machine.
template <class Body>
void for_each_target(Body&& body) {
  const std::int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
  for (std::int64_t bit = 1; bit > 0 && bit <= targets; bit <<= 1) {
    if ((targets & bit) == 0) continue;
    hwy::SetSupportedTargetsForTest(bit);
    SCOPED_TRACE(target_name());
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
}

/// The stated bound: of Δ, and of the rounding of θ + Δ.
float tolerance(float theta, float step) { return 1e-5F * step * 32 + 1.2e-7F * std::fabs(theta); }

void expect_agreement(const StepMlp& network, std::size_t n, int steps, void (*spoil)(Tensor&)) {
  Tensor fast(n);
  if (spoil != nullptr) spoil(fast);
  Tensor plain = fast;
  for (int t = 1; t <= steps; ++t) {
    const StepConstants constants = constants_of(t);
    const StepSums a = weight_step(network, constants, fast.piece(), n);
    const StepSums b = reference::weight_step(network, constants, plain.piece(), n);
    ASSERT_EQ(fast.state, plain.state) << "step " << t;
    for (std::size_t i = 0; i <= n; ++i) {
      ASSERT_NEAR(fast.theta[i], plain.theta[i], tolerance(plain.theta[i], constants.step))
          << "weight " << i << ", step " << t;
    }
    EXPECT_EQ(a.non_finite, b.non_finite);
    EXPECT_NEAR(a.update_square, b.update_square, 1e-4 * b.update_square + 1e-12);
    EXPECT_NEAR(a.momentum_square, b.momentum_square, 1e-4 * b.momentum_square);
    plain.theta = fast.theta;  // else differences would add up
  }
}

TEST(NetworkStep, AgreesWithTheReferenceForEverySizeAndTarget) {
  const RandomNetwork small({16, 16}, 0.2F);
  for_each_target([&] {
    for (std::size_t n = 0; n <= 3 * 16 + 1; ++n) expect_agreement(small.network, n, 2, nullptr);
    for (std::size_t n : {127, 128, 129, 255, 256, 257, 1000}) expect_agreement(small.network, n, 3, nullptr);
  });
}

TEST(NetworkStep, AgreesForEveryShapeOfNetwork) {
  for_each_target([&] {
    for (const std::vector<int>& hidden :
         std::vector<std::vector<int>>{{}, {1}, {7}, {4, 9}, {32, 32}, {64, 64}, {8, 8, 8}}) {
      const RandomNetwork network(hidden, 0.15F);
      expect_agreement(network.network, 150, 2, nullptr);
    }
  });
}

TEST(NetworkStep, AgreesForZerosDenormalsAndWhatIsNotFinite) {
  const RandomNetwork network({16, 16}, 0.2F);
  for_each_target([&] {
    expect_agreement(network.network, 300, 3, [](Tensor& tensor) {
      constexpr float kInfinity = std::numeric_limits<float>::infinity();
      const std::vector<float> odd{0.0F,   -0.0F, 1e-45F, -1e-42F,   1e-30F,     1e-20F,
                                   -1e15F, 1e37F, -3e38F, kInfinity, -kInfinity, std::nanf("")};
      for (std::size_t i = 0; i < tensor.gradient.size(); i += 3) tensor.gradient[i] = odd[i / 3 % odd.size()];
      for (std::size_t i = 0; i < tensor.theta.size(); i += 4) tensor.theta[i] = odd[i / 4 % 6];
    });
  });
}

TEST(NetworkStep, NonFiniteGradientsCountAsZero) {
  const RandomNetwork network({16, 16}, 0.2F);
  Tensor spoilt(200);
  Tensor zero = spoilt;
  for (std::size_t i : {1, 17, 100, 200}) {
    spoilt.gradient[i] = i == 17 ? std::nanf("") : std::numeric_limits<float>::infinity();
    zero.gradient[i] = 0;
  }
  EXPECT_EQ(weight_step(network.network, constants_of(1), spoilt.piece(), 200).non_finite, 4);
  EXPECT_EQ(weight_step(network.network, constants_of(1), zero.piece(), 200).non_finite, 0);
  EXPECT_EQ(spoilt.theta, zero.theta);
  EXPECT_EQ(spoilt.state, zero.state);
}

TEST(NetworkStep, CuttingIntoPiecesChangesNoBit) {
  const RandomNetwork network({16, 16}, 0.2F);
  for_each_target([&] {
    Tensor whole(777);
    Tensor cut = whole;
    for (int t = 1; t <= 3; ++t) {
      weight_step(network.network, constants_of(t), whole.piece(), 777);
      for (std::size_t begin = 0, n = 1; begin < 777; begin += n, n = std::min<std::size_t>(2 * n + 13, 777 - begin)) {
        WeightPiece piece = cut.piece();
        piece.theta += begin;
        piece.gradient += begin;
        piece.state = average_of(piece, 0) + begin;
        piece.first = begin;
        weight_step(network.network, constants_of(t), piece, n);
      }
    }
    EXPECT_EQ(whole.theta, cut.theta);
    EXPECT_EQ(whole.state, cut.state);
  });
}

TEST(NetworkStep, ZeroOutputsAreAdamRelativeToTheScale) {
  const RandomNetwork zero({16, 16}, 0.0F);
  Tensor tensor(500);
  std::vector<double> m(501), v(501), theta(tensor.theta.begin(), tensor.theta.end());
  Random random(Seed(3));
  for (int t = 1; t <= 300; ++t) {
    StepConstants constants = constants_of(t);
    constants.gradient_scale = 1;
    constants.decay = 0;
    tensor.draw_gradient(random);
    weight_step(zero.network, constants, tensor.piece(), 500);
    for (std::size_t i = 1; i <= 500; ++i) {
      const double g = tensor.gradient[i];
      m[i] += 0.1 * (g - m[i]);
      v[i] += 0.001 * (g * g - v[i]);
      theta[i] -= 1e-3 * m[i] / (1 - std::pow(0.9, t)) / std::sqrt(v[i] / (1 - std::pow(0.999, t)));
    }
  }
  // 300 steps of up to 1e-3 each; what differs is the rounding of the state to bfloat16.
  for (std::size_t i = 1; i <= 500; ++i) EXPECT_NEAR(tensor.theta[i], theta[i], 1.5e-3);
}

TEST(NetworkStep, MirrorImagesMoveAlike) {
  const RandomNetwork network({16, 16}, 0.2F);
  for_each_target([&] {
    Tensor tensor(300);
    Tensor mirror = tensor;
    Random random(Seed(4));
    for (int t = 1; t <= 5; ++t) {
      tensor.draw_gradient(random);
      std::transform(tensor.theta.begin(), tensor.theta.end(), mirror.theta.begin(), std::negate());
      std::transform(tensor.gradient.begin(), tensor.gradient.end(), mirror.gradient.begin(), std::negate());
      weight_step(network.network, constants_of(t), tensor.piece(), 300);
      weight_step(network.network, constants_of(t), mirror.piece(), 300);
      for (std::size_t i = 1; i <= 300; ++i) ASSERT_EQ(tensor.theta[i], -mirror.theta[i]);
    }
  });
}

TEST(NetworkStep, OnlyTheProductOfGradientAndItsScaleMatters) {
  const RandomNetwork network({16, 16}, 0.2F);
  Tensor tensor(300);
  Tensor large = tensor;
  for (float& g : large.gradient) g *= 0x1p40F;
  StepConstants constants = constants_of(1);
  weight_step(network.network, constants, tensor.piece(), 300);
  constants.gradient_scale *= 0x1p-40F;
  weight_step(network.network, constants, large.piece(), 300);
  EXPECT_EQ(tensor.theta, large.theta);
  EXPECT_EQ(tensor.state, large.state);
}

TEST(NetworkStep, GivesTheDifferenceInsteadIfAsked) {
  const RandomNetwork network({16, 16}, 0.2F);
  for (std::size_t n : {5, 128, 200}) {
    Tensor tensor(n);
    Tensor other = tensor;
    const std::vector<float> before = tensor.theta;
    std::vector<float> delta(n);
    WeightPiece piece = tensor.piece();
    piece.delta = delta.data();
    weight_step(network.network, constants_of(1), piece, n);
    weight_step(network.network, constants_of(1), other.piece(), n);
    EXPECT_EQ(tensor.theta, before);
    EXPECT_EQ(tensor.state, other.state);
    for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(before[i + 1] + delta[i], other.theta[i + 1]);
  }
}

TEST(NetworkStep, AveragesInBfloat16FollowThoseInDoublePrecision) {
  // Rounding to nearest would leave an average with decay .999 where it is once it is within a few tenths of the truth.
  const RandomNetwork zero({}, 0.0F);
  Tensor tensor(2000);
  std::vector<double> m(2001), v(2001);
  Random random(Seed(5));
  for (int t = 1; t <= 3000; ++t) {
    StepConstants constants = constants_of(t);
    constants.gradient_scale = 1;
    for (float& g : tensor.gradient) g = static_cast<float>(1 + 0.3 * random.normal()) * (t > 1500 ? 0.3F : 1.0F);
    weight_step(zero.network, constants, tensor.piece(), 2000);
    for (std::size_t i = 1; i <= 2000; ++i) {
      const double g = tensor.gradient[i];
      m[i] += 0.001 * (g - m[i]);
      v[i] += 0.001 * (g * g - v[i]);
    }
  }
  const WeightPiece piece = tensor.piece();
  double m_bias = 0, v_bias = 0, m_square = 0, v_square = 0;
  for (std::size_t i = 0; i < 2000; ++i) {
    const double m_error = from_bfloat16(average_of(piece, 2)[i]) / m[i + 1] - 1;
    const double v_error = from_bfloat16(average_of(piece, kMomenta)[i]) / v[i + 1] - 1;
    m_bias += m_error / 2000;
    v_bias += v_error / 2000;
    m_square += m_error * m_error / 2000;
    v_square += v_error * v_error / 2000;
  }
  EXPECT_NEAR(m_bias, 0, 0.006);  // four standard errors
  EXPECT_NEAR(v_bias, 0, 0.006);
  EXPECT_LT(std::sqrt(m_square), 0.08);  // as much as 1,000 noisy gradients leave uncertain
  EXPECT_LT(std::sqrt(v_square), 0.08);
}

TEST(TensorSums, AgreeWithTheReferenceForEverySizeAndTarget) {
  for_each_target([] {
    for (std::size_t n = 0; n <= 40; ++n) {
      Tensor tensor(n);
      for (std::size_t i = 1; i <= n; i += 5) tensor.gradient[i] = 3e38F;  // whose square is no float
      if (n > 6) tensor.gradient[6] = std::nanf("");
      if (n > 7) tensor.theta[7] = std::numeric_limits<float>::infinity();
      const TensorSums a = tensor_sums(tensor.theta.data() + 1, tensor.gradient.data() + 1, n);
      const TensorSums b = reference::tensor_sums(tensor.theta.data() + 1, tensor.gradient.data() + 1, n);
      EXPECT_NEAR(a.theta_square, b.theta_square, 1e-13 * b.theta_square);
      EXPECT_NEAR(a.gradient_square, b.gradient_square, 1e-13 * b.gradient_square);
      EXPECT_EQ(a.non_finite, b.non_finite);
    }
  });
}

}  // namespace
}  // namespace scout::kernel
