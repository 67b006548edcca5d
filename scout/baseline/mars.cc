#include <ATen/TensorOperators.h>

#include "scout/baseline/table.h"
#include "scout/baseline/tensor_method.h"

namespace scout::baseline {
namespace {

/// Defaults: those of the authors' code.
struct MarsOptions : RateOptions {
  MarsOptions() { lr = 3e-3; }
  double beta1 = 0.95;
  double beta2 = 0.99;
  double gamma = 0.025;
  double epsilon = 1e-8;
  double weight_decay = 0;
  bool vectors = false;
  double vector_lr = 1;
  double vector_beta1 = 0.9;
  double vector_beta2 = 0.95;
  double vector_weight_decay = 0.1;
  template <class Visitor>
  void describe(Visitor&& visit) {
    RateOptions::describe(visit);
    visit("beta1", beta1, "decay of the first moment", fraction);
    visit("beta2", beta2, "decay of the second moment", fraction);
    visit("gamma", gamma, "weight of the difference to the last gradient", at_least(0));
    visit("epsilon", epsilon, "added to the root of the second moment", positive());
    visit("weight_decay", weight_decay, "decay towards 0, times the learning rate, a step", at_least(0));
    visit("vectors", vectors, "whether vectors are stepped so too; false: by AdamW");
    visit("vector_lr", vector_lr, "AdamW's learning rate for vectors, over lr", positive());
    visit("vector_beta1", vector_beta1, "decay of its first moment", fraction);
    visit("vector_beta2", vector_beta2, "decay of its second moment", fraction);
    visit("vector_weight_decay", vector_weight_decay, "its weight decay", at_least(0));
  }
};

/// MARS-AdamW: Yuan et al. 2024, arXiv 2411.10438, algorithm 2, in its approximate version: the last gradient stands for the
/// gradient of this minibatch at the last point. Before the first step it is 0.
class Mars final : public TensorMethod {
 public:
  using Options = MarsOptions;
  Mars(const std::vector<at::Tensor>& parameters, const Options& options, const RunFacts&)
      : TensorMethod(parameters), options_(options), last_(keep_zeros()) {
    const auto m = keep_zeros(), v = keep_zeros();
    for (std::size_t i = 0; i < count(); ++i) moments_.push_back({m[i], v[i]});
  }

 private:
  void step_tensor(std::size_t i, const at::Tensor& x, const at::Tensor& g) override {
    const Options& o = options_;
    if (x.dim() < 2 && !o.vectors) {
      const double rate = lr() * o.vector_lr;
      const at::Tensor direction = moments_[i].direction(g, t(), o.vector_beta1, o.vector_beta2, o.epsilon);
      x.mul_(1 - rate * o.vector_weight_decay).sub_(direction, rate);
      return;
    }
    const at::Tensor corrected = (g - last_[i]).mul_(o.gamma * o.beta1 / (1 - o.beta1)).add_(g);
    const double norm = corrected.norm().item<double>();
    if (norm > 1) corrected.div_(norm);
    const at::Tensor direction = moments_[i].direction(corrected, t(), o.beta1, o.beta2, o.epsilon);
    x.mul_(1 - lr() * o.weight_decay).sub_(direction, lr());
    last_[i].copy_(g);
  }

  Options options_;
  std::vector<at::Tensor> last_;
  std::vector<AdamMoments> moments_;
};

std::vector<nlohmann::json> settings() { return with_schedules(product({{"lr", log_spaced(1e-4, 3, 19)}})); }

}  // namespace

constinit const OptimizerEntry mars{"mars", "MARS-AdamW: AdamW on gradients of reduced variance; AdamW on vectors", settings,
                                    make<OnTensors<Mars>>};

}  // namespace scout::baseline
