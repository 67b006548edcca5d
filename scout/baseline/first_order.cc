// torch::optim's first-order methods. They see gradients only, so a step costs one oracle call.
#include <c10/core/GradMode.h>
#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>

#include "scout/baseline/method.h"
#include "scout/baseline/table.h"
#include "scout/baseline/torch_meter.h"

namespace scout::baseline {
namespace {

template <class TorchOptions>
struct Plain : RateOptions {
  TorchOptions options() const { return {lr}; }
};

template <bool nesterov>
struct Momentum : RateOptions {
  double momentum = 0.9;
  template <class Visitor>
  void describe(Visitor&& visit) {
    RateOptions::describe(visit);
    visit("momentum", momentum, "decay of the velocity", inside(0, 1));
  }
  torch::optim::SGDOptions options() const { return torch::optim::SGDOptions(lr).momentum(momentum).nesterov(nesterov); }
};

struct DecayingNesterov : Momentum<true> {
  double weight_decay = 0;
  template <class Visitor>
  void describe(Visitor&& visit) {
    Momentum::describe(visit);
    visit("weight_decay", weight_decay, "pull towards 0, added to the gradient", at_least(0));
  }
  torch::optim::SGDOptions options() const { return Momentum::options().weight_decay(weight_decay); }
};

struct RmsProp : RateOptions {
  double alpha = 0.99;
  template <class Visitor>
  void describe(Visitor&& visit) {
    RateOptions::describe(visit);
    visit("alpha", alpha, "decay of the second moment", fraction);
  }
  torch::optim::RMSpropOptions options() const { return torch::optim::RMSpropOptions(lr).alpha(alpha); }
};

struct Adam : RateOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  template <class Visitor>
  void describe(Visitor&& visit) {
    RateOptions::describe(visit);
    visit("beta1", beta1, "decay of the first moment", fraction);
    visit("beta2", beta2, "decay of the second moment", fraction);
  }
  torch::optim::AdamOptions options() const { return torch::optim::AdamOptions(lr).betas({beta1, beta2}); }
};

struct AdamW : Adam {
  double weight_decay = 0.01;
  template <class Visitor>
  void describe(Visitor&& visit) {
    Adam::describe(visit);
    visit("weight_decay", weight_decay, "decay towards 0, times the learning rate, a step", at_least(0));
  }
  torch::optim::AdamWOptions options() const {
    return torch::optim::AdamWOptions(lr).betas({beta1, beta2}).weight_decay(weight_decay);
  }
};

/// The optimizer `Torch` with the options of a rule. Its steps are either proportional to the gradient (`lr` is then
/// relative to the gradient at the start, see GradientScale) or normalised (`lr` is then in box widths). On networks `lr` is
/// torch's for all.
template <class Torch, class Rule, bool proportional = false>
struct FirstOrder : Optimizer, Rule {
  std::unique_ptr<torch::optim::Optimizer> make_torch(const std::vector<at::Tensor>& parameters) const {
    return std::make_unique<Torch>(parameters, this->options());
  }

  Ending run(Oracle& oracle, std::span<const double> start, Seed) const override {
    use_one_torch_thread();
    const c10::NoGradGuard no_grad;
    std::vector<double> theta(start.begin(), start.end());
    std::vector<double> gradient(theta.size());
    const auto count = static_cast<std::int64_t>(theta.size());
    at::Tensor parameter = at::from_blob(theta.data(), {count}, at::kDouble);
    parameter.mutable_grad() = at::from_blob(gradient.data(), {count}, at::kDouble);
    const auto optimizer = make_torch({parameter});
    auto& group = optimizer->param_groups()[0].options();

    const double width = length_unit(oracle.instance());
    GradientScale scale(oracle.instance());
    const std::int64_t horizon = oracle.remaining();
    for (std::int64_t step = 0;; ++step) {
      oracle.gradient(theta, gradient);
      if (!all_finite(gradient)) return Ending::failed;
      group.set_lr(this->at(step, horizon) * (proportional ? scale(gradient) : width));
      optimizer->step();
    }
  }

  std::unique_ptr<StepMeter> step_meter(const std::vector<TensorShape>& tensors, std::int64_t) const override {
    return torch_meter(tensors, [this](const auto& parameters) { return make_torch(parameters); });
  }
};

/// Both units of `lr` make 1 a step across the box, and on networks the range holds the rates in use, so one range serves
/// all.
std::vector<nlohmann::json> rates() {
  return product({{"lr", log_spaced(1e-4, 3, 19)}, {"schedule", {"constant", "cosine"}}});
}

/// The lines with all that is usually tuned.
std::vector<nlohmann::json> adamw_settings() {
  return with_schedules(product({{"weight_decay", {0.0, 0.01, 0.1, 1.0}}, {"lr", log_spaced(1e-4, 3, 19)}}));
}
std::vector<nlohmann::json> nesterov_settings() {
  return with_schedules(product({{"weight_decay", {0.0, 5e-4, 5e-3}}, {"lr", log_spaced(1e-4, 3, 19)}}));
}

}  // namespace

using torch::optim::SGD;
constinit const OptimizerEntry sgd{"sgd", "torch gradient descent", rates,
                                   make<FirstOrder<SGD, Plain<torch::optim::SGDOptions>, true>>};
constinit const OptimizerEntry momentum{"momentum", "torch SGD with heavy-ball momentum", rates,
                                        make<FirstOrder<SGD, Momentum<false>, true>>};
constinit const OptimizerEntry nesterov{"nesterov", "torch SGD with Nesterov momentum", rates,
                                        make<FirstOrder<SGD, Momentum<true>, true>>};
constinit const OptimizerEntry adagrad{"adagrad", "torch Adagrad", rates,
                                       make<FirstOrder<torch::optim::Adagrad, Plain<torch::optim::AdagradOptions>>>};
constinit const OptimizerEntry rmsprop{"rmsprop", "torch RMSprop", rates, make<FirstOrder<torch::optim::RMSprop, RmsProp>>};
constinit const OptimizerEntry adam{"adam", "torch Adam", rates, make<FirstOrder<torch::optim::Adam, Adam>>};
constinit const OptimizerEntry adamw{"adamw", "torch AdamW", rates, make<FirstOrder<torch::optim::AdamW, AdamW>>};
constinit const OptimizerEntry adamw_decay{"adamw-decay", "torch AdamW; weight decay and warm-up are tuned too",
                                           adamw_settings, make<FirstOrder<torch::optim::AdamW, AdamW>>};
constinit const OptimizerEntry nesterov_decay{"nesterov-decay",
                                              "torch SGD with Nesterov momentum; weight decay and warm-up are tuned too",
                                              nesterov_settings, make<FirstOrder<SGD, DecayingNesterov, true>>};

}  // namespace scout::baseline
