#include "scout/baseline/torch_meter.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/lbfgs.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>

#include <ctime>
#include <stdexcept>
#include <utility>

namespace scout::baseline {
namespace {

constexpr double kWeight = 0.05;     // root mean square of the weights at the start
constexpr double kCurvature = 0.01;  // of the bowl; the noise is 1, so that weights stay where they are at any learning rate

/// Stands still while another program has the core.
double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

class TorchMeter final : public StepMeter {
 public:
  TorchMeter(const std::vector<TensorShape>& tensors, const MakeTorch& make, StateBytes bytes) : bytes_(std::move(bytes)) {
    use_one_torch_thread();
    const c10::NoGradGuard no_grad;
    for (const TensorShape& shape : tensors) {
      at::Tensor weight = at::empty(tensor_sizes(shape), at::kFloat);
      weight.normal_(0, kWeight, random_);
      weight.requires_grad_(true);  // without, LearnedOptimizer takes it for frozen
      weight.mutable_grad() = at::zeros_like(weight);
      noise_.push_back(at::zeros_like(weight));
      parameters_.push_back(std::move(weight));
    }
    optimizer_ = make(parameters_);
  }

  double step() override {
    use_one_torch_thread();
    const c10::NoGradGuard no_grad;
    for (at::Tensor& noise : noise_) noise.normal_(0, 1, random_);
    double gradients = 0;
    double begin = 0;
    if (dynamic_cast<torch::optim::LBFGS*>(optimizer_.get()) != nullptr) {  // it asks for gradients as it goes
      begin = cpu_seconds();
      optimizer_->step([&] {
        const double asked = cpu_seconds();
        at::Tensor loss = evaluate();
        gradients += cpu_seconds() - asked;
        return loss;
      });
    } else {
      evaluate();
      begin = cpu_seconds();
      optimizer_->step();
    }
    return cpu_seconds() - begin - gradients;
  }

  std::int64_t state_bytes() const override { return bytes_(*optimizer_); }

 private:
  at::Tensor evaluate() {
    const c10::NoGradGuard no_grad;
    at::Tensor loss = at::zeros({}, at::kFloat);
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      parameters_[i].mutable_grad().copy_(noise_[i]).add_(parameters_[i], kCurvature);
      loss += (noise_[i] * parameters_[i]).sum() + 0.5 * kCurvature * parameters_[i].square().sum();
    }
    return loss;
  }

  at::Generator random_ = at::detail::createCPUGenerator(1);
  std::vector<at::Tensor> parameters_, noise_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  StateBytes bytes_;
};

template <class List = std::initializer_list<at::Tensor>>
std::int64_t bytes_of(const List& tensors) {
  std::int64_t sum = 0;
  for (const at::Tensor& tensor : tensors) sum += tensor.defined() ? static_cast<std::int64_t>(tensor.nbytes()) : 0;
  return sum;
}

std::int64_t bytes_of_parameter(const torch::optim::OptimizerParamState& state) {
  if (const auto* adam = dynamic_cast<const torch::optim::AdamParamState*>(&state)) {
    return bytes_of({adam->exp_avg(), adam->exp_avg_sq(), adam->max_exp_avg_sq()});
  }
  if (const auto* adamw = dynamic_cast<const torch::optim::AdamWParamState*>(&state)) {
    return bytes_of({adamw->exp_avg(), adamw->exp_avg_sq(), adamw->max_exp_avg_sq()});
  }
  if (const auto* sgd = dynamic_cast<const torch::optim::SGDParamState*>(&state)) return bytes_of({sgd->momentum_buffer()});
  if (const auto* rmsprop = dynamic_cast<const torch::optim::RMSpropParamState*>(&state)) {
    return bytes_of({rmsprop->square_avg(), rmsprop->momentum_buffer(), rmsprop->grad_avg()});
  }
  if (const auto* adagrad = dynamic_cast<const torch::optim::AdagradParamState*>(&state)) return bytes_of({adagrad->sum()});
  if (const auto* lbfgs = dynamic_cast<const torch::optim::LBFGSParamState*>(&state)) {
    return bytes_of({lbfgs->d(), lbfgs->prev_flat_grad(), lbfgs->H_diag()}) + bytes_of(lbfgs->old_dirs()) +
           bytes_of(lbfgs->old_stps()) + bytes_of(lbfgs->ro()) + (lbfgs->al() ? bytes_of(*lbfgs->al()) : 0);
  }
  throw std::invalid_argument("state_bytes: not the state of one of torch's own optimizers");
}

}  // namespace

void use_one_torch_thread() { [[maybe_unused]] thread_local const bool once = (at::set_num_threads(1), true); }

std::int64_t state_bytes(const torch::optim::Optimizer& optimizer) {
  std::int64_t sum = 0;
  for (const auto& [parameter, state] : optimizer.state()) sum += bytes_of_parameter(*state);
  return sum;
}

std::vector<std::int64_t> tensor_sizes(const TensorShape& shape) {
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(shape.dimensions), 1);
  if (shape.dimensions > 0) sizes[0] = shape.rows;
  if (shape.dimensions > 1) sizes[1] = shape.size / shape.rows;
  return sizes;
}

std::unique_ptr<StepMeter> torch_meter(const std::vector<TensorShape>& tensors, const MakeTorch& make, StateBytes bytes) {
  return std::make_unique<TorchMeter>(tensors, make, std::move(bytes));
}

}  // namespace scout::baseline
