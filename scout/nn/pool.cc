#include "scout/nn/pool.h"

#include <algorithm>
#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "scout/nn/pool.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace scout::kernel::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Calls body(d, first row, end, column, state) for every state and every piece of its columns, with a tag of vectors that
/// fit: the widest, then of one number.
template <class Body>
HWY_INLINE void for_pieces(const int* begin, int states, int width, const Body& body) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> one;
  const auto lanes = static_cast<std::ptrdiff_t>(hn::Lanes(d));
  for (std::ptrdiff_t s = 0; s < states; ++s) {
    std::ptrdiff_t column = 0;
    for (; column + lanes <= width; column += lanes) body(d, begin[s], begin[s + 1], column, s);
    for (; column < width; ++column) body(one, begin[s], begin[s + 1], column, s);
  }
}

void pool(const float* x, const int* begin, int states, int width, bool mean, float* out) {
  for_pieces(begin, states, width, [&](auto d, std::ptrdiff_t row, std::ptrdiff_t end, std::ptrdiff_t column, auto s) {
    const float share = mean ? 1.0F / static_cast<float>(end - row) : 1.0F;
    auto sum = hn::Zero(d);
    for (; row < end; ++row) sum = hn::Add(sum, hn::LoadU(d, x + row * width + column));
    hn::StoreU(hn::Mul(sum, hn::Set(d, share)), d, out + s * width + column);
  });
}

void add_pooled_relu(const float* pooled, const int* begin, int states, int width, float* y) {
  for_pieces(begin, states, width, [&](auto d, std::ptrdiff_t row, std::ptrdiff_t end, std::ptrdiff_t column, auto s) {
    const auto part = hn::LoadU(d, pooled + s * width + column);
    for (; row < end; ++row) {
      float* at = y + row * width + column;
      const auto sum = hn::Add(hn::LoadU(d, at), part);
      hn::StoreU(hn::IfThenElseZero(hn::Gt(sum, hn::Zero(d)), sum), d, at);
    }
  });
}

void add_mean_gradient_relu(const float* d_mean, const int* begin, int states, int width, const float* activation,
                            float* dy) {
  for_pieces(begin, states, width, [&](auto d, std::ptrdiff_t row, std::ptrdiff_t end, std::ptrdiff_t column, auto s) {
    const auto share = hn::Set(d, 1.0F / static_cast<float>(end - row));
    const auto part = hn::Mul(share, hn::LoadU(d, d_mean + s * width + column));
    for (; row < end; ++row) {
      float* at = dy + row * width + column;
      const auto active = hn::Gt(hn::LoadU(d, activation + row * width + column), hn::Zero(d));
      hn::StoreU(hn::IfThenElseZero(active, hn::Add(hn::LoadU(d, at), part)), d, at);
    }
  });
}

}  // namespace scout::kernel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace scout::kernel {

HWY_EXPORT(pool);
HWY_EXPORT(add_pooled_relu);
HWY_EXPORT(add_mean_gradient_relu);

void pool(const float* x, const int* begin, int states, int width, bool mean, float* out) {
  HWY_DYNAMIC_DISPATCH(pool)(x, begin, states, width, mean, out);
}
void add_pooled_relu(const float* pooled, const int* begin, int states, int width, float* y) {
  HWY_DYNAMIC_DISPATCH(add_pooled_relu)(pooled, begin, states, width, y);
}
void add_mean_gradient_relu(const float* d_mean, const int* begin, int states, int width, const float* activation,
                            float* dy) {
  HWY_DYNAMIC_DISPATCH(add_mean_gradient_relu)(d_mean, begin, states, width, activation, dy);
}

}  // namespace scout::kernel
#endif  // HWY_ONCE
