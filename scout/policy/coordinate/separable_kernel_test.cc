#include "scout/policy/coordinate/separable_surrogate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "scout/base/random.h"
#include "scout/nn/test_targets.h"

namespace scout::kernel {
namespace {

struct Plain {
  float x, g;
  std::int32_t time;
};

/// One coordinate, by the words of separable_surrogate.h.
struct Reference {
  std::vector<Plain> samples;

  float insert(const Plain& sample) {
    const auto above =
        std::upper_bound(samples.begin(), samples.end(), sample.x, [](float x, const Plain& s) { return x < s.x; });
    float predicted = 0;
    if (!samples.empty() && above == samples.begin()) predicted = above->g;
    if (!samples.empty() && above == samples.end()) predicted = above[-1].g;
    if (above != samples.begin() && above != samples.end()) {
      const float part = (sample.x - above[-1].x) / (above->x - above[-1].x);
      predicted = above[-1].g + part * (above->g - above[-1].g);
    }
    samples.insert(above, sample);
    return predicted;
  }
  void remove(std::int32_t time) {
    samples.erase(std::find_if(samples.begin(), samples.end(), [=](const Plain& s) { return s.time == time; }));
  }
  /// minimum, least, greatest, here.
  std::array<double, 4> integrate(float last) const {
    double potential = 0;
    std::array<double, 4> out{static_cast<double>(samples[0].x), 0, 0, 0};
    auto consider = [&](double value, double place) {
      if (value < out[1]) out[0] = place, out[1] = value;
    };
    for (std::size_t k = 1; k < samples.size(); ++k) {
      const double ax = static_cast<double>(samples[k - 1].x), bx = static_cast<double>(samples[k].x);
      const double ag = static_cast<double>(samples[k - 1].g), bg = static_cast<double>(samples[k].g);
      if (ag < 0 && bg > 0) {
        const double part = ag / (ag - bg);
        consider(potential + 0.5 * ag * part * (bx - ax), ax + part * (bx - ax));
      }
      potential += 0.5 * (ag + bg) * (bx - ax);
      consider(potential, bx);
      out[2] = std::max(out[2], potential);
      if (samples[k].x == last) out[3] = potential;
    }
    return out;
  }
};

TEST(SeparableKernel, AgreesWithPlainLoopsOnEveryTarget) {
  on_every_target([] {
    constexpr std::size_t kCapacity = 20;
    std::vector<SurrogateSample> samples(kCapacity + 1);
    std::array<Reference, kSurrogateLanes> reference;
    std::size_t count = 0;
    Random random(Seed(1));
    for (std::int32_t t = 0; t < 50; ++t) {
      SurrogateSample sample;
      std::array<float, kSurrogateLanes> expected;
      for (std::size_t l = 0; l < kSurrogateLanes; ++l) {
        // The even coordinates take few places, so that samples meet; the odd
        // ones never the same twice.
        sample.x[l] = l % 2 == 0 ? static_cast<float>(random.index(6)) : static_cast<float>(random.normal());
        sample.g[l] = static_cast<float>(random.normal());
        sample.time[l] = t;
        expected[l] = reference[l].insert({sample.x[l], sample.g[l], t});
      }
      const SurrogateProfile profile = add_sample(sample, samples.data(), count, kCapacity);
      for (std::size_t l = 0; l < kSurrogateLanes; ++l) ASSERT_NEAR(profile.predicted[l], expected[l], 1e-5F) << t;
      if (++count > kCapacity) {
        for (Reference& r : reference) r.remove(t - static_cast<std::int32_t>(kCapacity));
        --count;
      }
      for (std::size_t l = 0; l < kSurrogateLanes; ++l) {
        for (std::size_t k = 0; k < count; ++k) {
          ASSERT_EQ(samples[k].x[l], reference[l].samples[k].x);
          ASSERT_EQ(samples[k].g[l], reference[l].samples[k].g);
          ASSERT_EQ(samples[k].time[l], reference[l].samples[k].time);
        }
        const auto [place, low, high, at] = reference[l].integrate(sample.x[l]);
        ASSERT_NEAR(profile.minimum[l], place, 1e-4) << t;
        ASSERT_NEAR(profile.least[l], low, 1e-5);
        ASSERT_NEAR(profile.greatest[l], high, 1e-5);
        ASSERT_NEAR(profile.here[l], at, 1e-5);
      }
    }
  });
}

}  // namespace
}  // namespace scout::kernel
