#include "scout/nn/layers.h"

#include <algorithm>
#include <cstddef>

// Vectors of unknown size cannot be kept in arrays, as the register tiles are.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "scout/nn/layers.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace scout::kernel::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr int kLanes = static_cast<int>(hn::MaxLanes(D()));

/// A register tile has kTileRows rows of the result and two vectors of columns: with a row of B and a broadcast element of A
/// it fills the registers.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_ARCH_ARM_A64
constexpr int kTileRows = 12;
#else
constexpr int kTileRows = 6;
#endif
constexpr int kTileVectors = 2;
/// Rows of B that are packed at once: with as many elements of the rows of A they stay in the first-level cache.
constexpr int kDepth = 256;
/// Numbers of B up to which its rows are read where they lie: they stay in the first-level cache as they are.
constexpr std::ptrdiff_t kCached = 8192;

/// A matrix, rows `stride` apart, or the transpose of what is stored so.
struct Matrix {
  const float* data;
  std::ptrdiff_t stride;
  bool transposed = false;
};

/// A matrix product C [m, n] (+)= A [m, k] B [k, n] and what is done to C on the way.
struct Product {
  int m, n, k;
  Matrix a, b;
  float* c;          // [m, n], dense
  bool add = false;  // to what c holds, else to
  const float* bias = nullptr;
  bool relu = false;
  const float* mask = nullptr;  // as c: c is 0 where this is not greater than 0
};

/// The first `count` numbers at p, then zeros. Reads no others.
HWY_INLINE V load(const float* p, int count) {
  const D d;
  if (count >= kLanes) return hn::LoadU(d, p);
#if HWY_MEM_OPS_MIGHT_FAULT
  alignas(64) float buffer[kLanes] = {};
  std::copy_n(p, count, buffer);
  return hn::Load(d, buffer);
#else
  return hn::MaskedLoad(hn::FirstN(d, static_cast<std::size_t>(count)), d, p);
#endif
}

HWY_INLINE void store(V v, int count, float* p) {
  const D d;
  if (count >= kLanes) return hn::StoreU(v, d, p);
  hn::BlendedStore(v, hn::FirstN(d, static_cast<std::size_t>(count)), d, p);
}

/// Columns [column, column + width) of rows [row, row + depth) of B, as [depth, kVectors · kLanes] with zeros to the right.
template <int kVectors>
HWY_INLINE void pack(const Product& p, int row, int depth, int column, int width, float* HWY_RESTRICT panel) {
  constexpr int kWidth = kVectors * kLanes;
  const D d;
  if (!p.b.transposed) {
    const float* b = p.b.data + row * p.b.stride + column;
    for (int k = 0; k < depth; ++k, b += p.b.stride, panel += kWidth) {
      for (int v = 0; v < kVectors; ++v) {
        hn::Store(load(b + v * kLanes, std::clamp(width - v * kLanes, 0, kLanes)), d, panel + v * kLanes);
      }
    }
    return;
  }
  const float* b = p.b.data + column * p.b.stride + row;
  int j = 0;
#if HWY_TARGET != HWY_SCALAR  // whose vectors cannot hold four
  // Squares of four by four.
  const hn::FixedTag<float, 4> d4;
  const hn::Repartition<double, decltype(d4)> d2;
  for (; j + 4 <= width; j += 4) {
    const float* column0 = b + j * p.b.stride;
    int k = 0;
    for (; k + 4 <= depth; k += 4) {
      const auto r0 = hn::LoadU(d4, column0 + k);
      const auto r1 = hn::LoadU(d4, column0 + p.b.stride + k);
      const auto r2 = hn::LoadU(d4, column0 + 2 * p.b.stride + k);
      const auto r3 = hn::LoadU(d4, column0 + 3 * p.b.stride + k);
      const auto low01 = hn::BitCast(d2, hn::InterleaveLower(d4, r0, r1));
      const auto low23 = hn::BitCast(d2, hn::InterleaveLower(d4, r2, r3));
      const auto high01 = hn::BitCast(d2, hn::InterleaveUpper(d4, r0, r1));
      const auto high23 = hn::BitCast(d2, hn::InterleaveUpper(d4, r2, r3));
      float* to = panel + k * kWidth + j;
      hn::Store(hn::BitCast(d4, hn::InterleaveLower(d2, low01, low23)), d4, to);
      hn::Store(hn::BitCast(d4, hn::InterleaveUpper(d2, low01, low23)), d4, to + kWidth);
      hn::Store(hn::BitCast(d4, hn::InterleaveLower(d2, high01, high23)), d4, to + 2 * kWidth);
      hn::Store(hn::BitCast(d4, hn::InterleaveUpper(d2, high01, high23)), d4, to + 3 * kWidth);
    }
    for (; k < depth; ++k) {
      for (int i = 0; i < 4; ++i) panel[k * kWidth + j + i] = column0[i * p.b.stride + k];
    }
  }
#endif
  for (; j < kWidth; ++j) {
    for (int k = 0; k < depth; ++k) panel[k * kWidth + j] = j < width ? b[j * p.b.stride + k] : 0.0F;
  }
}

// Loops over the vectors of a tile are unrolled by order: the compiler keeps what is left of them rolled in memory.

/// Some columns of B as a tile reads them: rows of kVectors vectors, `stride` apart.
struct Panel {
  const float* data;
  std::ptrdiff_t stride;
};

/// The sums of a tile before its first product, and the tile of C after its last. With kWhole all its columns are in C.
template <bool kWhole, int kRows, int kVectors>
HWY_INLINE void begin_tile(const Product& p, const float* c, int column, bool first, V (&sum)[kRows][kVectors]) {
  HWY_UNROLL(16)
  for (int v = 0; v < kVectors; ++v) {
    const int count = kWhole ? kLanes : std::min(p.n - column - v * kLanes, kLanes);
    if (p.add || !first) {
      HWY_UNROLL(16)
      for (int r = 0; r < kRows; ++r) sum[r][v] = load(c + static_cast<std::ptrdiff_t>(r) * p.n + v * kLanes, count);
    } else {
      const V start = p.bias != nullptr ? load(p.bias + column + v * kLanes, count) : hn::Zero(D());
      HWY_UNROLL(16)
      for (int r = 0; r < kRows; ++r) sum[r][v] = start;
    }
  }
}

template <bool kWhole, int kRows, int kVectors>
HWY_INLINE void end_tile(const Product& p, float* c, int column, bool last, V (&sum)[kRows][kVectors]) {
  const V zero = hn::Zero(D());
  const float* mask = last ? p.mask : nullptr;
  const bool relu = last && p.relu;
  const std::ptrdiff_t stride = p.n;
  HWY_UNROLL(16)
  for (int v = 0; v < kVectors; ++v) {
    const int count = kWhole ? kLanes : std::min(p.n - column - v * kLanes, kLanes);
    float* to = c + v * kLanes;
    if (relu) {
      HWY_UNROLL(16)
      for (int r = 0; r < kRows; ++r) sum[r][v] = hn::IfThenElseZero(hn::Gt(sum[r][v], zero), sum[r][v]);
    }
    if (mask != nullptr) {
      const float* at = mask + (to - p.c);
      HWY_UNROLL(16)
      for (int r = 0; r < kRows; ++r) {
        sum[r][v] = hn::IfThenElseZero(hn::Gt(load(at + r * stride, count), zero), sum[r][v]);
      }
    }
    HWY_UNROLL(16)
    for (int r = 0; r < kRows; ++r) store(sum[r][v], count, to + r * stride);
  }
}

/// Rows [row, row + kRows) of a panel of C, for the elements [depth0, depth0 + depth) of the sums.
template <int kRows, int kVectors, bool kTransposed>
HWY_INLINE void tile(const Product& p, int row, int column, int depth0, int depth, const Panel& panel) {
  const D d;
  const bool whole = p.n - column >= kVectors * kLanes;
  float* c = p.c + static_cast<std::ptrdiff_t>(row) * p.n + column;
  V sum[kRows][kVectors];
  if (whole) {
    begin_tile<true>(p, c, column, depth0 == 0, sum);
  } else {
    begin_tile<false>(p, c, column, depth0 == 0, sum);
  }

  const float* a = kTransposed ? p.a.data + depth0 * p.a.stride + row : p.a.data + row * p.a.stride + depth0;
  const std::ptrdiff_t a_row = kTransposed ? 1 : p.a.stride;
  const std::ptrdiff_t a_next = kTransposed ? p.a.stride : 1;
  const float* b_row = panel.data;
  for (int k = 0; k < depth; ++k, a += a_next, b_row += panel.stride) {
    V b[kVectors];
    HWY_UNROLL(16)
    for (int v = 0; v < kVectors; ++v) b[v] = hn::LoadU(d, b_row + v * kLanes);
    HWY_UNROLL(16)
    for (int r = 0; r < kRows; ++r) {
      const V factor = hn::Set(d, a[r * a_row]);
      HWY_UNROLL(16)
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(factor, b[v], sum[r][v]);
    }
  }

  const bool last = depth0 + depth == p.k;
  if (whole) {
    end_tile<true>(p, c, column, last, sum);
  } else {
    end_tile<false>(p, c, column, last, sum);
  }
}

/// Rows [row, m) of a panel, in tiles as high as they go: 12 or 6 rows, then 8, 4, 2, 1.
template <int kRows, int kVectors, bool kTransposed>
HWY_INLINE void tiles(const Product& p, int row, int column, int depth0, int depth, const Panel& panel) {
  for (; row + kRows <= p.m; row += kRows) tile<kRows, kVectors, kTransposed>(p, row, column, depth0, depth, panel);
  constexpr int kNext = kRows > 8 ? 8 : kRows > 4 ? 4 : kRows / 2;
  if constexpr (kRows > 1) tiles<kNext, kVectors, kTransposed>(p, row, column, depth0, depth, panel);
}

template <int kVectors>
HWY_INLINE void product_of_panel(const Product& p, int column) {
  constexpr int kWidth = kVectors * kLanes;
  alignas(64) float packed[kDepth * kWidth];
  const int width = std::min(p.n - column, kWidth);
  int depth0 = 0;
  do {  // at least once, so that an empty sum is written
    const int depth = std::min(p.k - depth0, kDepth);
    Panel panel{packed, kWidth};
    if (!p.b.transposed && width == kWidth && depth * p.b.stride <= kCached) {
      panel = {p.b.data + depth0 * p.b.stride + column, p.b.stride};
    } else {
      pack<kVectors>(p, depth0, depth, column, width, packed);
    }
    if (p.a.transposed) {
      tiles<kTileRows, kVectors, true>(p, 0, column, depth0, depth, panel);
    } else {
      tiles<kTileRows, kVectors, false>(p, 0, column, depth0, depth, panel);
    }
    depth0 += depth;
  } while (depth0 < p.k);
}

HWY_NOINLINE void product(const Product& p) {
  int column = 0;
  for (; p.n - column > kLanes; column += kTileVectors * kLanes) product_of_panel<kTileVectors>(p, column);
  if (column < p.n) product_of_panel<1>(p, column);
}

/// One output of kRows rows. The lanes share a row's sum: few outputs would leave most lanes of a panel empty.
template <int kRows>
HWY_INLINE void narrow_output(const float* x, const float* w, float bias, int in, int out, bool relu, float* y) {
  const D d;
  const std::ptrdiff_t stride = in;
  V sum[kRows];
  HWY_UNROLL(16)
  for (int r = 0; r < kRows; ++r) sum[r] = hn::Zero(d);
  int i = 0;
  for (; i + kLanes <= in; i += kLanes) {
    const V factor = hn::LoadU(d, w + i);
    HWY_UNROLL(16)
    for (int r = 0; r < kRows; ++r) sum[r] = hn::MulAdd(hn::LoadU(d, x + r * stride + i), factor, sum[r]);
  }
  if (i < in) {
    const V factor = load(w + i, in - i);
    HWY_UNROLL(16)
    for (int r = 0; r < kRows; ++r) sum[r] = hn::MulAdd(load(x + r * stride + i, in - i), factor, sum[r]);
  }
  HWY_UNROLL(16)
  for (int r = 0; r < kRows; ++r) {
    const float total = bias + hn::GetLane(hn::SumOfLanes(d, sum[r]));
    y[static_cast<std::ptrdiff_t>(r) * out] = relu ? std::max(0.0F, total) : total;  // in this order NaN becomes 0
  }
}

void narrow_affine(const float* x, const float* weight, const float* bias, int rows, int in, int out, bool relu, float* y) {
  constexpr int kTogether = 4;
  for (int o = 0; o < out; ++o) {
    const float* w = weight + static_cast<std::ptrdiff_t>(o) * in;
    std::ptrdiff_t r = 0;
    for (; r + kTogether <= rows; r += kTogether)
      narrow_output<kTogether>(x + r * in, w, bias[o], in, out, relu, y + r * out + o);
    for (; r < rows; ++r) narrow_output<1>(x + r * in, w, bias[o], in, out, relu, y + r * out + o);
  }
}

/// sums [kVectors vectors, of which `count` numbers] += the sums of columns over rows that are `stride` apart.
template <int kVectors>
HWY_INLINE void add_column_sums(const float* x, int rows, std::ptrdiff_t stride, int count, float* sums) {
  V sum[kVectors];
  HWY_UNROLL(16)
  for (int v = 0; v < kVectors; ++v) sum[v] = load(sums + v * kLanes, count - v * kLanes);
  for (int r = 0; r < rows; ++r, x += stride) {
    HWY_UNROLL(16)
    for (int v = 0; v < kVectors; ++v) sum[v] = hn::Add(sum[v], load(x + v * kLanes, count - v * kLanes));
  }
  HWY_UNROLL(16)
  for (int v = 0; v < kVectors; ++v) store(sum[v], count - v * kLanes, sums + v * kLanes);
}

void affine(const float* x, const float* weight, const float* bias, int rows, int in, int out, bool relu, float* y) {
  if (out <= 2) return narrow_affine(x, weight, bias, rows, in, out, relu, y);
  product({.m = rows, .n = out, .k = in, .a = {x, in}, .b = {weight, in, true}, .c = y, .bias = bias, .relu = relu});
}

void affine_parameter_gradient(const float* x, const float* dy, int rows, int in, int out, float* d_weight, float* d_bias) {
  const D d;
  constexpr int kNarrow = 8;
  constexpr int kPart = 64;
  if (in <= kNarrow && out > in) {
    // Few inputs: dWᵀ fills the lanes better.
    for (int begin = 0; begin < out; begin += kPart) {
      const int count = std::min(out - begin, kPart);
      float transposed[kNarrow * kPart];
      product({.m = in, .n = count, .k = rows, .a = {x, in, true}, .b = {dy + begin, out}, .c = transposed});
      for (int o = 0; o < count; ++o) {
        for (int i = 0; i < in; ++i) d_weight[(begin + o) * in + i] += transposed[i * count + o];
      }
    }
  } else {
    product({.m = out, .n = in, .k = rows, .a = {dy, out, true}, .b = {x, in}, .c = d_weight, .add = true});
  }
  if (out == 1) {
    V sum = hn::Zero(d);
    for (int r = 0; r < rows; r += kLanes) sum = hn::Add(sum, load(dy + r, rows - r));
    *d_bias += hn::GetLane(hn::SumOfLanes(d, sum));
    return;
  }
  constexpr int kPart4 = 4 * kLanes;
  int o = 0;
  for (; o + kPart4 <= out; o += kPart4) add_column_sums<4>(dy + o, rows, out, kPart4, d_bias + o);
  for (; o < out; o += kLanes) add_column_sums<1>(dy + o, rows, out, out - o, d_bias + o);
}

void affine_input_gradient(const float* dy, const float* weight, int rows, int in, int out, const float* activation,
                           float* dx) {
  product({.m = rows, .n = in, .k = out, .a = {dy, out}, .b = {weight, in}, .c = dx, .mask = activation});
}

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

HWY_EXPORT(affine);
HWY_EXPORT(affine_parameter_gradient);
HWY_EXPORT(affine_input_gradient);
HWY_EXPORT(pool);
HWY_EXPORT(add_pooled_relu);
HWY_EXPORT(add_mean_gradient_relu);

void affine(const float* x, const float* weight, const float* bias, int rows, int in, int out, bool relu, float* y) {
  HWY_DYNAMIC_DISPATCH(affine)(x, weight, bias, rows, in, out, relu, y);
}
void affine_parameter_gradient(const float* x, const float* dy, int rows, int in, int out, float* d_weight, float* d_bias) {
  HWY_DYNAMIC_DISPATCH(affine_parameter_gradient)(x, dy, rows, in, out, d_weight, d_bias);
}
void affine_input_gradient(const float* dy, const float* weight, int rows, int in, int out, const float* activation,
                           float* dx) {
  HWY_DYNAMIC_DISPATCH(affine_input_gradient)(dy, weight, rows, in, out, activation, dx);
}
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
