#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>

#include "scout/baseline/table.h"
#include "scout/baseline/tensor_method.h"

namespace scout::baseline {
namespace {

/// Defaults: those of the authors' code.
struct ScheduleFreeOptions : RateOptions {
  ScheduleFreeOptions() {
    lr = 0.0025;
    schedule = "constant";
  }
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  template <class Visitor>
  void describe(Visitor&& visit) {
    RateOptions::describe(visit);
    visit("beta1", beta1, "weight of the average in the point where the gradient is taken", inside(0, 1));
    visit("beta2", beta2, "decay of the second moment", fraction);
    visit("epsilon", epsilon, "added to the root of the second moment", positive());
    visit("weight_decay", weight_decay, "decay towards 0, times the learning rate, a step", at_least(0));
  }
};

/// Schedule-free AdamW: Defazio et al. 2024, "The road less scheduled", arXiv 2405.15682, algorithm 1. The parameters are y,
/// where gradients are taken. The run stands for x, the average of z weighted by the square of the greatest rate so far; so
/// does its record.
class ScheduleFree final : public TensorMethod {
 public:
  using Options = ScheduleFreeOptions;
  ScheduleFree(const std::vector<at::Tensor>& parameters, const Options& options, const RunFacts&)
      : TensorMethod(parameters), options_(options), v_(keep_zeros()) {
    for (const at::Tensor& y : parameters) z_.push_back(keep(y.detach().clone()));
  }

  bool has_result() const override { return true; }
  at::Tensor result(std::size_t i) const override {
    const at::Tensor& y = parameter(i);
    return y + (y - z_[i]) * (1 / options_.beta1 - 1);
  }

 private:
  void begin_step() override {
    greatest_lr_ = std::max(greatest_lr_, lr());
    const double weight = greatest_lr_ * greatest_lr_;
    sum_of_weights_ += weight;
    share_ = weight / sum_of_weights_;
  }

  void step_tensor(std::size_t i, const at::Tensor& y, const at::Tensor& g) override {
    const at::Tensor x = result(i);
    v_[i].mul_(options_.beta2).addcmul_(g, g, 1 - options_.beta2);
    const double root = std::sqrt(1 - std::pow(options_.beta2, static_cast<double>(t())));
    z_[i].sub_(y, lr() * options_.weight_decay).addcdiv_(g, v_[i].sqrt().div_(root).add_(options_.epsilon), -lr());
    x.lerp_(z_[i], share_);
    y.copy_(x.lerp_(z_[i], 1 - options_.beta1));
  }

  Options options_;
  std::vector<at::Tensor> v_, z_;
  double greatest_lr_ = 0;
  double sum_of_weights_ = 0;
  double share_ = 1;  // of the new z in the average
};

std::vector<nlohmann::json> settings() {
  return product(
      {{"schedule", {"constant"}}, {"warmup", {0.05}}, {"weight_decay", {0.0, 0.1}}, {"lr", log_spaced(1e-4, 3, 19)}});
}

nlohmann::json defaults() { return {{"lr", 0.0025}, {"schedule", "constant"}}; }

/// The authors' second submission to the self-tuning ruleset of the benchmark AlgoPerf
/// (mlcommons/submissions_algorithms). Its warm-up is 2 % of three quarters of the run.
nlohmann::json algoperf() {
  return {{"lr", 0.0025},           {"beta1", 0.9},   {"beta2", 0.9955159689799007}, {"weight_decay", 0.08121616522670176},
          {"schedule", "constant"}, {"warmup", 0.015}};
}

using Method = OnTensors<ScheduleFree>;

}  // namespace

constinit const OptimizerEntry schedule_free_adamw{"schedule-free-adamw", "schedule-free AdamW, judged at its average",
                                                   settings, make<Method>};
constinit const OptimizerEntry schedule_free_adamw_default{"schedule-free-adamw-default",
                                                           "schedule-free AdamW with its authors' defaults, untuned",
                                                           only<defaults>, make_preset<Method, defaults>};
constinit const OptimizerEntry schedule_free_adamw_algoperf{"schedule-free-adamw-algoperf",
                                                            "schedule-free AdamW as submitted to AlgoPerf, untuned",
                                                            only<algoperf>, make_preset<Method, algoperf>};

}  // namespace scout::baseline
