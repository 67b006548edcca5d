#include "scout/problem/autograd/network.h"

#include <ATen/Parallel.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <algorithm>
#include <utility>

#include "scout/problem/network/perceptron.h"

namespace scout {
namespace {

using Kind = ParameterTensor::Kind;

/// The memory of `numbers` as a tensor. LibTorch has no view of constant memory; nothing here writes to it.
at::Tensor view_of(std::span<const float> numbers, at::IntArrayRef shape) {
  return torch::from_blob(const_cast<float*>(numbers.data()), shape, at::kFloat);
}

/// One thread an operation: runs are already parallel, and the nets too small to split. The setting is OpenMP's, which every
/// thread has its own of.
void use_one_thread() { [[maybe_unused]] thread_local const bool once = (at::set_num_threads(1), true); }

}  // namespace

at::Tensor Pass::linear(const at::Tensor& x) {
  const at::Tensor weight = take();
  const at::Tensor bias = take();
  const at::Tensor y = at::linear(x, weight, bias);
  observe(2, y);
  return y;
}

at::Tensor Pass::convolution(const at::Tensor& x, int stride) {
  const at::Tensor weight = take();
  const at::Tensor y = at::conv2d(x, weight, {}, stride, weight.size(2) / 2);
  observe(1, y);
  return y;
}

at::Tensor Pass::channel_bias(const at::Tensor& x) { return x + take().view({-1, 1, 1}); }

at::Tensor Pass::batch_norm(const at::Tensor& x) {
  const at::Tensor scale = take();
  const at::Tensor bias = take();
  return at::batch_norm(x, scale, bias, {}, {}, /*training=*/true, /*momentum=*/0, /*eps=*/1e-5, /*cudnn_enabled=*/false);
}

at::Tensor Pass::layer_norm(const at::Tensor& x) {
  const at::Tensor scale = take();
  const at::Tensor bias = take();
  return at::layer_norm(x, {x.size(-1)}, scale, bias);
}

void Pass::observe(std::size_t back, const at::Tensor& output) {
  if (observe_) observe_(next_ - back, output);
}

AutogradNetwork::AutogradNetwork(std::vector<int> input) : input_(input.begin(), input.end()) {}

void AutogradNetwork::add(ParameterTensor tensor, std::vector<std::int64_t> shape) {
  tensor.offset = parameter_count();
  tensor.size = 1;
  for (const std::int64_t n : shape) tensor.size *= static_cast<std::size_t>(n);
  tensors_.push_back(tensor);
  shapes_.push_back(std::move(shape));
}

void AutogradNetwork::add_weight(std::vector<std::int64_t> shape) {
  std::int64_t field = 1;
  for (std::size_t axis = 2; axis < shape.size(); ++axis) field *= shape[axis];
  const ParameterTensor tensor{.kind = Kind::weight,
                               .offset = 0,
                               .size = 0,
                               .fan_in = static_cast<int>(shape[1] * field),
                               .fan_out = static_cast<int>(shape[0] * field),
                               .rows = static_cast<int>(shape[0]),
                               .dimensions = static_cast<int>(shape.size())};
  add(tensor, std::move(shape));
}

void AutogradNetwork::add_bias(std::int64_t size) { add({.kind = Kind::bias, .offset = 0, .size = 0}, {size}); }
void AutogradNetwork::add_scale(std::int64_t size) { add({.kind = Kind::scale, .offset = 0, .size = 0}, {size}); }

at::Tensor AutogradNetwork::forward(const at::Tensor& theta, std::span<const float> inputs,
                                    const WeightObserver& observe) const {
  use_one_thread();
  std::vector<std::int64_t> shape{0};
  std::int64_t size = 1;
  for (const std::int64_t n : input_) {
    shape.push_back(n);
    size *= n;
  }
  shape[0] = static_cast<std::int64_t>(inputs.size()) / size;
  std::vector<at::Tensor> parameters;
  for (std::size_t t = 0; t < tensors_.size(); ++t) {
    const auto begin = static_cast<std::int64_t>(tensors_[t].offset);
    parameters.push_back(theta.slice(0, begin, begin + static_cast<std::int64_t>(tensors_[t].size)).view(shapes_[t]));
  }
  Pass pass(parameters, observe);
  return scores(pass, view_of(inputs, shape));
}

Score AutogradNetwork::evaluate(std::span<const float> theta, std::span<const float> inputs,
                                std::span<const std::int32_t> labels, std::span<float> gradient) const {
  const bool differentiate = !gradient.empty();
  const torch::AutoGradMode graph(differentiate);
  const at::Tensor point = view_of(theta, {std::ssize(theta)}).requires_grad_(differentiate);
  const at::Tensor out = forward(point, inputs, {});
  at::Tensor slope = out.detach().clone(at::MemoryFormat::Contiguous);
  const Score score =
      cross_entropy({slope.data_ptr<float>(), static_cast<std::size_t>(slope.numel())}, labels, differentiate);
  if (differentiate) {
    const at::Tensor found = torch::autograd::grad({out}, {point}, {slope}).front().contiguous();
    std::copy_n(found.data_ptr<float>(), gradient.size(), gradient.begin());
  }
  return score;
}

double AutogradNetwork::output_deviation(std::span<const float> theta, std::span<const float> inputs,
                                         std::size_t tensor) const {
  const torch::AutoGradMode graph(false);
  double deviation = 0;
  forward(view_of(theta, {std::ssize(theta)}), inputs, [&](std::size_t observed, const at::Tensor& output) {
    if (observed == tensor) deviation = output.std(/*unbiased=*/false).item<double>();
  });
  return deviation;
}

}  // namespace scout
