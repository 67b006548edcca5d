#include <ATen/TensorOperators.h>

#include "scout/baseline/table.h"
#include "scout/baseline/tensor_method.h"

namespace scout::baseline {
namespace {

/// Defaults: the authors'. Their advice is a tenth of Adam's rate, and ten times its weight decay.
struct LionOptions : RateOptions {
  LionOptions() { lr = 1e-4; }
  double beta1 = 0.9;
  double beta2 = 0.99;
  double weight_decay = 0;
  template <class Visitor>
  void describe(Visitor&& visit) {
    RateOptions::describe(visit);
    visit("beta1", beta1, "weight of the momentum in a step", fraction);
    visit("beta2", beta2, "decay of the momentum", fraction);
    visit("weight_decay", weight_decay, "decay towards 0, times the learning rate, a step", at_least(0));
  }
};

/// Lion: Chen et al. 2023, "Symbolic discovery of optimization algorithms", algorithm 2.
class Lion final : public TensorMethod {
 public:
  using Options = LionOptions;
  Lion(const std::vector<at::Tensor>& parameters, const Options& options, const RunFacts&)
      : TensorMethod(parameters), options_(options), momentum_(keep_zeros()) {}

 private:
  void step_tensor(std::size_t i, const at::Tensor& x, const at::Tensor& g) override {
    const at::Tensor direction = (momentum_[i] * options_.beta1).add_(g, 1 - options_.beta1).sign_();
    x.mul_(1 - lr() * options_.weight_decay).sub_(direction, lr());
    momentum_[i].mul_(options_.beta2).add_(g, 1 - options_.beta2);
  }

  Options options_;
  std::vector<at::Tensor> momentum_;
};

std::vector<nlohmann::json> settings() {
  return with_schedules(product({{"weight_decay", {0.0, 0.1, 1.0}}, {"lr", log_spaced(1e-5, 0.3, 19)}}));
}

}  // namespace

constinit const OptimizerEntry lion{"lion", "Lion: steps of the sign of a momentum", settings, make<OnTensors<Lion>>};

}  // namespace scout::baseline
