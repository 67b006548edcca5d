#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "scout/baseline/table.h"
#include "scout/baseline/tensor_method.h"

namespace scout::baseline {
namespace {

/// Defaults: those of the authors' code.
struct AdemamixOptions : RateOptions {
  AdemamixOptions() { lr = 1e-3; }
  double beta1 = 0.9;
  double beta2 = 0.999;
  double beta3 = 0.9999;
  double alpha = 2;
  double slow_warmup = 0;
  double epsilon = 1e-8;
  double weight_decay = 0;
  double clip = std::numeric_limits<double>::infinity();
  template <class Visitor>
  void describe(Visitor&& visit) {
    RateOptions::describe(visit);
    visit("beta1", beta1, "decay of the fast first moment", fraction);
    visit("beta2", beta2, "decay of the second moment", fraction);
    visit("beta3", beta3, "decay of the slow first moment", fraction);
    visit("alpha", alpha, "weight of the slow moment beside the fast one", at_least(0));
    visit("slow_warmup", slow_warmup, "share of the budget in which alpha rises from 0, and beta3 from beta1",
          between(0, 1));
    visit("epsilon", epsilon, "added to the root of the second moment", positive());
    visit("weight_decay", weight_decay, "decay towards 0, times the learning rate, a step", at_least(0));
    visit("clip", clip, "the greatest norm of the gradient; longer ones are cut to it", or_infinite(positive()));
  }
};

/// AdEMAMix: Pagliardini, Ablin & Grangier 2024, arXiv 2409.03137, algorithm 1. α rises linearly, β3 linearly in its
/// half-life (its section 3).
class Ademamix final : public TensorMethod {
 public:
  using Options = AdemamixOptions;
  Ademamix(const std::vector<at::Tensor>& parameters, const Options& options, const RunFacts& facts)
      : TensorMethod(parameters),
        options_(options),
        slow_steps_(share_of(options.slow_warmup, facts.horizon)),
        fast_(keep_zeros()),
        slow_(keep_zeros()),
        v_(keep_zeros()) {}

 private:
  void begin_step() override {
    alpha_ = options_.alpha;
    beta3_ = options_.beta3;
    if (t() < slow_steps_) {
      const double part = static_cast<double>(t()) / static_cast<double>(slow_steps_);
      alpha_ *= part;
      beta3_ = decay_of((1 - part) * half_life(options_.beta1) + part * half_life(options_.beta3));
    }
    scale_ = 1;
    if (std::isinf(options_.clip)) return;
    double square = 0;
    for (std::size_t i = 0; i < count(); ++i) square += parameter(i).grad().square().sum().item<double>();
    constexpr double kTiny = 1e-6;  // as torch's clip_grad_norm_
    scale_ = std::min(1.0, options_.clip / (std::sqrt(square) + kTiny));
  }

  void step_tensor(std::size_t i, const at::Tensor& x, const at::Tensor& gradient) override {
    const at::Tensor g = scale_ < 1 ? gradient * scale_ : gradient;
    fast_[i].mul_(options_.beta1).add_(g, 1 - options_.beta1);
    slow_[i].mul_(beta3_).add_(g, 1 - beta3_);
    v_[i].mul_(options_.beta2).addcmul_(g, g, 1 - options_.beta2);
    const double steps = static_cast<double>(t());
    const at::Tensor top = (fast_[i] / (1 - std::pow(options_.beta1, steps))).add_(slow_[i], alpha_);
    const double root = std::sqrt(1 - std::pow(options_.beta2, steps));
    x.mul_(1 - lr() * options_.weight_decay).addcdiv_(top, v_[i].sqrt().div_(root).add_(options_.epsilon), -lr());
  }

  /// Steps after which half of a gradient's weight is left, less one. The authors' code keeps the logarithm from 0 so.
  static double half_life(double beta) { return std::log(0.5) / std::log(beta + 1e-8) - 1; }
  static double decay_of(double half_life) { return std::pow(0.5, 1 / (half_life + 1)); }

  Options options_;
  std::int64_t slow_steps_;
  std::vector<at::Tensor> fast_, slow_, v_;
  double alpha_ = 0;
  double beta3_ = 0;
  double scale_ = 1;  // of the gradient
};

std::vector<nlohmann::json> settings() {
  auto out = product({{"alpha", {2.0, 8.0}}, {"slow_warmup", {1.0}}, {"lr", log_spaced(1e-4, 3, 19)}});
  return with_schedules(out);
}

nlohmann::json defaults() { return {{"lr", 1e-3}, {"schedule", "constant"}}; }

/// The submission to the self-tuning ruleset of the benchmark AlgoPerf (mlcommons/submissions_algorithms, 2026). How long
/// its slow moment warms up is not published with it: it is the whole run, as in the paper.
nlohmann::json algoperf() {
  return {{"lr", 2e-3},         {"beta1", 0.8},        {"beta2", 0.995}, {"beta3", 0.9995},      {"alpha", 8.0},
          {"slow_warmup", 1.0}, {"weight_decay", 0.1}, {"clip", 0.5},    {"schedule", "cosine"}, {"warmup", 0.02}};
}

using Method = OnTensors<Ademamix>;

}  // namespace

constinit const OptimizerEntry ademamix{"ademamix", "AdEMAMix: Adam with a second, slow momentum", settings, make<Method>};
constinit const OptimizerEntry ademamix_default{"ademamix-default", "AdEMAMix with its authors' defaults, untuned",
                                                only<defaults>, make_preset<Method, defaults>};
constinit const OptimizerEntry ademamix_algoperf{"ademamix-algoperf", "AdEMAMix as submitted to AlgoPerf, untuned",
                                                 only<algoperf>, make_preset<Method, algoperf>};

}  // namespace scout::baseline
