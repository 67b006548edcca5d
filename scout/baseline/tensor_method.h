// First-order methods that torch::optim lacks, written on tensors. To add one, copy lion.cc.
#pragma once

#include <ATen/core/Tensor.h>

#include "scout/baseline/method.h"
#include "scout/baseline/torch_meter.h"

namespace scout::baseline {

/// What a method may know of its run before the first step.
struct RunFacts {
  std::int64_t horizon = 1;  ///< steps of the whole run
  double length = 1;         ///< length_unit() of the instance
};

/// A method on tensors. Tensors and gradients are those of the parameters; all that is kept from step to step is made by
/// `keep`. Steps of any float type are made in that type.
class TensorMethod : public torch::optim::Optimizer {
 public:
  explicit TensorMethod(const std::vector<at::Tensor>& parameters);

  /// A step along the gradients of all parameters. `closure` is not called.
  at::Tensor step(LossClosure closure = nullptr) final;

  void set_lr(double lr) { lr_ = lr; }
  std::int64_t state_bytes() const;

  /// Whether the run stands for other points than those where it asks for gradients.
  virtual bool has_result() const { return false; }
  /// Where the run would end now, for the parameter number `i`.
  virtual at::Tensor result(std::size_t i) const { return parameter(i); }

 protected:
  /// Comes before the tensors of a step, for what concerns all of them.
  virtual void begin_step() {}
  /// A step of the parameter number `i`, the tensor `x` with the gradient `g`.
  virtual void step_tensor(std::size_t i, const at::Tensor& x, const at::Tensor& g) = 0;

  /// Counts `tensor` as state, and returns it.
  at::Tensor keep(at::Tensor tensor);
  /// State of zeros, one for each parameter and of its shape.
  std::vector<at::Tensor> keep_zeros();

  const at::Tensor& parameter(std::size_t i) const { return tensors_[i]; }
  std::size_t count() const { return tensors_.size(); }
  double lr() const { return lr_; }
  /// The number of the step, from 1.
  std::int64_t t() const { return t_; }

 private:
  std::vector<at::Tensor> tensors_;
  std::vector<at::Tensor> kept_;
  double lr_ = 0;
  std::int64_t t_ = 0;
};

/// Adam's moments of one tensor (Kingma & Ba 2015, algorithm 1).
struct AdamMoments {
  at::Tensor m, v;
  /// Takes in the gradient of step `t`, from 1; returns m̂ / (√v̂ + ε).
  at::Tensor direction(const at::Tensor& g, std::int64_t t, double beta1, double beta2, double epsilon);
};

using MakeTensorMethod =
    std::function<std::unique_ptr<TensorMethod>(const std::vector<at::Tensor>& parameters, const RunFacts& facts)>;
/// The learning rate of a step of a run of `horizon`.
using Rate = std::function<double(std::int64_t step, std::int64_t horizon)>;

/// `Optimizer::run` of a method: one gradient a step, on the tensors that the instance says.
Ending run_on_tensors(Oracle& oracle, std::span<const double> start, const MakeTensorMethod& make, const Rate& rate);
std::unique_ptr<StepMeter> meter_on_tensors(const std::vector<TensorShape>& tensors, std::int64_t horizon,
                                            const MakeTensorMethod& make, const Rate& rate);

/// The optimizer of a TensorMethod, which has its options as `Method::Options` and is made of parameters, options and
/// RunFacts. The learning rate is in units of length_unit(), unless the method finds lengths by itself and says so by
/// `Options::finds_length`; then it is a factor.
template <class Method>
struct OnTensors : Optimizer, Method::Options {
  Ending run(Oracle& oracle, std::span<const double> start, Seed) const override {
    const double unit = finds_length() ? 1.0 : length_unit(oracle.instance());
    return run_on_tensors(oracle, start, maker(),
                          [this, unit](auto step, auto horizon) { return unit * this->at(step, horizon); });
  }

  std::unique_ptr<StepMeter> step_meter(const std::vector<TensorShape>& tensors, std::int64_t horizon) const override {
    return meter_on_tensors(tensors, horizon, maker(), [this](auto step, auto steps) { return this->at(step, steps); });
  }

 private:
  static constexpr bool finds_length() {
    return requires { Method::Options::finds_length; };
  }
  MakeTensorMethod maker() const {
    return [this](const std::vector<at::Tensor>& parameters, const RunFacts& facts) {
      return std::make_unique<Method>(parameters, *this, facts);
    };
  }
};

}  // namespace scout::baseline
