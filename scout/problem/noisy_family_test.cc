#include "scout/problem/noisy_family.h"

#include <gtest/gtest.h>

#include <cmath>

#include "scout/problem/catalog/family.h"

namespace scout {
namespace {

constexpr int kDimension = 4;
constexpr std::size_t kM = kDimension;

TEST(NoisyFamily, IsTheNoiselessInstanceSeenThroughNoise) {
  const auto clean = family("rastrigin-rotated")->sample(Split::train, 5, kDimension);
  const auto noisy = family("rastrigin-rotated-noisy")->sample(Split::train, 5, kDimension);
  Random random(Seed(1));
  std::vector<double> theta(kM);
  noisy->sample_start(random, theta);
  double f;
  noisy->evaluate(theta, {&f, 1}, {});
  EXPECT_EQ(noisy->true_value(theta), clean->true_value(theta));
  EXPECT_NE(f, clean->true_value(theta));
  EXPECT_EQ(noisy->optimum_value(), clean->optimum_value());
  EXPECT_EQ(noisy->true_value(noisy->optimum()), *noisy->optimum_value());
}

TEST(NoisyFamily, NoiseIsCentredWhiteAndOfTheDocumentedLevel) {
  const auto clean = family("sphere")->sample(Split::test, 0, kDimension);
  const auto noisy = family("sphere-noisy")->sample(Split::test, 0, kDimension);
  constexpr std::size_t count = 4000;
  Random random(Seed(2));
  std::vector<double> theta(count * kM);
  for (std::size_t b = 0; b < count; ++b) noisy->sample_start(random, std::span(theta).subspan(b * kM, kM));
  std::vector<double> f(count), noisy_f(count), gradient(count * kM), noisy_gradient(count * kM);
  clean->evaluate(theta, f, gradient);
  noisy->evaluate(theta, noisy_f, noisy_gradient);

  auto moments = [](const std::vector<double>& noisy_values, const std::vector<double>& values, std::size_t begin,
                    std::size_t stride) {
    double sum = 0.0, square = 0.0, level = 0.0, mean = 0.0;
    const double n = static_cast<double>(values.size() / stride);
    for (std::size_t i = begin; i < values.size(); i += stride) {
      const double noise = noisy_values[i] - values[i];
      sum += noise;
      square += noise * noise;
      level += values[i] * values[i];
      mean += values[i];
    }
    struct Moments {
      double mean, deviation, value_deviation, value_rms;
    };
    return Moments{sum / n, std::sqrt(square / n), std::sqrt(level / n - mean * mean / n / n), std::sqrt(level / n)};
  };
  const auto of_f = moments(noisy_f, f, 0, 1);
  EXPECT_LT(std::abs(of_f.mean), 4 * of_f.deviation / std::sqrt(count));
  const double level = of_f.deviation / of_f.value_deviation;
  EXPECT_GT(level, 0.007);
  EXPECT_LT(level, 0.4);
  for (std::size_t i = 0; i < kM; ++i) {
    const auto of_g = moments(noisy_gradient, gradient, i, kM);
    EXPECT_LT(std::abs(of_g.mean), 4 * of_g.deviation / std::sqrt(count));
    EXPECT_NEAR(of_g.deviation / of_g.value_rms / level, 1.0, 0.4);  // the same level, up to 64 points' estimates of scale
  }
  double correlation = 0.0;
  for (std::size_t b = 0; b < count; ++b) {
    correlation += (noisy_gradient[b * kM] - gradient[b * kM]) * (noisy_gradient[b * kM + 1] - gradient[b * kM + 1]);
  }
  const double deviation = moments(noisy_gradient, gradient, 0, kM).deviation;
  EXPECT_LT(std::abs(correlation / count), 4 * deviation * deviation / std::sqrt(count));
}

TEST(NoisyFamily, NoiseDependsOnTheBitsOfThetaOnly) {
  const auto noisy = family("sphere-noisy")->sample(Split::test, 1, 2);
  auto value = [&](double x, double y) {
    double f;
    noisy->evaluate(std::vector<double>{x, y}, {&f, 1}, {});
    return f - noisy->true_value(std::vector<double>{x, y});
  };
  EXPECT_EQ(value(0.5, 1.0), value(0.5, 1.0));
  EXPECT_EQ(value(0.0, 1.0), value(-0.0, 1.0));
  EXPECT_NE(value(0.5, 1.0), value(std::nextafter(0.5, 1.0), 1.0));
  EXPECT_NE(value(0.5, 1.0), value(1.0, 0.5));
}

}  // namespace
}  // namespace scout
