#include "scout/problem/autograd/classifier.h"

#include <ATen/Parallel.h>
#include <c10/util/accumulate.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <algorithm>
#include <utility>

#include "scout/problem/classifier/perceptron.h"

namespace scout {
namespace {

/// Several classifiers are one batch if the largest output of one is no longer than the first, and as many as make the
/// second: small classifiers are several times faster so, large ones slower (benchmarks/network_batch.cc).
constexpr std::size_t kStackedOutput = std::size_t{1} << 15;
constexpr std::size_t kStackOutput = std::size_t{1} << 19;

/// The memory of `numbers` as a tensor. LibTorch has no view of constant memory; nothing here writes to it.
at::Tensor view_of(std::span<const float> numbers, at::IntArrayRef shape) {
  return torch::from_blob(const_cast<float*>(numbers.data()), shape, at::kFloat);
}

/// One thread an operation: runs are already parallel, and the classifiers too small to split. The setting is OpenMP's,
/// which every thread has its own of.
void use_one_thread() { [[maybe_unused]] thread_local const bool once = (at::set_num_threads(1), true); }

}  // namespace

at::Tensor Pass::linear(const at::Tensor& x) {
  const at::Tensor weight = take();
  const at::Tensor bias = take();
  if (classifiers_ > 1) {
    const at::Tensor apart = x.reshape({x.size(0), classifiers_, -1}).transpose(0, 1);
    return at::baddbmm(bias.view({classifiers_, 1, -1}), apart,
                       weight.view({classifiers_, -1, weight.size(1)}).transpose(1, 2));
  }
  const at::Tensor y = at::linear(x, weight, bias);
  observe(2, y);
  return y;
}

at::Tensor Pass::convolution(const at::Tensor& x, int stride) {
  const at::Tensor weight = take();
  // What the classifiers have in common, their input, is in one group.
  const std::int64_t groups = x.size(1) == weight.size(1) ? 1 : classifiers_;
  const at::Tensor y = at::conv2d(x, weight, {}, stride, weight.size(2) / 2, 1, groups);
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

void AutogradClassifier::add(ParameterTensor tensor, std::vector<std::int64_t> shape) {
  tensor.offset = parameter_count();
  tensor.size = static_cast<std::size_t>(c10::multiply_integers(shape));
  tensors_.push_back(tensor);
  shapes_.push_back(std::move(shape));
}

void AutogradClassifier::add_weight(std::vector<std::int64_t> shape) {
  const std::int64_t field = c10::multiply_integers(shape.begin() + 2, shape.end());
  const ParameterTensor tensor{.kind = ParameterTensor::Kind::weight,
                               .offset = 0,
                               .size = 0,
                               .fan_in = static_cast<int>(shape[1] * field),
                               .fan_out = static_cast<int>(shape[0] * field),
                               .rows = static_cast<int>(shape[0]),
                               .dimensions = static_cast<int>(shape.size())};
  add(tensor, std::move(shape));
}

at::Tensor AutogradClassifier::forward(const at::Tensor& thetas, std::span<const float> inputs,
                                       const WeightObserver& observe) const {
  use_one_thread();
  std::vector<std::int64_t> shape{std::ssize(inputs) / c10::multiply_integers(input_)};
  shape.insert(shape.end(), input_.begin(), input_.end());
  std::vector<at::Tensor> parameters;
  for (std::size_t t = 0; t < tensors_.size(); ++t) {
    const auto begin = static_cast<std::int64_t>(tensors_[t].offset);
    std::vector<std::int64_t> stacked = shapes_[t];
    stacked[0] *= thetas.size(0);
    parameters.push_back(thetas.slice(1, begin, begin + static_cast<std::int64_t>(tensors_[t].size)).reshape(stacked));
  }
  Pass pass(parameters, observe, thetas.size(0));
  return scores(pass, view_of(inputs, shape));
}

Score AutogradClassifier::evaluate(std::span<const float> theta, std::span<const float> inputs,
                                   std::span<const std::int32_t> labels, std::span<float> gradient) const {
  Score score;
  evaluate_stack(theta, inputs, labels, {&score, 1}, gradient);
  return score;
}

void AutogradClassifier::evaluate_each(std::span<const float> thetas, std::span<const float> inputs,
                                       std::span<const std::int32_t> labels, std::span<Score> scores,
                                       std::span<float> gradients) const {
  const std::size_t m = parameter_count();
  const std::size_t output = largest_output() * labels.size();
  const std::size_t together = output == 0 || output > kStackedOutput ? 1 : std::max<std::size_t>(1, kStackOutput / output);
  for (std::size_t k = 0; k < scores.size(); k += together) {
    const std::size_t n = std::min(together, scores.size() - k);
    evaluate_stack(thetas.subspan(k * m, n * m), inputs, labels, scores.subspan(k, n),
                   gradients.empty() ? gradients : gradients.subspan(k * m, n * m));
  }
}

void AutogradClassifier::evaluate_stack(std::span<const float> thetas, std::span<const float> inputs,
                                        std::span<const std::int32_t> labels, std::span<Score> scores,
                                        std::span<float> gradients) const {
  const bool differentiate = !gradients.empty();
  const torch::AutoGradMode graph(differentiate);
  const at::Tensor points =
      view_of(thetas, {std::ssize(scores), static_cast<std::int64_t>(parameter_count())}).requires_grad_(differentiate);
  const at::Tensor out = forward(points, inputs, {});
  at::Tensor slope = out.detach().clone(at::MemoryFormat::Contiguous);
  const std::span all(slope.data_ptr<float>(), static_cast<std::size_t>(slope.numel()));
  const std::size_t each = all.size() / scores.size();
  for (std::size_t k = 0; k < scores.size(); ++k) {
    scores[k] = cross_entropy(all.subspan(k * each, each), labels, differentiate);
  }
  if (differentiate) {
    const at::Tensor found = torch::autograd::grad({out}, {points}, {slope}).front().contiguous();
    std::copy_n(found.data_ptr<float>(), gradients.size(), gradients.begin());
  }
}

double AutogradClassifier::output_deviation(std::span<const float> theta, std::span<const float> inputs,
                                            std::size_t tensor) const {
  const torch::AutoGradMode graph(false);
  double deviation = 0;
  forward(view_of(theta, {1, std::ssize(theta)}), inputs, [&](std::size_t observed, const at::Tensor& output) {
    if (observed == tensor) deviation = output.std(/*unbiased=*/false).item<double>();
  });
  return deviation;
}

}  // namespace scout
