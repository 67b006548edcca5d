// What one core can do, for shares of it.
#include <cstdint>
#include <vector>

#include "benchmarks/measure.h"

#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "benchmarks/peak.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace scout::benchmark::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Multiply-adds done: twelve independent sums hide the latency.
double multiply_adds(std::int64_t rounds) {
  const hn::ScalableTag<float> d;
  const auto x = hn::Set(d, 0.999F);
  const auto y = hn::Set(d, 1e-3F);
  // Different starts, or the compiler finds out that the sums are all the same.
  const auto start = [&](float value) HWY_ATTR { return hn::Set(d, value); };
  auto a = start(0.1F), b = start(0.2F), c = start(0.3F), e = start(0.4F), f = start(0.5F), g = start(0.6F), h = start(0.7F),
       i = start(0.8F), j = start(0.9F), k = start(1.0F), l = start(1.1F), m = start(1.2F);
  for (std::int64_t r = 0; r < rounds; ++r) {
    a = hn::MulAdd(a, x, y), b = hn::MulAdd(b, x, y), c = hn::MulAdd(c, x, y), e = hn::MulAdd(e, x, y);
    f = hn::MulAdd(f, x, y), g = hn::MulAdd(g, x, y), h = hn::MulAdd(h, x, y), i = hn::MulAdd(i, x, y);
    j = hn::MulAdd(j, x, y), k = hn::MulAdd(k, x, y), l = hn::MulAdd(l, x, y), m = hn::MulAdd(m, x, y);
  }
  const auto sum = hn::Add(hn::Add(hn::Add(a, b), hn::Add(c, e)),
                           hn::Add(hn::Add(hn::Add(f, g), hn::Add(h, i)), hn::Add(hn::Add(j, k), hn::Add(l, m))));
  volatile float sink = hn::GetLane(hn::SumOfLanes(d, sum));  // keeps the loop
  static_cast<void>(sink);
  return 12.0 * static_cast<double>(rounds) * static_cast<double>(hn::Lanes(d));
}

void triad(float* a, const float* b, const float* c, std::size_t n) {
  const hn::ScalableTag<float> d;
  const auto s = hn::Set(d, 0.5F);
  for (std::size_t i = 0; i < n; i += hn::Lanes(d)) {
    hn::StoreU(hn::MulAdd(s, hn::LoadU(d, c + i), hn::LoadU(d, b + i)), d, a + i);
  }
}

}  // namespace scout::benchmark::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace scout::benchmark {
HWY_EXPORT(multiply_adds);
HWY_EXPORT(triad);

double multiply_adds_per_second() {
  double done = 0;
  const double seconds = seconds_of([&] { done = HWY_DYNAMIC_DISPATCH(multiply_adds)(4'000'000); });
  return done / seconds;
}

double bytes_per_second() {
  constexpr std::size_t kSize = (128U << 20U) / (3 * sizeof(float)) / 64 * 64;
  static std::vector<float> a(kSize), b(kSize, 1.0F), c(kSize, 2.0F);
  return 3.0 * sizeof(float) * kSize / seconds_of([&] { HWY_DYNAMIC_DISPATCH(triad)(a.data(), b.data(), c.data(), kSize); });
}

}  // namespace scout::benchmark
#endif  // HWY_ONCE
