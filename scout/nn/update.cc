#include "scout/nn/update.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "scout/nn/update.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace scout::kernel::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr float kMeanShare = 0.1F;      // 1 - β1
constexpr float kSquareShare = 0.001F;  // 1 - β2
constexpr float kEpsilon = 1e-8F;

void adam(float* HWY_RESTRICT theta, float* HWY_RESTRICT mean, float* HWY_RESTRICT square,
          const float* HWY_RESTRICT gradient, std::size_t n, float rate, float root) {
  const hn::ScalableTag<float> d;
  const auto step = hn::Set(d, rate);
  const auto scale = hn::Set(d, root);
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) {
    const auto g = hn::LoadU(d, gradient + i);
    auto m = hn::LoadU(d, mean + i);
    auto v = hn::LoadU(d, square + i);
    m = hn::MulAdd(hn::Set(d, kMeanShare), hn::Sub(g, m), m);
    v = hn::MulAdd(hn::Set(d, kSquareShare), hn::MulSub(g, g, v), v);
    hn::StoreU(m, d, mean + i);
    hn::StoreU(v, d, square + i);
    const auto size = hn::MulAdd(hn::Sqrt(v), scale, hn::Set(d, kEpsilon));
    hn::StoreU(hn::Sub(hn::LoadU(d, theta + i), hn::Div(hn::Mul(step, m), size)), d, theta + i);
  }
  for (; i < n; ++i) {
    mean[i] += kMeanShare * (gradient[i] - mean[i]);
    square[i] += kSquareShare * (gradient[i] * gradient[i] - square[i]);
    theta[i] -= rate * mean[i] / (std::sqrt(square[i]) * root + kEpsilon);
  }
}

void follow(float* HWY_RESTRICT target, const float* HWY_RESTRICT source, std::size_t n, float rate) {
  const hn::ScalableTag<float> d;
  const auto share = hn::Set(d, rate);
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) {
    const auto t = hn::LoadU(d, target + i);
    hn::StoreU(hn::MulAdd(share, hn::Sub(hn::LoadU(d, source + i), t), t), d, target + i);
  }
  for (; i < n; ++i) target[i] += rate * (source[i] - target[i]);
}

double square_sum(const float* x, std::size_t n) {
#if HWY_HAVE_FLOAT64
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> df;
  auto even = hn::Zero(d);
  auto odd = hn::Zero(d);
  std::size_t i = 0;
  for (; i + 2 * hn::Lanes(d) <= n; i += 2 * hn::Lanes(d)) {
    const auto a = hn::PromoteTo(d, hn::LoadU(df, x + i));
    const auto b = hn::PromoteTo(d, hn::LoadU(df, x + i + hn::Lanes(d)));
    even = hn::MulAdd(a, a, even);
    odd = hn::MulAdd(b, b, odd);
  }
  double sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(even, odd)));
#else
  double sum = 0;
  std::size_t i = 0;
#endif
  for (; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

}  // namespace scout::kernel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace scout {
namespace kernel {

HWY_EXPORT(adam);
HWY_EXPORT(follow);
HWY_EXPORT(square_sum);

void adam(float* theta, float* mean, float* square, const float* gradient, std::size_t n, float rate, float root) {
  HWY_DYNAMIC_DISPATCH(adam)(theta, mean, square, gradient, n, rate, root);
}
void follow(float* target, const float* source, std::size_t n, float rate) {
  HWY_DYNAMIC_DISPATCH(follow)(target, source, n, rate);
}
double square_sum(const float* x, std::size_t n) { return HWY_DYNAMIC_DISPATCH(square_sum)(x, n); }

}  // namespace kernel

void Adam::update(std::vector<float>& parameters, const std::vector<float>& gradient, double learning_rate) {
  constexpr double beta1 = 0.9;
  constexpr double beta2 = 0.999;
  mean.resize(parameters.size(), 0.0F);
  square.resize(parameters.size(), 0.0F);
  ++steps;
  const auto rate = static_cast<float>(learning_rate / (1.0 - std::pow(beta1, static_cast<double>(steps))));
  const auto root = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(beta2, static_cast<double>(steps))));
  kernel::adam(parameters.data(), mean.data(), square.data(), gradient.data(), parameters.size(), rate, root);
}

}  // namespace scout
#endif  // HWY_ONCE
