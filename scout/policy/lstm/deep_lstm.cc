#include "scout/policy/lstm/deep_lstm.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "scout/policy/rule/cell_functions.h"

namespace scout {
namespace {

using namespace cell;

/// Rows that share each load of a weight, and outputs that are summed in registers.
constexpr std::size_t kRows = 8;
constexpr std::size_t kTile = 4;

/// Σ a b in partial sums, which become SIMD. n is a multiple of kTile.
template <class T>
T dot(const T* a, const T* b, std::size_t n) {
  T sum[kTile] = {};
  for (std::size_t i = 0; i < n; i += kTile) {
    for (std::size_t k = 0; k < kTile; ++k) sum[k] += a[i + k] * b[i + k];
  }
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/// y [rows, out] = b + z [rows, in] W, for kRows rows, whose lines are so far apart; `out` is a multiple of kTile.
template <class T>
void affine(const T* weight, const T* bias, const T* z, std::size_t in, std::size_t apart, std::size_t out, T* y) {
  for (std::size_t o = 0; o < out; o += kTile) {
    T sum[kRows][kTile];
    for (auto& row : sum) std::copy_n(bias + o, kTile, row);
    for (std::size_t k = 0; k < in; ++k) {
      const T* w = weight + k * out + o;
      for (std::size_t r = 0; r < kRows; ++r) {
        for (std::size_t i = 0; i < kTile; ++i) sum[r][i] += z[r * apart + k] * w[i];
      }
    }
    for (std::size_t r = 0; r < kRows; ++r) std::copy_n(sum[r], kTile, y + r * out + o);
  }
}

}  // namespace

DeepLstm::DeepLstm(int inputs, std::vector<int> widths) : inputs_(static_cast<std::size_t>(inputs)) {
  if (inputs < 1) throw std::invalid_argument("DeepLstm: needs at least one input");
  std::size_t in = inputs_;
  for (const int width : widths) {
    if (width < 1) throw std::invalid_argument("DeepLstm: a layer needs at least one cell");
    const auto h = static_cast<std::size_t>(width);
    widths_.push_back(h);
    read_out_ += (in + h + 1) * 4 * h;
    state_size_ += 2 * h;
    trace_size_ += in + h + 6 * h;  // z; c before; the gates; tanh(c)
    in = h;
  }
  trace_size_ += in;
}

template <class T>
void DeepLstm::forward(const T* parameters, const T* x, std::size_t rows, T* state, T* y, T* trace) const {
  for (std::size_t first = 0; first < rows; first += kRows) {
    forward_block(parameters, x + first * inputs_, std::min(kRows, rows - first), state + first * state_size_, y + first,
                  trace != nullptr ? trace + first * trace_size_ : nullptr);
  }
}

template <class T>
void DeepLstm::forward_block(const T* parameters, const T* x, std::size_t rows, T* state, T* y, T* trace) const {
  thread_local std::vector<T> z, gates, below;
  below.assign(x, x + rows * inputs_);
  std::size_t in = inputs_, at = 0, traced = 0;
  for (const std::size_t h : widths_) {
    const std::size_t seen = in + h;
    z.assign(kRows * seen, T(0));
    gates.resize(kRows * 4 * h);
    for (std::size_t r = 0; r < rows; ++r) {
      std::copy_n(&below[r * in], in, &z[r * seen]);
      std::copy_n(state + r * state_size_ + at, h, &z[r * seen + in]);
    }
    affine(parameters, parameters + seen * 4 * h, z.data(), seen, seen, 4 * h, gates.data());
    below.resize(rows * h);
    for (std::size_t r = 0; r < rows; ++r) {
      T* gate = &gates[r * 4 * h];
      for (std::size_t k = 0; k < h; ++k) gate[k] = sigmoid(gate[k]);
      for (std::size_t k = h; k < 2 * h; ++k) gate[k] = hyperbolic(gate[k]);
      for (std::size_t k = 2 * h; k < 3 * h; ++k) gate[k] = sigmoid(gate[k] + T(1));
      for (std::size_t k = 3 * h; k < 4 * h; ++k) gate[k] = sigmoid(gate[k]);
      T* own = state + r * state_size_ + at;
      T* left = trace != nullptr ? trace + r * trace_size_ + traced : nullptr;
      if (left != nullptr) {
        left = std::copy_n(&z[r * seen], seen, left);
        left = std::copy_n(own + h, h, left);
        left = std::copy_n(gate, 4 * h, left);
      }
      for (std::size_t k = 0; k < h; ++k) {
        T& c = own[h + k];
        c = gate[2 * h + k] * c + gate[k] * gate[h + k];
        const T squashed = hyperbolic(c);
        own[k] = below[r * h + k] = gate[3 * h + k] * squashed;
        if (left != nullptr) left[k] = squashed;
      }
    }
    parameters += (seen + 1) * 4 * h;
    at += 2 * h;
    traced += seen + 6 * h;
    in = h;
  }
  for (std::size_t r = 0; r < rows; ++r) {
    T sum = parameters[in];
    for (std::size_t k = 0; k < in; ++k) sum += parameters[k] * below[r * in + k];
    y[r] = sum;
    if (trace != nullptr) std::copy_n(&below[r * in], in, trace + r * trace_size_ + traced);
  }
}

template <class T>
void DeepLstm::backward(const T* parameters, const T* trace, const T* dy, std::size_t rows, T* d_state, T* gradient) const {
  thread_local std::vector<T> d_gates, d_h;
  const std::size_t seen_by_read_out = top();
  for (std::size_t r = 0; r < rows; ++r) {
    const T* left = trace + (r + 1) * trace_size_ - seen_by_read_out;
    std::size_t offset = read_out_;
    for (std::size_t k = 0; k < seen_by_read_out; ++k) gradient[offset + k] += dy[r] * left[k];
    gradient[offset + seen_by_read_out] += dy[r];
    d_h.resize(seen_by_read_out);
    for (std::size_t k = 0; k < seen_by_read_out; ++k) d_h[k] = dy[r] * parameters[offset + k];

    std::size_t at = state_size_;
    for (std::size_t l = widths_.size(); l-- > 0;) {
      const std::size_t h = widths_[l], in = l == 0 ? inputs_ : widths_[l - 1], seen = in + h;
      offset -= (seen + 1) * 4 * h;
      at -= 2 * h;
      left -= seen + 6 * h;
      const T* z = left;
      const T* c_before = z + seen;
      const T* gate = c_before + h;
      const T* squashed = gate + 4 * h;
      T* own = d_state + r * state_size_ + at;
      d_gates.resize(4 * h);
      for (std::size_t k = 0; k < h; ++k) {
        const T i = gate[k], j = gate[h + k], f = gate[2 * h + k], o = gate[3 * h + k];
        const T dh = own[k] + d_h[k];
        const T dc = own[h + k] + dh * o * (T(1) - squashed[k] * squashed[k]);
        d_gates[k] = dc * j * i * (T(1) - i);
        d_gates[h + k] = dc * i * (T(1) - j * j);
        d_gates[2 * h + k] = dc * c_before[k] * f * (T(1) - f);
        d_gates[3 * h + k] = dh * squashed[k] * o * (T(1) - o);
        own[h + k] = dc * f;
      }
      T* d_weight = gradient + offset;
      for (std::size_t k = 0; k <= seen; ++k) {  // the last line is the bias
        const T input = k < seen ? z[k] : T(1);
        for (std::size_t q = 0; q < 4 * h; ++q) d_weight[k * 4 * h + q] += input * d_gates[q];
      }
      const T* weight = parameters + offset;
      for (std::size_t k = 0; k < h; ++k) own[k] = dot(weight + (in + k) * 4 * h, d_gates.data(), 4 * h);
      if (l == 0) break;
      d_h.resize(in);
      for (std::size_t k = 0; k < in; ++k) d_h[k] = dot(weight + k * 4 * h, d_gates.data(), 4 * h);
    }
  }
}

template <class T>
void preprocess_gradient(T g, double k, T* out) {
  if (!(k > 0)) {
    out[0] = g;
    return;
  }
  constexpr T kEpsilon = std::numeric_limits<float>::epsilon();
  out[0] = std::max(logarithm(std::fabs(g) + kEpsilon) / static_cast<T>(k), T(-1));
  out[1] = std::clamp(g * static_cast<T>(std::exp(k)), T(-1), T(1));
}

template void DeepLstm::forward(const float*, const float*, std::size_t, float*, float*, float*) const;
template void DeepLstm::forward(const double*, const double*, std::size_t, double*, double*, double*) const;
template void DeepLstm::backward(const float*, const float*, const float*, std::size_t, float*, float*) const;
template void DeepLstm::backward(const double*, const double*, const double*, std::size_t, double*, double*) const;
template void preprocess_gradient(float, double, float*);
template void preprocess_gradient(double, double, double*);

}  // namespace scout
