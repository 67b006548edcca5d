// Methods that find their own step length: Prodigy and DoWG.
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "scout/baseline/table.h"
#include "scout/baseline/tensor_method.h"

namespace scout::baseline {
namespace {

/// Copies of the starting point, counted as state.
template <class Keep>
std::vector<at::Tensor> copies(const std::vector<at::Tensor>& parameters, Keep&& keep) {
  std::vector<at::Tensor> out;
  for (const at::Tensor& x : parameters) out.push_back(keep(x.detach().clone()));
  return out;
}

/// Defaults: the authors', with the cosine that they advise.
struct ProdigyOptions : RateOptions {
  static constexpr bool finds_length = true;
  ProdigyOptions() { lr = 1; }
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  double d0 = 1e-6;
  double d_factor = 1;
  bool bias_correction = false;
  bool safeguard_warmup = false;
  template <class Visitor>
  void describe(Visitor&& visit) {
    RateOptions::describe(visit);
    visit("beta1", beta1, "decay of the first moment", fraction);
    visit("beta2", beta2, "decay of the second moment", inside(0, 1));
    visit("epsilon", epsilon, "added to the root of the second moment, times the distance", positive());
    visit("weight_decay", weight_decay, "decay towards 0, times the length of a step", at_least(0));
    visit("d0", d0, "first estimate of the distance to the optimum, in box widths; on networks, as it is", positive());
    visit("d_factor", d_factor, "factor of the estimate", positive());
    visit("bias_correction", bias_correction, "whether the bias of the moments is corrected");
    visit("safeguard_warmup", safeguard_warmup, "whether the learning rate is left out of the estimate's denominator");
  }
};

/// Prodigy: Mishchenko & Defazio 2023, arXiv 2306.06101, algorithm 4, as in the authors' code: `d`, the estimate of the
/// distance from the start to the optimum, never falls.
class Prodigy final : public TensorMethod {
 public:
  using Options = ProdigyOptions;
  Prodigy(const std::vector<at::Tensor>& parameters, const Options& options, const RunFacts& facts)
      : TensorMethod(parameters),
        options_(options),
        d0_(options.d0 * facts.length),
        d_(d0_),
        greatest_d_(d0_),
        m_(keep_zeros()),
        v_(keep_zeros()),
        s_(keep_zeros()),
        start_(copies(parameters, [this](at::Tensor x) { return keep(std::move(x)); })) {}

 private:
  void begin_step() override {
    const double beta3 = std::sqrt(options_.beta2);
    const double steps = static_cast<double>(t());
    const double correction = options_.bias_correction
                                  ? std::sqrt(1 - std::pow(options_.beta2, steps)) / (1 - std::pow(options_.beta1, steps))
                                  : 1;
    length_ = d_ * lr() * correction;
    numerator_ *= beta3;
    double denominator = 0;
    for (std::size_t i = 0; i < count(); ++i) {
      const at::Tensor& g = parameter(i).grad();
      numerator_ += d_ / d0_ * length_ * (g * (start_[i] - parameter(i))).sum().item<double>();
      m_[i].mul_(options_.beta1).add_(g, d_ * (1 - options_.beta1));
      v_[i].mul_(options_.beta2).addcmul_(g, g, d_ * d_ * (1 - options_.beta2));
      s_[i].mul_(beta3).add_(g, d_ / d0_ * (options_.safeguard_warmup ? d_ : length_));
      denominator += s_[i].abs().sum().item<double>();
    }
    if (denominator == 0) return;
    const double estimate = options_.d_factor * numerator_ / denominator;
    if (d_ == d0_) d_ = std::max(d_, estimate);
    greatest_d_ = std::max(greatest_d_, estimate);
    d_ = greatest_d_;
  }

  void step_tensor(std::size_t i, const at::Tensor& x, const at::Tensor&) override {
    x.mul_(1 - options_.weight_decay * length_);
    x.addcdiv_(m_[i], v_[i].sqrt().add_(d_ * options_.epsilon), -length_);
  }

  Options options_;
  double d0_, d_, greatest_d_;
  double numerator_ = 0;
  double length_ = 0;  // of this step
  std::vector<at::Tensor> m_, v_, s_, start_;
};

struct DowgOptions : RateOptions {
  static constexpr bool finds_length = true;
  DowgOptions() {
    lr = 1;
    schedule = "constant";
  }
  double epsilon = 1e-4;
  template <class Visitor>
  void describe(Visitor&& visit) {
    RateOptions::describe(visit);
    visit("epsilon", epsilon, "square of the first estimate of the distance, in box widths; on networks, as it is",
          positive());
  }
};

/// DoWG: Khaled, Mishchenko & Jin 2023, arXiv 2305.16284, algorithm 1. Its step is a multiple of the gradient.
class Dowg final : public TensorMethod {
 public:
  using Options = DowgOptions;
  Dowg(const std::vector<at::Tensor>& parameters, const Options& options, const RunFacts& facts)
      : TensorMethod(parameters),
        epsilon_(options.epsilon),
        distance2_(options.epsilon * facts.length * facts.length),
        start_(copies(parameters, [this](at::Tensor x) { return keep(std::move(x)); })) {}

 private:
  void begin_step() override {
    double moved2 = 0, gradient2 = 0;
    for (std::size_t i = 0; i < count(); ++i) {
      moved2 += (parameter(i) - start_[i]).square_().sum().item<double>();
      gradient2 += parameter(i).grad().square().sum().item<double>();
    }
    distance2_ = std::max(distance2_, moved2);
    sum_ += distance2_ * gradient2;
    step_ = lr() * distance2_ / (std::sqrt(sum_) + epsilon_);
  }

  void step_tensor(std::size_t, const at::Tensor& x, const at::Tensor& g) override { x.sub_(g, step_); }

  double epsilon_;
  double distance2_;
  double sum_ = 0;
  double step_ = 0;
  std::vector<at::Tensor> start_;
};

nlohmann::json prodigy_defaults() { return {{"lr", 1.0}, {"schedule", "cosine"}}; }
nlohmann::json dowg_defaults() { return {{"lr", 1.0}, {"schedule", "constant"}}; }

}  // namespace

constinit const OptimizerEntry prodigy{"prodigy", "Prodigy: Adam that finds its learning rate, untuned",
                                       only<prodigy_defaults>, make<OnTensors<Prodigy>>};
constinit const OptimizerEntry dowg{"dowg", "DoWG: gradient descent that finds its learning rate, untuned",
                                    only<dowg_defaults>, make<OnTensors<Dowg>>};

}  // namespace scout::baseline
