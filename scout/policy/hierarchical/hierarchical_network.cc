#include "scout/policy/hierarchical/hierarchical_network.h"

#include <algorithm>
#include <cmath>

#include "scout/policy/rule/cell_functions.h"
#include "scout/policy/weight/weight_step.h"

namespace scout {
namespace {

using namespace cell;
using Network = HierarchicalNetwork;

constexpr std::size_t kCells = Network::kCells, kAbove = Network::kAbove, kScales = Network::kScales,
                      kInputs = Network::kInputs, kPooled = Network::kPooled;
/// That of squares, and that of roots and logarithms.
constexpr double kSquareEpsilon = 1e-12, kRootEpsilon = 1e-16;

// Initial values: the flags of the released code.
constexpr double kCellScale = 0.5, kGateBias = 2.2, kAffineScale = 0.5, kReadOutScale = 0.5;
constexpr double kScaleDecayBias = 3.2, kMeanDecayBias = 2.2, kRateMomentumLogit = 3.2, kRateOffset = -1;

/// A unit of gated recurrent cells: parameters V [in + cells, 3 cells], then the bias [3 cells].
template <std::size_t in, std::size_t cells>
struct Unit {
  static constexpr std::size_t kIn = in, kUnits = cells, kSize = (in + cells + 1) * 3 * cells;

  /// `bias`: added to the unit's own; may be null. `gates` [3 cells]: r, u and c.
  template <class T>
  static void step(const T* weight, const T* bias, const T* x, T* h, T* gates) {
    std::copy_n(weight + (in + cells) * 3 * cells, 3 * cells, gates);
    for (std::size_t o = 0; bias != nullptr && o < 3 * cells; ++o) gates[o] += bias[o];
    for (std::size_t k = 0; k < in; ++k) {
      for (std::size_t o = 0; o < 3 * cells; ++o) gates[o] += x[k] * weight[k * 3 * cells + o];
    }
    const T* own = weight + in * 3 * cells;
    for (std::size_t k = 0; k < cells; ++k) {
      for (std::size_t o = 0; o < 2 * cells; ++o) gates[o] += h[k] * own[k * 3 * cells + o];
    }
    for (std::size_t o = 0; o < 2 * cells; ++o) gates[o] = sigmoid(gates[o]);
    for (std::size_t k = 0; k < cells; ++k) {
      const T kept = gates[k] * h[k];
      for (std::size_t o = 2 * cells; o < 3 * cells; ++o) gates[o] += kept * own[k * 3 * cells + o];
    }
    for (std::size_t k = 0; k < cells; ++k) {
      gates[2 * cells + k] = hyperbolic(gates[2 * cells + k]);
      h[k] = gates[cells + k] * h[k] + (T(1) - gates[cells + k]) * gates[2 * cells + k];
    }
  }

  /// `h`: before the step; `d_h` from after to before. Adds to `d_x`, `d_bias` (if not null) and `gradient`.
  template <class T>
  static void back(const T* weight, const T* x, const T* h, const T* gates, T* d_h, T* d_x, T* d_bias, T* gradient) {
    const T *r = gates, *u = gates + cells, *c = gates + 2 * cells;
    const T* own = weight + in * 3 * cells;
    T d[3 * cells];
    for (std::size_t k = 0; k < cells; ++k) {
      d[2 * cells + k] = d_h[k] * (T(1) - u[k]) * (T(1) - c[k] * c[k]);
      d[cells + k] = d_h[k] * (h[k] - c[k]) * u[k] * (T(1) - u[k]);
    }
    for (std::size_t k = 0; k < cells; ++k) {
      T d_kept = 0;
      for (std::size_t o = 2 * cells; o < 3 * cells; ++o) d_kept += own[k * 3 * cells + o] * d[o];
      d[k] = d_kept * h[k] * r[k] * (T(1) - r[k]);
      d_h[k] = d_h[k] * u[k] + d_kept * r[k];
    }
    T* d_own = gradient + in * 3 * cells;
    for (std::size_t k = 0; k < cells; ++k) {
      T sum = 0;
      for (std::size_t o = 0; o < 2 * cells; ++o) {
        sum += own[k * 3 * cells + o] * d[o];
        d_own[k * 3 * cells + o] += h[k] * d[o];
      }
      for (std::size_t o = 2 * cells; o < 3 * cells; ++o) d_own[k * 3 * cells + o] += r[k] * h[k] * d[o];
      d_h[k] += sum;
    }
    for (std::size_t k = 0; k < in; ++k) {
      T sum = 0;
      for (std::size_t o = 0; o < 3 * cells; ++o) {
        sum += weight[k * 3 * cells + o] * d[o];
        gradient[k * 3 * cells + o] += x[k] * d[o];
      }
      d_x[k] += sum;
    }
    T* d_own_bias = gradient + (in + cells) * 3 * cells;
    for (std::size_t o = 0; o < 3 * cells; ++o) d_own_bias[o] += d[o];
    for (std::size_t o = 0; d_bias != nullptr && o < 3 * cells; ++o) d_bias[o] += d[o];
  }
};

using WeightUnit = Unit<kInputs, kCells>;
using TensorUnit = Unit<kPooled, kAbove>;
using RunUnit = Unit<kAbove, kAbove>;

/// Where the parameters begin.
enum Place : std::size_t {
  kWeightUnit = 0,
  kTensorUnit = kWeightUnit + WeightUnit::kSize,
  kRunUnit = kTensorUnit + TensorUnit::kSize,
  kTensorToWeight = kRunUnit + RunUnit::kSize,           // W_1 [kAbove, 3 kCells]
  kRunToWeight = kTensorToWeight + kAbove * 3 * kCells,  // W_2
  kRunToTensor = kRunToWeight + kAbove * 3 * kCells,     // W_3 [kAbove, 3 kAbove]
  kUpdate = kRunToTensor + kAbove * 3 * kAbove,          // p_w
  kShortcut = kUpdate + kCells,                          // c
  kScaleDecay = kShortcut + kScales,                     // p_s, a_s
  kMeanDecay = kScaleDecay + kCells + 1,                 // p_m, a_m
  kRate = kMeanDecay + kCells + 1,                       // p_r, a_r
  kRateMomentum = kRate + kCells + 1,                    // μ = σ of it
  kOffset,                                               // o
  kInitialWeight,
  kInitialTensor = kInitialWeight + kCells,
  kInitialRun = kInitialTensor + kAbove,
  kCount = kInitialRun + kAbove,
};

template <class T>
T dot(const T* a, const T* b, std::size_t n) {
  T sum = 0;
  for (std::size_t k = 0; k < n; ++k) sum += a[k] * b[k];
  return sum;
}

/// p·h + a.
template <class T>
T read_out(const T* p, const T* h) {
  return dot(p, h, kCells) + p[kCells];
}
/// Backwards: `d` is ∂L/∂ its value.
template <class T>
void read_out_back(const T* p, const T* h, T d, T* d_h, T* gradient) {
  for (std::size_t k = 0; k < kCells; ++k) {
    d_h[k] += d * p[k];
    gradient[k] += d * h[k];
  }
  gradient[kCells] += d;
}

/// y [out] += W [in, out] transposed times x [in].
template <class T>
void add_product(const T* weight, const T* x, std::size_t out, T* y) {
  for (std::size_t k = 0; k < kAbove; ++k) {
    for (std::size_t o = 0; o < out; ++o) y[o] += x[k] * weight[k * out + o];
  }
}
template <class T>
void add_product_back(const T* weight, const T* x, std::size_t out, const T* d_y, T* d_x, T* gradient) {
  for (std::size_t k = 0; k < kAbove; ++k) {
    d_x[k] += dot(weight + k * out, d_y, out);
    for (std::size_t o = 0; o < out; ++o) gradient[k * out + o] += x[k] * d_y[o];
  }
}

/// In [log(1e-6)/2, log(1e-2)/2), from 32 random bits.
float half_log_rate(std::uint32_t bits) {
  constexpr double kLow = -6.907755278982137, kHigh = -2.302585092994046;
  return static_cast<float>(kLow + (kHigh - kLow) * 0x1p-32 * static_cast<double>(bits));
}

}  // namespace

std::size_t HierarchicalNetwork::parameter_count() { return kCount; }
std::size_t HierarchicalNetwork::initial_weight_at() { return kInitialWeight; }
std::size_t HierarchicalNetwork::initial_tensor_at() { return kInitialTensor; }
std::size_t HierarchicalNetwork::initial_run_at() { return kInitialRun; }
std::size_t HierarchicalNetwork::update_at() { return kUpdate; }
std::size_t HierarchicalNetwork::offset_at() { return kOffset; }

std::vector<float> HierarchicalNetwork::initial_parameters(Random& random) {
  std::vector<float> out(kCount, 0.0F);
  const auto normal = [&](std::size_t begin, std::size_t count, double scale, std::size_t in, double mean = 0) {
    for (std::size_t k = begin; k < begin + count; ++k)
      out[k] = static_cast<float>(mean + scale / std::sqrt(static_cast<double>(in)) * random.normal());
  };
  const auto unit = [&](std::size_t begin, std::size_t in, std::size_t cells) {
    normal(begin, (in + cells) * 3 * cells, kCellScale, in + cells);
    std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(begin + (in + cells) * 3 * cells), 2 * cells,
                static_cast<float>(kGateBias));
  };
  unit(kWeightUnit, kInputs, kCells);
  unit(kTensorUnit, kPooled, kAbove);
  unit(kRunUnit, kAbove, kAbove);
  normal(kTensorToWeight, kUpdate - kTensorToWeight, kAffineScale, kAbove);
  normal(kUpdate, kCells, kReadOutScale, kCells);
  normal(kShortcut, kScales, 0.1, kScales, 1.0 / static_cast<double>(kScales));
  normal(kScaleDecay, kCells, kReadOutScale, kCells);
  normal(kMeanDecay, kCells, kReadOutScale, kCells);
  out[kScaleDecay + kCells] = static_cast<float>(kScaleDecayBias);
  out[kMeanDecay + kCells] = static_cast<float>(kMeanDecayBias);
  out[kRateMomentum] = static_cast<float>(kRateMomentumLogit);
  out[kOffset] = static_cast<float>(kRateOffset);
  for (std::size_t k = kInitialWeight; k < kCount; ++k) out[k] = static_cast<float>(random.uniform(-1, 1));
  return out;
}

float HierarchicalNetwork::initial_log_rate(std::size_t index, std::size_t tensor) {
  const auto number = static_cast<std::uint32_t>(tensor);
  const std::uint32_t key = kernel::step_key(static_cast<std::int64_t>(tensor) + 1);
  return half_log_rate(kernel::more_dither_bits(kernel::dither_bits(static_cast<std::uint32_t>(index), key))) +
         half_log_rate(kernel::more_dither_bits(kernel::dither_bits(number, 0)));
}

template <class T>
HierarchicalNetwork::Context<T> HierarchicalNetwork::context(const T* parameters, const T* tensor, const T* run,
                                                             T mean_log_rate, bool first) {
  Context<T> out;
  add_product(parameters + kTensorToWeight, tensor, 3 * kCells, out.bias.data());
  add_product(parameters + kRunToWeight, run, 3 * kCells, out.bias.data());
  out.mean_log_rate = mean_log_rate;
  out.first = first;
  return out;
}

template <class T>
void HierarchicalNetwork::context_back(const T* parameters, const T* tensor, const T* run, const T* d_bias, T* d_tensor,
                                       T* d_run, T* gradient) {
  add_product_back(parameters + kTensorToWeight, tensor, 3 * kCells, d_bias, d_tensor, gradient + kTensorToWeight);
  add_product_back(parameters + kRunToWeight, run, 3 * kCells, d_bias, d_run, gradient + kRunToWeight);
}

template <class T>
T HierarchicalNetwork::look(const T* parameters, const Context<T>& context, T gradient, T* memory, double* pooled,
                            Trace<T>* trace) {
  Trace<T> own;
  Trace<T>& t = trace != nullptr ? *trace : own;
  std::copy_n(memory, kMemory, t.before.data());
  t.gradient = gradient;
  t.decay[0] = context.first ? T(0) : sigmoid(read_out(parameters + kMeanDecay, memory));
  t.scale_decay = context.first ? T(0) : sigmoid(read_out(parameters + kScaleDecay, memory));
  T level[kScales], mean_level = 0;
  for (std::size_t k = 0; k < kScales; ++k) {
    if (k > 0) t.decay[k] = std::sqrt(t.decay[k - 1]);
    T &m = memory[kMean + k], &v = memory[kSquare + k];
    m = gradient * (T(1) - t.decay[k]) + m * t.decay[k];
    v = (T(1) - t.scale_decay) * (m * m + T(kSquareEpsilon)) + t.scale_decay * v;
    t.mean[k] = m, t.square[k] = v;
    t.z[k] = m / std::sqrt(v + T(kRootEpsilon));
    t.q[k] = arsinh(t.z[k]);
    level[k] = logarithm(v + T(kRootEpsilon));
    mean_level += level[k] / T(kScales);
  }
  T* x = t.x.data();
  for (std::size_t k = 0; k < kScales; ++k) *x++ = t.q[k];
  for (std::size_t k = 0; k + 1 < kScales; ++k) *x++ = t.q[k] * t.q[k + 1];
  for (std::size_t k = 0; k < kScales; ++k) *x++ = level[k] - mean_level;
  *x = memory[kLogRate] - context.mean_log_rate;
  WeightUnit::step(parameters + kWeightUnit, context.bias.data(), t.x.data(), memory, t.gates.data());
  std::copy_n(memory, kCells, t.hidden.data());
  for (std::size_t k = 0; k < kCells; ++k) pooled[k] += static_cast<double>(memory[k]);
  for (std::size_t k = 0; k < kInputs; ++k) pooled[kCells + k] += static_cast<double>(t.x[k]);
  t.delta = dot(parameters + kUpdate, memory, kCells) + dot(parameters + kShortcut, t.q.data(), kScales);
  return t.delta;
}

template <class T>
T HierarchicalNetwork::move(const T* parameters, T* memory, T delta, T rms, Trace<T>* trace) {
  T& kept = memory[kLogRate];
  const T log_rate = std::clamp(kept + read_out(parameters + kRate, memory), T(kLeastLogRate), T(kGreatestLogRate));
  const T momentum = sigmoid(parameters[kRateMomentum]);
  kept = momentum * kept + (T(1) - momentum) * log_rate;
  const T moved = -exponential(log_rate + parameters[kOffset]) * delta / rms;
  if (trace != nullptr) trace->log_rate = log_rate, trace->moved = moved;
  return moved;
}

template <class T>
T HierarchicalNetwork::back(const T* parameters, const Context<T>& context, const Trace<T>& t, Back<T>& back, T* d_memory,
                            T* gradient) {
  // After the step: the learning rate, whose clip passes gradients as they are, and Δθ.
  const T momentum = sigmoid(parameters[kRateMomentum]), rate = t.before[kLogRate];
  const T d_kept = d_memory[kLogRate];
  gradient[kRateMomentum] += d_kept * (rate - t.log_rate) * momentum * (T(1) - momentum);
  gradient[kOffset] += back.moved * t.moved;
  const T d_log_rate = (T(1) - momentum) * d_kept + back.moved * t.moved;
  T d_rate = momentum * d_kept + d_log_rate;
  T d_hidden[kCells], d_x[kInputs], d_q[kScales];
  for (std::size_t k = 0; k < kCells; ++k) d_hidden[k] = d_memory[k] + back.pooled[k];
  for (std::size_t k = 0; k < kInputs; ++k) d_x[k] = back.pooled[kCells + k];
  read_out_back(parameters + kRate, t.hidden.data(), d_log_rate, d_hidden, gradient + kRate);
  const T size = -exponential(t.log_rate + parameters[kOffset]) / back.rms;
  const T d_delta = size * back.moved - back.mean_product * t.delta / (back.rms * back.rms);
  for (std::size_t k = 0; k < kCells; ++k) {
    d_hidden[k] += d_delta * parameters[kUpdate + k];
    gradient[kUpdate + k] += d_delta * t.hidden[k];
  }
  for (std::size_t k = 0; k < kScales; ++k) {
    d_q[k] = d_delta * parameters[kShortcut + k];
    gradient[kShortcut + k] += d_delta * t.q[k];
  }
  WeightUnit::back(parameters + kWeightUnit, t.x.data(), t.before.data(), t.gates.data(), d_hidden, d_x, back.d_bias.data(),
                   gradient + kWeightUnit);

  // The inputs.
  d_rate += d_x[kInputs - 1];
  back.d_mean_log_rate -= d_x[kInputs - 1];
  const T* d_level = d_x + 2 * kScales - 1;
  T mean_d_level = 0;
  for (std::size_t k = 0; k < kScales; ++k) mean_d_level += d_level[k] / T(kScales);
  for (std::size_t k = 0; k < kScales; ++k) d_q[k] += d_x[k];
  for (std::size_t k = 0; k + 1 < kScales; ++k) {
    d_q[k] += d_x[kScales + k] * t.q[k + 1];
    d_q[k + 1] += d_x[kScales + k] * t.q[k];
  }
  T d_gradient = 0, d_decay[kScales], d_scale_decay = 0;
  for (std::size_t k = 0; k < kScales; ++k) {
    const T v = t.square[k] + T(kRootEpsilon), m = t.mean[k];
    const T d_z = d_q[k] / std::sqrt(T(1) + t.z[k] * t.z[k]);
    const T d_v = d_memory[kSquare + k] + (d_level[k] - mean_d_level) / v - T(0.5) * d_z * t.z[k] / v;
    const T d_m = d_memory[kMean + k] + d_z / std::sqrt(v) + d_v * (T(1) - t.scale_decay) * T(2) * m;
    d_scale_decay += d_v * (t.before[kSquare + k] - m * m - T(kSquareEpsilon));
    d_memory[kSquare + k] = d_v * t.scale_decay;
    d_gradient += d_m * (T(1) - t.decay[k]);
    d_decay[k] = d_m * (t.before[kMean + k] - t.gradient);
    d_memory[kMean + k] = d_m * t.decay[k];
  }
  if (!context.first) {
    for (std::size_t k = kScales; --k > 0;) d_decay[k - 1] += d_decay[k] * T(0.5) / t.decay[k];
    const T *h = t.before.data(), d = t.decay[0], s = t.scale_decay;
    read_out_back(parameters + kMeanDecay, h, d_decay[0] * d * (T(1) - d), d_hidden, gradient + kMeanDecay);
    read_out_back(parameters + kScaleDecay, h, d_scale_decay * s * (T(1) - s), d_hidden, gradient + kScaleDecay);
  }
  std::copy_n(d_hidden, kCells, d_memory);
  d_memory[kLogRate] = d_rate;
  return d_gradient;
}

template <class T>
void HierarchicalNetwork::tensor_step(const T* parameters, const T* pooled, const T* run, T* tensor, T* gates) {
  T bias[3 * kAbove] = {}, own[3 * kAbove];
  add_product(parameters + kRunToTensor, run, 3 * kAbove, bias);
  TensorUnit::step(parameters + kTensorUnit, bias, pooled, tensor, gates != nullptr ? gates : own);
}

template <class T>
void HierarchicalNetwork::tensor_back(const T* parameters, const T* pooled, const T* run, const T* tensor, const T* gates,
                                      T* d_tensor, T* d_pooled, T* d_run, T* gradient) {
  T d_bias[3 * kAbove] = {};
  TensorUnit::back(parameters + kTensorUnit, pooled, tensor, gates, d_tensor, d_pooled, d_bias, gradient + kTensorUnit);
  add_product_back(parameters + kRunToTensor, run, 3 * kAbove, d_bias, d_run, gradient + kRunToTensor);
}

template <class T>
void HierarchicalNetwork::run_step(const T* parameters, const T* mean, T* run, T* gates) {
  T own[3 * kAbove];
  RunUnit::step<T>(parameters + kRunUnit, nullptr, mean, run, gates != nullptr ? gates : own);
}

template <class T>
void HierarchicalNetwork::run_back(const T* parameters, const T* mean, const T* run, const T* gates, T* d_run, T* d_mean,
                                   T* gradient) {
  RunUnit::back<T>(parameters + kRunUnit, mean, run, gates, d_run, d_mean, nullptr, gradient + kRunUnit);
}

#define SCOUT_INSTANTIATE(T)                                                                                        \
  template HierarchicalNetwork::Context<T> HierarchicalNetwork::context(const T*, const T*, const T*, T, bool);     \
  template void HierarchicalNetwork::context_back(const T*, const T*, const T*, const T*, T*, T*, T*);              \
  template T HierarchicalNetwork::look(const T*, const Context<T>&, T, T*, double*, Trace<T>*);                     \
  template T HierarchicalNetwork::move(const T*, T*, T, T, Trace<T>*);                                              \
  template T HierarchicalNetwork::back(const T*, const Context<T>&, const Trace<T>&, Back<T>&, T*, T*);             \
  template void HierarchicalNetwork::tensor_step(const T*, const T*, const T*, T*, T*);                             \
  template void HierarchicalNetwork::tensor_back(const T*, const T*, const T*, const T*, const T*, T*, T*, T*, T*); \
  template void HierarchicalNetwork::run_step(const T*, const T*, T*, T*);                                          \
  template void HierarchicalNetwork::run_back(const T*, const T*, const T*, const T*, T*, T*, T*);
SCOUT_INSTANTIATE(float)
SCOUT_INSTANTIATE(double)
#undef SCOUT_INSTANTIATE

}  // namespace scout
