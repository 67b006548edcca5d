#include "scout/train/unroll/hierarchical_unroll.h"

#include <algorithm>
#include <cmath>

namespace scout {
namespace {

using Network = HierarchicalNetwork;
constexpr std::size_t kAbove = Network::kAbove, kMemory = Network::kMemory, kPooled = Network::kPooled;
/// Where things are in what is remembered.
constexpr std::size_t kBegun = 0, kMeanLogRate = 1, kRun = 2, kTensors = kRun + kAbove;

template <class T>
class Steps {
 public:
  Steps(const HierarchicalRule& rule, const T* parameters, std::span<const TensorShape> tensors)
      : step_scale_(static_cast<T>(rule.step_scale())), parameters_(parameters) {
    for (const TensorShape& shape : tensors) {
      tensors_.push_back({.first = weights_, .size = static_cast<std::size_t>(shape.size)});
      weights_ += tensors_.back().size;
      if (shape.size > 0) ++filled_;
    }
  }

  void begin(std::vector<T>& memory) const {
    memory[kBegun] = 1;
    memory[kMeanLogRate] = static_cast<T>(Network::kInitialLogRate);
    std::copy_n(parameters_ + Network::initial_run_at(), kAbove, memory.begin() + kRun);
    for (std::size_t k = 0; k < tensors_.size(); ++k) {
      std::copy_n(parameters_ + Network::initial_tensor_at(), kAbove, &memory[kTensors + k * kAbove]);
      for (std::size_t i = 0; i < tensors_[k].size; ++i) {
        T* weight = weight_of(memory.data(), tensors_[k].first + i);
        std::fill_n(weight, kMemory, T(0));
        std::copy_n(parameters_ + Network::initial_weight_at(), Network::kCells, weight);
        weight[Network::kLogRate] = static_cast<T>(Network::initial_log_rate(i, k));
      }
    }
  }
  /// ∂L/∂ the initial states.
  void begin_back(const std::vector<T>& d_memory, std::vector<T>& gradient) const {
    for (std::size_t c = 0; c < kAbove; ++c) {
      gradient[Network::initial_run_at() + c] += d_memory[kRun + c];
      for (std::size_t k = 0; k < tensors_.size(); ++k)
        gradient[Network::initial_tensor_at() + c] += d_memory[kTensors + k * kAbove + c];
    }
    for (std::size_t i = 0; i < weights_; ++i) {
      for (std::size_t c = 0; c < Network::kCells; ++c)
        gradient[Network::initial_weight_at() + c] += weight_of(d_memory.data(), i)[c];
    }
  }

  /// Moves `memory` on. `keep`: whether everything is kept that `backward` needs.
  void forward(const float* gradient, bool first, bool keep, T* memory) {
    first_ = first;
    if (keep) {
      before_.assign(memory, memory + kTensors + tensors_.size() * kAbove);
      traces_.resize(weights_);
    }
    T* run = memory + kRun;
    T rates = 0;
    mean_.fill(T(0));
    for (std::size_t k = 0; k < tensors_.size(); ++k) {
      Tensor& tensor = tensors_[k];
      if (tensor.size == 0) continue;
      T* state = memory + kTensors + k * kAbove;
      tensor.context = Network::context<T>(parameters_, state, run, memory[kMeanLogRate], first);
      deltas_.resize(tensor.size);
      std::array<double, kPooled> sums{};
      double square = 0;
      for (std::size_t i = 0; i < tensor.size; ++i) {
        const std::size_t weight = tensor.first + i;
        deltas_[i] = Network::look<T>(parameters_, tensor.context, static_cast<T>(gradient[weight]),
                                      weight_of(memory, weight), sums.data(), keep ? &traces_[weight] : nullptr);
        square += static_cast<double>(deltas_[i]) * static_cast<double>(deltas_[i]);
      }
      const auto size = static_cast<double>(tensor.size);
      tensor.rms = std::sqrt(static_cast<T>(square / size) + T(1e-16));
      for (std::size_t i = 0; i < tensor.size; ++i) {
        const std::size_t weight = tensor.first + i;
        Network::move<T>(parameters_, weight_of(memory, weight), deltas_[i], tensor.rms, keep ? &traces_[weight] : nullptr);
        rates += weight_of(memory, weight)[Network::kLogRate];
      }
      for (std::size_t c = 0; c < kPooled; ++c) tensor.pooled[c] = static_cast<T>(sums[c] / size);
      Network::tensor_step<T>(parameters_, tensor.pooled.data(), run, state, tensor.gates.data());
      for (std::size_t c = 0; c < kAbove; ++c) mean_[c] += state[c] / static_cast<T>(filled_);
    }
    if (filled_ == 0) return;
    memory[kMeanLogRate] = rates / static_cast<T>(weights_);
    Network::run_step<T>(parameters_, mean_.data(), run, gates_.data());
  }

  /// The step that was kept, backwards: `d_memory` from ∂L/∂ what was remembered after it to that before; ∂L/∂ the gradient
  /// seen goes to `d_seen`, ∂L/∂ parameters is added to `gradient`.
  void backward(const std::vector<T>& d_theta, std::vector<T>& d_memory, std::vector<double>& d_seen, T* gradient) {
    if (filled_ == 0) return;
    T* d_run = &d_memory[kRun];
    const T* run = &before_[kRun];
    std::array<T, kAbove> d_mean{};
    Network::run_back<T>(parameters_, mean_.data(), run, gates_.data(), d_run, d_mean.data(), gradient);
    const T d_rates = d_memory[kMeanLogRate] / static_cast<T>(weights_);
    T d_mean_log_rate = 0;
    for (std::size_t k = 0; k < tensors_.size(); ++k) {
      const Tensor& tensor = tensors_[k];
      if (tensor.size == 0) continue;
      const T* state = &before_[kTensors + k * kAbove];
      T* d_state = &d_memory[kTensors + k * kAbove];
      for (std::size_t c = 0; c < kAbove; ++c) d_state[c] += d_mean[c] / static_cast<T>(filled_);
      Network::Back<T> back;
      Network::tensor_back<T>(parameters_, tensor.pooled.data(), run, state, tensor.gates.data(), d_state,
                              back.pooled.data(), d_run, gradient);
      for (T& d : back.pooled) d /= static_cast<T>(tensor.size);
      back.rms = tensor.rms;
      for (std::size_t i = tensor.first; i < tensor.first + tensor.size; ++i)
        back.mean_product += step_scale_ * d_theta[i] * traces_[i].moved / static_cast<T>(tensor.size);
      for (std::size_t i = tensor.first; i < tensor.first + tensor.size; ++i) {
        back.moved = step_scale_ * d_theta[i];
        T* d_weight = weight_of(d_memory.data(), i);
        d_weight[Network::kLogRate] += d_rates;
        d_seen[i] = static_cast<double>(Network::back<T>(parameters_, tensor.context, traces_[i], back, d_weight, gradient));
      }
      d_mean_log_rate += back.d_mean_log_rate;
      Network::context_back<T>(parameters_, state, run, back.d_bias.data(), d_state, d_run, gradient);
    }
    d_memory[kMeanLogRate] = first_ ? T(0) : d_mean_log_rate;
  }

 private:
  struct Tensor {
    std::size_t first = 0, size = 0;
    Network::Context<T> context{};
    std::array<T, kPooled> pooled{};
    std::array<T, 3 * kAbove> gates{};
    T rms = 1;
  };

  template <class Number>
  Number* weight_of(Number* memory, std::size_t i) const {
    return memory + kTensors + tensors_.size() * kAbove + i * kMemory;
  }

  T step_scale_;
  const T* parameters_;
  std::vector<Tensor> tensors_;
  std::size_t weights_ = 0, filled_ = 0;  // and tensors that have some
  // Of the latest step.
  bool first_ = false;
  std::vector<T> before_, deltas_;
  std::vector<Network::Trace<T>> traces_;
  std::array<T, kAbove> mean_{};
  std::array<T, 3 * kAbove> gates_{};
};

}  // namespace

std::size_t hierarchical_memory(std::span<const TensorShape> tensors) {
  std::size_t out = kTensors + tensors.size() * kAbove;
  for (const TensorShape& tensor : tensors) out += static_cast<std::size_t>(tensor.size) * kMemory;
  return out;
}

template <class T>
void backpropagate(const HierarchicalRule& rule, const T* parameters, const RunPoints& points, std::size_t first,
                   std::span<const TensorShape> tensors, const Curvature& curvature, std::vector<T>& memory,
                   std::vector<T>& gradient) {
  if (points.values.size() < 2) return;
  const std::size_t m = points.gradients.size() / points.values.size(), steps = points.values.size() - 1;
  Steps<T> step(rule, parameters, tensors);
  const bool fresh = memory[kBegun] == T(0);
  if (fresh) step.begin(memory);
  std::vector<std::vector<T>> kept;
  for (std::size_t t = 0; t < steps; ++t) {
    if (t >= first) kept.push_back(memory);
    step.forward(&points.gradients[t * m], fresh && t == 0, false, memory.data());
  }
  std::vector<T> d_memory(memory.size()), d_theta(m);
  std::vector<double> d_seen(m), product(m);
  for (std::size_t t = steps; t-- > first;) {
    const T weight = static_cast<T>(points.weight(t + 1));
    for (std::size_t i = 0; i < m; ++i) d_theta[i] += weight * static_cast<T>(points.gradients[(t + 1) * m + i]);
    step.forward(&points.gradients[t * m], fresh && t == 0, true, kept[t - first].data());
    step.backward(d_theta, d_memory, d_seen, gradient.data());
    if (!curvature || t == first) continue;
    curvature(t, d_seen, product);
    for (std::size_t i = 0; i < m; ++i) d_theta[i] += static_cast<T>(product[i]);
  }
  if (fresh && first == 0) step.begin_back(d_memory, gradient);
}

template void backpropagate(const HierarchicalRule&, const float*, const RunPoints&, std::size_t,
                            std::span<const TensorShape>, const Curvature&, std::vector<float>&, std::vector<float>&);
template void backpropagate(const HierarchicalRule&, const double*, const RunPoints&, std::size_t,
                            std::span<const TensorShape>, const Curvature&, std::vector<double>&, std::vector<double>&);

}  // namespace scout
