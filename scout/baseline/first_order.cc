// torch::optim's first-order methods. They see gradients only, so a step costs one oracle call.
#include <c10/core/GradMode.h>
#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>

#include "scout/baseline/entries.h"
#include "scout/baseline/method.h"
#include "scout/baseline/torch_meter.h"
#include "scout/baseline/torch_threads.h"

namespace scout::baseline {
namespace {

using Parameters = std::vector<at::Tensor>;
using TorchOptimizer = std::unique_ptr<torch::optim::Optimizer>;

/// A rule says which torch optimizer it is, its options, and whether its steps are proportional to the gradient (`lr` is
/// then relative to the gradient at the start, see GradientScale) or normalised (`lr` is then in box widths). On networks
/// `lr` is torch's for all.
template <class Rule>
class FirstOrder : public Optimizer {
 public:
  using Options = typename Rule::Options;
  explicit FirstOrder(const Options& options) : options_(options) {}

  Ending run(Oracle& oracle, std::span<const double> start, Seed) const override {
    use_one_torch_thread();
    const c10::NoGradGuard no_grad;
    std::vector<double> theta(start.begin(), start.end());
    std::vector<double> gradient(theta.size());
    const auto count = static_cast<std::int64_t>(theta.size());
    at::Tensor parameter = at::from_blob(theta.data(), {count}, at::kDouble);
    parameter.mutable_grad() = at::from_blob(gradient.data(), {count}, at::kDouble);
    const TorchOptimizer optimizer = Rule::make({parameter}, options_);
    auto& group = optimizer->param_groups()[0].options();

    const double width = length_unit(oracle.instance());
    GradientScale scale(oracle.instance());
    const std::int64_t horizon = oracle.remaining();
    for (std::int64_t step = 0;; ++step) {
      oracle.gradient(theta, gradient);
      if (!all_finite(gradient)) return Ending::failed;
      group.set_lr(options_.at(step, horizon) * (Rule::proportional ? scale(gradient) : width));
      optimizer->step();
    }
  }

  std::unique_ptr<StepMeter> step_meter(const std::vector<TensorShape>& tensors, std::int64_t) const override {
    return torch_meter(tensors, [this](const Parameters& parameters) { return Rule::make(parameters, options_); });
  }

 private:
  Options options_;
};

constexpr Condition fraction{.low = 0, .high = 1, .open_high = true};

struct Sgd {
  using Options = RateOptions;
  static constexpr bool proportional = true;
  static TorchOptimizer make(const Parameters& parameters, const Options& options) {
    return std::make_unique<torch::optim::SGD>(parameters, torch::optim::SGDOptions(options.lr));
  }
};

template <bool nesterov>
struct Momentum {
  struct Options : RateOptions {
    double momentum = 0.9;
    template <class Visitor>
    void describe(Visitor&& visit) {
      RateOptions::describe(visit);
      visit("momentum", momentum, "decay of the velocity", inside(0, 1));
    }
  };
  static constexpr bool proportional = true;
  static TorchOptimizer make(const Parameters& parameters, const Options& options) {
    return std::make_unique<torch::optim::SGD>(
        parameters, torch::optim::SGDOptions(options.lr).momentum(options.momentum).nesterov(nesterov));
  }
};

struct Adagrad {
  using Options = RateOptions;
  static constexpr bool proportional = false;
  static TorchOptimizer make(const Parameters& parameters, const Options& options) {
    return std::make_unique<torch::optim::Adagrad>(parameters, torch::optim::AdagradOptions(options.lr));
  }
};

struct RmsProp {
  struct Options : RateOptions {
    double alpha = 0.99;
    template <class Visitor>
    void describe(Visitor&& visit) {
      RateOptions::describe(visit);
      visit("alpha", alpha, "decay of the second moment", fraction);
    }
  };
  static constexpr bool proportional = false;
  static TorchOptimizer make(const Parameters& parameters, const Options& options) {
    return std::make_unique<torch::optim::RMSprop>(parameters,
                                                   torch::optim::RMSpropOptions(options.lr).alpha(options.alpha));
  }
};

struct Adam {
  struct Options : RateOptions {
    double beta1 = 0.9;
    double beta2 = 0.999;
    template <class Visitor>
    void describe(Visitor&& visit) {
      RateOptions::describe(visit);
      visit("beta1", beta1, "decay of the first moment", fraction);
      visit("beta2", beta2, "decay of the second moment", fraction);
    }
  };
  static constexpr bool proportional = false;
  static TorchOptimizer make(const Parameters& parameters, const Options& options) {
    return std::make_unique<torch::optim::Adam>(parameters,
                                                torch::optim::AdamOptions(options.lr).betas({options.beta1, options.beta2}));
  }
};

struct AdamW {
  struct Options : Adam::Options {
    double weight_decay = 0.01;
    template <class Visitor>
    void describe(Visitor&& visit) {
      Adam::Options::describe(visit);
      visit("weight_decay", weight_decay, "decay towards 0, times the learning rate, a step", at_least(0));
    }
  };
  static constexpr bool proportional = false;
  static TorchOptimizer make(const Parameters& parameters, const Options& options) {
    return std::make_unique<torch::optim::AdamW>(
        parameters,
        torch::optim::AdamWOptions(options.lr).betas({options.beta1, options.beta2}).weight_decay(options.weight_decay));
  }
};

/// Both units of `lr` make 1 a step across the box, and on networks the range holds the rates in use, so one range serves
/// all.
std::vector<nlohmann::json> rates() {
  return product({{"lr", log_spaced(1e-4, 3, 19)}, {"schedule", {"constant", "cosine"}}});
}

}  // namespace

constinit const OptimizerEntry sgd{"sgd", "torch gradient descent", rates, make<FirstOrder<Sgd>>};
constinit const OptimizerEntry momentum{"momentum", "torch SGD with heavy-ball momentum", rates,
                                        make<FirstOrder<Momentum<false>>>};
constinit const OptimizerEntry nesterov{"nesterov", "torch SGD with Nesterov momentum", rates,
                                        make<FirstOrder<Momentum<true>>>};
constinit const OptimizerEntry adagrad{"adagrad", "torch Adagrad", rates, make<FirstOrder<Adagrad>>};
constinit const OptimizerEntry rmsprop{"rmsprop", "torch RMSprop", rates, make<FirstOrder<RmsProp>>};
constinit const OptimizerEntry adam{"adam", "torch Adam", rates, make<FirstOrder<Adam>>};
constinit const OptimizerEntry adamw{"adamw", "torch AdamW", rates, make<FirstOrder<AdamW>>};

}  // namespace scout::baseline
