#include "scout/policy/coordinate/features.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "scout/base/random.h"
#include "scout/nn/test_targets.h"
#include "scout/policy/rule/action.h"

namespace scout::kernel::coordinate {
namespace {

std::uint32_t bits(float x) { return std::bit_cast<std::uint32_t>(x); }

float clip(float x) { return std::clamp(x, -2.0F, 2.0F); }

/// A state of m coordinates as it may be in a run, of all sizes and with zeros in it, also beyond the last coordinate.
struct State {
  std::size_t m, padded;
  std::vector<float> values;

  State(std::size_t count, Random& random) : m(count), padded((count + kLanes - 1) / kLanes * kLanes) {
    values.resize(padded * kFields);
    for (float& v : values) {
      v = random.uniform(0, 1) < 0.1 ? 0.0F : static_cast<float>(random.normal() * std::pow(10.0, random.uniform(-8, 2)));
    }
    auto each = [&](int index, auto&& change) {
      for (std::size_t i = 0; i < padded; ++i) at(index, i) = change(at(index, i));
    };
    auto size = [](float x) { return std::abs(x); };
    auto sign = [](float x) { return x < 0.0F ? -1.0F : 1.0F; };
    for (int w = 0; w < kWindows; ++w) {
      each(kWindowXX + w, size);
      each(kWindowGG + w, size);
    }
    for (int index : {kSquare, kWidth, kHeight, kUnexplained}) each(index, size);
    for (int index : {kSign, kDirection}) each(index, sign);
    each(kPhase, [](float x) { return std::abs(x) - std::floor(std::abs(x)); });
  }
  float& at(int index, std::size_t i) { return values[static_cast<std::size_t>(index) * padded + i]; }
  float at(int index, std::size_t i) const { return values[static_cast<std::size_t>(index) * padded + i]; }
};

RunSummary some_run(Random& random) {
  RunSummary run;
  run.gradient_size = static_cast<float>(std::pow(10.0, random.uniform(-6, 3)));
  for (float& deviation : run.value_deviation) deviation = static_cast<float>(random.uniform(0, 1));
  run.decay = static_cast<float>(random.uniform(0, 1));
  run.spectral = static_cast<float>(std::pow(10.0, random.uniform(-3, 5)));
  run.probe = 1 + static_cast<int>(random.index(1000));
  run.gradient = random.uniform(0, 1) < 0.7;
  for (float& feature : run.features) feature = static_cast<float>(1.5 * random.normal());
  return run;
}

/// The features of coordinate i, by the words of coordinate_features.h.
std::vector<float> plain_features(const State& state, std::size_t i, const RunSummary& run) {
  std::vector<float> out(run.features, run.features + kFeatures);
  auto v = [&](int index) { return state.at(index, i); };
  auto squash = [](float x) { return x / (1.0F + 0.3F * std::abs(x)); };
  auto log_ratio = [](float x) { return fast_log2(x + 1e-12F) * 0.1F; };
  const float sigma = v(kSign);
  const float s = std::sqrt(v(kSquare));
  const float pooled = run.gradient_size;
  const float inverse = 1.0F / (s + 1e-6F * pooled + 1e-30F);
  auto scaled = [&](float gradient) { return sigma * squash(gradient * inverse); };
  auto way = [&](float step) { return sigma * encode_step(step); };
  auto way_to = [&](float place) { return way(place - v(kX)); };

  const int averages[] = {kG, kMean5, kMean9, kBestG};
  for (int k = 0; k < 4; ++k) out[static_cast<std::size_t>(kGradient + k)] = scaled(v(averages[k]));
  for (int h = 0; h < kHistory; ++h) {
    out[static_cast<std::size_t>(kGradient + 4 + h)] = scaled(v(kGradients + h));
    out[static_cast<std::size_t>(kLastAction + h)] = sigma * v(kActions + h);
  }
  out[kGradientSize] = log_ratio(std::abs(v(kG)) / pooled);
  out[kGradientSize + 1] = log_ratio(s / pooled);
  out[kToBest] = way_to(v(kBestX));
  out[kToElite] = way_to(v(kEliteX));
  out[kToStart] = way(-v(kX));
  const float change = v(kG) - v(kPreviousG);
  out[kToSecant] = way(-v(kG) * std::abs(v(kStep)) / (std::abs(change) + 1e-6F * pooled + 1e-30F));
  const float direction = v(kStep) > 0 ? 1.0F : v(kStep) < 0 ? -1.0F : 0.0F;
  out[kGradientChange] = squash(3.0F * change * inverse) * direction;
  for (int w = 0; w < kWindows; ++w) {
    float* window = out.data() + w * kWindowFeatures;
    const float xx = v(kWindowXX + w);
    const float xg = v(kWindowXG + w);
    const float deviation = std::sqrt(xx);
    window[kToMean] = way_to(v(kWindowX + w));
    window[kDeviation] = encode_step(deviation);
    const float newton = v(kWindowG + w) * xx / (std::abs(xg) + 1e-9F * pooled + 1e-30F);
    window[kToZero] = way(v(kWindowX + w) - v(kX) - newton);
    window[kStraightness] = xg / (std::sqrt(xx * v(kWindowGG + w)) + 1e-12F * pooled + 1e-30F);
    window[kTrend] = sigma * (v(kWindowXF + w) / (deviation * run.value_deviation[w] + 1e-12F));
    window[kMeanGradient] = scaled(v(kWindowG + w));
  }
  out[kAnnealedGradient] = way(-0.11F * v(kWidth) * (run.decay / pooled) * v(kG));
  out[kAnnealedScaledGradient] = way(-0.035F * v(kWidth) * run.decay * v(kG) * inverse);
  out[kSpectralStep] = way(-std::clamp(run.spectral * v(kG), -1e3F, 1e3F));

  const double a = 2.0 + static_cast<double>(i % 2);
  const double b = 1.0 + static_cast<double>(i / 2 % 4);
  const double sum = static_cast<double>(v(kPhase)) + 1.0 / (a + 1.0 / (b + 0.6180339887498949)) * run.probe;
  const auto along = static_cast<float>(sum - std::floor(sum));
  const float place = v(kDirection) > 0 ? along : 1.0F - along;
  out[kToProbe] = way_to(v(kLower) + (0.5F + 0.9F * (place - 0.5F)) * v(kWidth));
  out[kToSeparable] = run.gradient ? way_to(v(kMinimumX)) : way(0.0F);
  out[kSeparableHeight] = v(kHeight);
  out[kSeparableUnexplained] = log_ratio(v(kUnexplained));
  out[kToQuadratic] = way_to(v(kCentreX));
  std::transform(out.begin(), out.end(), out.begin(), clip);
  return out;
}

TEST(CoordinateFeatures, HaveTheBitsOfThePlainFormulasOnEveryTarget) {
  on_every_target([] {
    Random random(Seed(1));
    int at_bounds = 0;
    for (int round = 0; round < 8; ++round) {
      for (std::size_t m : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 31, 32, 53}) {
        const State state(m, random);
        const RunSummary run = some_run(random);
        std::vector<float> features(m * kFeatures + 1, 7.0F);
        write_features(state.values.data(), state.padded, m, run, features.data());
        for (std::size_t i = 0; i < m; ++i) {
          const std::vector<float> expected = plain_features(state, i, run);
          for (std::size_t j = 0; j < kFeatures; ++j) {
            const float x = features[i * kFeatures + j];
            ASSERT_EQ(bits(x), bits(expected[j])) << "feature " << j << " of coordinate " << i << " of " << m;
            at_bounds += std::abs(x) == 2.0F;
          }
        }
        ASSERT_EQ(features.back(), 7.0F);  // nothing is written beyond the last coordinate
      }
    }
    ASSERT_GT(at_bounds, 1000);
  });
}

TEST(CoordinateFeatures, WhatIsNotFiniteStaysNaNOrIsCut) {
  on_every_target([] {
    Random random(Seed(2));
    State state(16, random);
    RunSummary run = some_run(random);
    const float infinity = std::numeric_limits<float>::infinity();
    const float special[] = {infinity, -infinity, std::numeric_limits<float>::quiet_NaN()};
    for (std::size_t i = 0; i < 16; ++i) {
      state.at(kHeight, i) = special[i % 3];
      state.at(kG, i) = special[i % 3];
    }
    run.features[kElapsed] = special[2];
    run.features[kRange] = special[1];
    std::vector<float> features(16 * kFeatures);
    write_features(state.values.data(), state.padded, 16, run, features.data());
    for (std::size_t i = 0; i < 16; ++i) {
      const std::vector<float> expected = plain_features(state, i, run);
      for (std::size_t j = 0; j < kFeatures; ++j) {
        const float x = features[i * kFeatures + j];
        if (std::isnan(expected[j])) {
          ASSERT_TRUE(std::isnan(x)) << "feature " << j << " of coordinate " << i;
        } else {
          ASSERT_EQ(bits(x), bits(expected[j])) << "feature " << j << " of coordinate " << i;
        }
      }
      ASSERT_TRUE(std::isnan(features[i * kFeatures + kElapsed]));
      ASSERT_EQ(features[i * kFeatures + kRange], -2.0F);
    }
  });
}

/// Of every coordinate in turn, as coordinate_features.h says.
Sums plain_update(const Shares& shares, State& state) {
  Sums sums;
  for (std::size_t i = 0; i < state.padded; ++i) {
    auto v = [&](int index) -> float& { return state.at(index, i); };
    auto approach = [&](int index, float to, float share) { v(index) += share * (to - v(index)); };
    for (int w = 0; w < kWindows; ++w) {
      const float share = shares.window[w];
      const float dx = v(kX) - v(kWindowX + w);
      const float dg = v(kG) - v(kWindowG + w);
      approach(kWindowX + w, v(kX), share);
      approach(kWindowG + w, v(kG), share);
      auto update = [&](int index, float term) { v(index) = (1.0F - share) * (v(index) + term); };
      update(kWindowXX + w, share * dx * dx);
      update(kWindowXG + w, share * dx * dg);
      update(kWindowGG + w, share * dg * dg);
      update(kWindowXF + w, share * dx * shares.value_change[w]);
    }
    approach(kEliteX, v(kX), shares.elite);
    approach(kMean5, v(kG), shares.mean5);
    approach(kMean9, v(kG), shares.mean9);
    approach(kSquare, v(kG) * v(kG), shares.square);
    const float distance = v(kBestX) - v(kX);
    sums.distance_square += distance * distance;
    sums.variance += v(kWindowXX + kWindows - 1);
  }
  return sums;
}

TEST(CoordinateStatistics, HaveTheBitsOfThePlainFormulasOnEveryTarget) {
  on_every_target([] {
    Random random(Seed(3));
    for (std::size_t m : {1, 16, 17, 48, 50}) {
      State state(m, random);
      State expected = state;
      for (int t = 0; t < 20; ++t) {
        Shares shares;
        for (float* share : {&shares.window[0], &shares.window[1], &shares.window[2], &shares.elite, &shares.mean5,
                             &shares.mean9, &shares.square}) {
          *share = static_cast<float>(random.uniform(0, 1));
        }
        for (float& change : shares.value_change) change = static_cast<float>(random.normal());
        for (std::size_t i = 0; i < state.padded; ++i) {
          expected.at(kX, i) = state.at(kX, i) = static_cast<float>(random.normal());
          expected.at(kG, i) = state.at(kG, i) = static_cast<float>(random.normal());
        }
        const Sums sums = update_statistics(shares, state.values.data(), state.padded);
        const Sums expected_sums = plain_update(shares, expected);
        ASSERT_EQ(bits(sums.distance_square), bits(expected_sums.distance_square));
        ASSERT_EQ(bits(sums.variance), bits(expected_sums.variance));
        for (std::size_t k = 0; k < state.values.size(); ++k) {
          ASSERT_EQ(bits(state.values[k]), bits(expected.values[k])) << "field " << k / state.padded << ", step " << t;
        }
      }
    }
  });
}

}  // namespace
}  // namespace scout::kernel::coordinate
