#include "scout/baseline/tensor_method.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <utility>

namespace scout::baseline {
namespace {

/// torch keeps options of each group of parameters: here a method has its own.
struct NoOptions : torch::optim::OptimizerCloneableOptions<NoOptions> {};

}  // namespace

TensorMethod::TensorMethod(const std::vector<at::Tensor>& parameters)
    : Optimizer(parameters, std::make_unique<NoOptions>()), tensors_(parameters) {}

at::Tensor TensorMethod::step(LossClosure) {
  const c10::NoGradGuard no_grad;
  ++t_;
  begin_step();
  for (std::size_t i = 0; i < count(); ++i) step_tensor(i, tensors_[i], tensors_[i].grad());
  return {};
}

std::int64_t TensorMethod::state_bytes() const {
  std::int64_t sum = 0;
  for (const at::Tensor& tensor : kept_) sum += static_cast<std::int64_t>(tensor.nbytes());
  return sum;
}

at::Tensor TensorMethod::keep(at::Tensor tensor) {
  kept_.push_back(tensor);
  return tensor;
}

std::vector<at::Tensor> TensorMethod::keep_zeros() {
  std::vector<at::Tensor> out;
  for (const at::Tensor& tensor : tensors_) out.push_back(keep(at::zeros_like(tensor)));
  return out;
}

at::Tensor AdamMoments::direction(const at::Tensor& g, std::int64_t t, double beta1, double beta2, double epsilon) {
  m.mul_(beta1).add_(g, 1 - beta1);
  v.mul_(beta2).addcmul_(g, g, 1 - beta2);
  const auto steps = static_cast<double>(t);
  const double root = std::sqrt(1 - std::pow(beta2, steps));
  return (m / (1 - std::pow(beta1, steps))).div_(v.sqrt().div_(root).add_(epsilon));
}

Ending run_on_tensors(Oracle& oracle, std::span<const double> start, const MakeTensorMethod& make, const Rate& rate) {
  use_one_torch_thread();
  const c10::NoGradGuard no_grad;
  std::vector<double> theta(start.begin(), start.end());
  std::vector<double> gradient(theta.size()), result(theta.size());
  const auto size = static_cast<std::int64_t>(theta.size());
  const at::Tensor flat = at::from_blob(theta.data(), {size}, at::kDouble);
  const at::Tensor flat_gradient = at::from_blob(gradient.data(), {size}, at::kDouble);
  const at::Tensor flat_result = at::from_blob(result.data(), {size}, at::kDouble);
  std::vector<at::Tensor> parameters;
  std::int64_t offset = 0;
  for (const TensorShape& shape : oracle.instance().tensors()) {
    const auto sizes = tensor_sizes(shape);
    parameters.push_back(flat.narrow(0, offset, shape.size).view(sizes));
    parameters.back().mutable_grad() = flat_gradient.narrow(0, offset, shape.size).view(sizes);
    offset += shape.size;
  }

  const std::int64_t horizon = oracle.remaining();
  const auto method = make(parameters, {horizon, length_unit(oracle.instance())});
  for (std::int64_t step = 0;; ++step) {
    if (method->has_result()) {
      offset = 0;
      for (std::size_t i = 0; i < parameters.size(); ++i) {
        const std::int64_t length = parameters[i].numel();
        flat_result.narrow(0, offset, length).copy_(method->result(i).reshape({length}));
        offset += length;
      }
      oracle.gradient(theta, gradient, result);
    } else {
      oracle.gradient(theta, gradient);
    }
    if (!all_finite(gradient)) return Ending::failed;
    method->set_lr(rate(step, horizon));
    method->step();
  }
}

std::unique_ptr<StepMeter> meter_on_tensors(const std::vector<TensorShape>& tensors, std::int64_t horizon,
                                            const MakeTensorMethod& make, const Rate& rate) {
  return torch_meter(
      tensors,
      [&](const std::vector<at::Tensor>& parameters) {
        auto method = make(parameters, {horizon, 1.0});
        method->set_lr(rate(horizon / 2, horizon));
        return method;
      },
      [](const torch::optim::Optimizer& optimizer) { return dynamic_cast<const TensorMethod&>(optimizer).state_bytes(); });
}

}  // namespace scout::baseline
