#include "scout/policy/transformer/transformer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>
#include <string>

#include "scout/policy/rule/action.h"

namespace scout {
namespace {

double exponential(double x) { return std::exp(x); }
/// The same on every processor.
float exponential(float x) { return bounded_exp2(x * std::numbers::log2e_v<float>); }

/// x <- (x - mean)/deviation; returns 1/deviation.
template <class T>
T normalise(T* x, std::size_t n) {
  T mean = 0, square = 0;
  for (std::size_t i = 0; i < n; ++i) mean += x[i];
  mean /= static_cast<T>(n);
  for (std::size_t i = 0; i < n; ++i) {
    x[i] -= mean;
    square += x[i] * x[i];
  }
  const T inverse = T(1) / std::sqrt(square / static_cast<T>(n) + T(1e-5));
  for (std::size_t i = 0; i < n; ++i) x[i] *= inverse;
  return inverse;
}

/// dx += ∂L/∂x, from the output y of `normalise` and dy = ∂L/∂y.
template <class T>
void add_normalise_gradient(const T* y, T inverse, const T* dy, std::size_t n, T* dx) {
  T mean = 0, along = 0;
  for (std::size_t i = 0; i < n; ++i) {
    mean += dy[i];
    along += dy[i] * y[i];
  }
  mean /= static_cast<T>(n);
  along /= static_cast<T>(n);
  for (std::size_t i = 0; i < n; ++i) dx[i] += inverse * (dy[i] - mean - y[i] * along);
}

/// Σ a b in partial sums, which become SIMD.
template <class T>
T dot(const T* a, const T* b, std::size_t n) {
  T sum[4] = {};
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (std::size_t k = 0; k < 4; ++k) sum[k] += a[i + k] * b[i + k];
  }
  for (; i < n; ++i) sum[0] += a[i] * b[i];
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

}  // namespace

template <class T>
void Transformer::Affine::forward(const T* parameters, const T* x, T* y) const {
  const T* weight = parameters + offset;
  std::copy_n(weight + in * out, out, y);
  for (std::size_t i = 0; i < in; ++i, weight += out) {
    for (std::size_t o = 0; o < out; ++o) y[o] += x[i] * weight[o];
  }
}

template <class T>
void Transformer::Affine::backward(const T* parameters, const T* x, const T* dy, T* gradient, T* dx) const {
  const T* weight = parameters + offset;
  T* d_weight = gradient + offset;
  for (std::size_t i = 0; i < in; ++i, d_weight += out) {
    for (std::size_t o = 0; o < out; ++o) d_weight[o] += x[i] * dy[o];
  }
  for (std::size_t o = 0; o < out; ++o) d_weight[o] += dy[o];
  for (std::size_t i = 0; dx != nullptr && i < in; ++i) dx[i] = dot(weight + i * out, dy, out);
}

Transformer::Affine Transformer::layer(std::size_t in, std::size_t out) {
  const Affine made{in, out, parameter_count_};
  parameter_count_ += (in + 1) * out;
  return made;
}

double Transformer::slope(std::size_t head) const {
  return std::exp2(-8.0 * static_cast<double>(head + 1) / static_cast<double>(heads_));
}

// A token's trace: x; of each block the first norm's output and 1/deviation, the queries, the attention's weights
// [heads, context] and result, the second norm's output and 1/deviation, and the feed-forward layer; then the last norm's.
Transformer::Transformer(const Shape& shape)
    : inputs_(static_cast<std::size_t>(shape.inputs)),
      width_(static_cast<std::size_t>(shape.width)),
      heads_(static_cast<std::size_t>(shape.heads)),
      context_(static_cast<std::size_t>(shape.context)) {
  if (shape.inputs < 1) throw std::invalid_argument("Transformer: needs at least one input");
  if (shape.context < 1) throw std::invalid_argument("Transformer: a token sees at least itself");
  if (shape.heads < 1 || shape.width < 1 || shape.width % shape.heads != 0) {
    throw std::invalid_argument("Transformer: the width has to be a multiple of the heads");
  }
  embed_ = layer(inputs_, width_);
  trace_size_ = inputs_;
  for (const int units : shape.blocks) {
    if (units < 1) throw std::invalid_argument("Transformer: a feed-forward layer needs at least one unit");
    const auto f = static_cast<std::size_t>(units);
    Block block;
    block.qkv = layer(width_, 3 * width_);
    block.mix = layer(width_, width_);
    block.up = layer(width_, f);
    block.down = layer(f, width_);
    block.trace = trace_size_;
    trace_size_ += 4 * width_ + 2 + heads_ * context_ + f;
    blocks_.push_back(block);
  }
  trace_size_ += width_ + 1;
  read_out_ = layer(width_, 1);
}

std::vector<float> Transformer::initial_parameters(Random& random, double output_scale, double output) const {
  std::vector<float> out(parameter_count_, 0.0F);
  const auto draw = [&](const Affine& affine, double scale) {
    const double deviation = scale / std::sqrt(static_cast<double>(affine.in));
    for (std::size_t k = 0; k < affine.in * affine.out; ++k) {
      out[affine.offset + k] = static_cast<float>(deviation * random.normal());
    }
  };
  draw(embed_, 1);
  const double added = 1 / std::sqrt(2.0 * static_cast<double>(std::max<std::size_t>(blocks_.size(), 1)));
  for (const Block& block : blocks_) {
    draw(block.qkv, 1);
    draw(block.mix, added);
    draw(block.up, std::numbers::sqrt2);
    draw(block.down, added);
  }
  draw(read_out_, output_scale);
  out.back() = static_cast<float>(output);
  return out;
}

template <class T>
T Transformer::step(const T* parameters, const T* x, std::size_t t, T* memory, std::size_t slots, T* trace) const {
  thread_local std::vector<T> scratch, qkv, h, added;
  if (trace == nullptr) {
    scratch.resize(trace_size_);
    trace = scratch.data();
  }
  h.resize(width_);
  added.resize(width_);
  qkv.resize(3 * width_);
  std::copy_n(x, inputs_, trace);
  embed_.forward(parameters, x, h.data());
  const std::size_t from = first_seen(t), size = width_ / heads_;
  const T unit = T(1) / std::sqrt(static_cast<T>(size));
  T* own = memory + (t % slots) * memory_size();
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    const Block& block = blocks_[b];
    T* normal = trace + block.trace;
    T* query = normal + width_ + 1;
    T* weights = query + width_;
    T* result = weights + heads_ * context_;
    T* second = result + width_;
    T* hidden = second + width_ + 1;
    std::copy_n(h.data(), width_, normal);
    normal[width_] = normalise(normal, width_);
    block.qkv.forward(parameters, normal, qkv.data());
    std::copy_n(qkv.data(), width_, query);
    std::copy_n(qkv.data() + width_, 2 * width_, own + b * 2 * width_);
    std::fill_n(result, width_, T(0));
    for (std::size_t head = 0; head < heads_; ++head) {
      T* weight = weights + head * context_;
      const T slope = static_cast<T>(this->slope(head));
      T most = -std::numeric_limits<T>::max(), sum = 0;
      for (std::size_t s = from; s <= t; ++s) {
        const T* key = memory + (s % slots) * memory_size() + b * 2 * width_ + head * size;
        weight[s - from] = unit * dot(query + head * size, key, size) - slope * static_cast<T>(t - s);
        most = std::max(most, weight[s - from]);
      }
      for (std::size_t s = from; s <= t; ++s) sum += weight[s - from] = exponential(weight[s - from] - most);
      for (std::size_t s = from; s <= t; ++s) {
        weight[s - from] /= sum;
        const T* value = memory + (s % slots) * memory_size() + (b * 2 + 1) * width_ + head * size;
        for (std::size_t i = 0; i < size; ++i) result[head * size + i] += weight[s - from] * value[i];
      }
    }
    block.mix.forward(parameters, result, added.data());
    for (std::size_t i = 0; i < width_; ++i) second[i] = h[i] += added[i];
    second[width_] = normalise(second, width_);
    block.up.forward(parameters, second, hidden);
    for (std::size_t i = 0; i < block.up.out; ++i) hidden[i] = std::max(hidden[i], T(0));
    block.down.forward(parameters, hidden, added.data());
    for (std::size_t i = 0; i < width_; ++i) h[i] += added[i];
  }
  T* last = trace + trace_size_ - width_ - 1;
  std::copy_n(h.data(), width_, last);
  last[width_] = normalise(last, width_);
  T y;
  read_out_.forward(parameters, last, &y);
  return y;
}

template <class T>
void Transformer::forward(const T* parameters, const T* x, std::size_t steps, T* y, Trace<T>& trace) const {
  trace.memory.resize(steps * memory_size());
  trace.tokens.resize(steps * trace_size_);
  for (std::size_t t = 0; t < steps; ++t) {
    y[t] = step(parameters, x + t * inputs_, t, trace.memory.data(), steps, trace.tokens.data() + t * trace_size_);
  }
}

// From the last token to the first: what a token's keys and values get from later ones is then complete.
template <class T>
void Transformer::backward(const T* parameters, std::size_t steps, const T* dy, Trace<T>& trace, T* gradient) const {
  thread_local std::vector<T> dh, d_normal, d_hidden, d_result, d_qkv, d_weight;
  dh.resize(width_);
  d_normal.resize(width_);
  d_result.resize(width_);
  d_qkv.resize(3 * width_);
  d_weight.resize(context_);
  trace.d_memory.assign(steps * memory_size(), T(0));
  const std::size_t size = width_ / heads_;
  const T unit = T(1) / std::sqrt(static_cast<T>(size));
  for (std::size_t t = steps; t-- > 0;) {
    const T* token = &trace.tokens[t * trace_size_];
    const T* last = token + trace_size_ - width_ - 1;
    const std::size_t from = first_seen(t);
    read_out_.backward(parameters, last, dy + t, gradient, d_normal.data());
    std::ranges::fill(dh, T(0));
    add_normalise_gradient(last, last[width_], d_normal.data(), width_, dh.data());
    for (std::size_t b = blocks_.size(); b-- > 0;) {
      const Block& block = blocks_[b];
      const T* normal = token + block.trace;
      const T* query = normal + width_ + 1;
      const T* weights = query + width_;
      const T* result = weights + heads_ * context_;
      const T* second = result + width_;
      const T* hidden = second + width_ + 1;
      d_hidden.resize(block.up.out);
      block.down.backward(parameters, hidden, dh.data(), gradient, d_hidden.data());
      for (std::size_t i = 0; i < block.up.out; ++i) d_hidden[i] = hidden[i] > T(0) ? d_hidden[i] : T(0);
      block.up.backward(parameters, second, d_hidden.data(), gradient, d_normal.data());
      add_normalise_gradient(second, second[width_], d_normal.data(), width_, dh.data());
      block.mix.backward(parameters, result, dh.data(), gradient, d_result.data());
      std::fill_n(d_qkv.begin(), width_, T(0));
      for (std::size_t head = 0; head < heads_; ++head) {
        const T* weight = weights + head * context_;
        const T* d_out = &d_result[head * size];
        T mean = 0;
        for (std::size_t s = from; s <= t; ++s) {
          const std::size_t value = s * memory_size() + (b * 2 + 1) * width_ + head * size;
          d_weight[s - from] = dot(d_out, &trace.memory[value], size);
          mean += weight[s - from] * d_weight[s - from];
          for (std::size_t i = 0; i < size; ++i) trace.d_memory[value + i] += weight[s - from] * d_out[i];
        }
        for (std::size_t s = from; s <= t; ++s) {
          const std::size_t key = s * memory_size() + b * 2 * width_ + head * size;
          const T d_score = unit * weight[s - from] * (d_weight[s - from] - mean);
          for (std::size_t i = 0; i < size; ++i) {
            d_qkv[head * size + i] += d_score * trace.memory[key + i];
            trace.d_memory[key + i] += d_score * query[head * size + i];
          }
        }
      }
      std::copy_n(&trace.d_memory[t * memory_size() + b * 2 * width_], 2 * width_, &d_qkv[width_]);
      block.qkv.backward(parameters, normal, d_qkv.data(), gradient, d_normal.data());
      add_normalise_gradient(normal, normal[width_], d_normal.data(), width_, dh.data());
    }
    embed_.backward(parameters, token, dh.data(), gradient, static_cast<T*>(nullptr));
  }
}

template float Transformer::step(const float*, const float*, std::size_t, float*, std::size_t, float*) const;
template double Transformer::step(const double*, const double*, std::size_t, double*, std::size_t, double*) const;
template void Transformer::forward(const float*, const float*, std::size_t, float*, Trace<float>&) const;
template void Transformer::forward(const double*, const double*, std::size_t, double*, Trace<double>&) const;
template void Transformer::backward(const float*, std::size_t, const float*, Trace<float>&, float*) const;
template void Transformer::backward(const double*, std::size_t, const double*, Trace<double>&, double*) const;

}  // namespace scout
