#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>

#include "scout/baseline/orthogonalise.h"
#include "scout/baseline/table.h"
#include "scout/baseline/tensor_method.h"

namespace scout::baseline {

at::Tensor orthogonalise(const at::Tensor& matrix) {
  constexpr int kIterations = 5;
  constexpr double kA = 3.4445, kB = -4.7750, kC = 2.0315;
  const bool tall = matrix.size(0) > matrix.size(1);
  at::Tensor x = (tall ? matrix.t() : matrix) / (matrix.norm() + 1e-7);
  for (int i = 0; i < kIterations; ++i) {
    const at::Tensor square = x.matmul(x.t());
    x = x * kA + (square * kB).add_(square.matmul(square), kC).matmul(x);
  }
  return tall ? x.t() : x;
}

namespace {

/// Defaults: those of the author's code, where Adam's rate is 3e-4.
struct MuonOptions : RateOptions {
  MuonOptions() { lr = 0.02; }
  double momentum = 0.95;
  double weight_decay = 0;
  bool hidden_only = true;
  double adam_lr = 0.015;
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.95;
  double adam_epsilon = 1e-10;
  template <class Visitor>
  void describe(Visitor&& visit) {
    RateOptions::describe(visit);
    visit("momentum", momentum, "decay of the momentum of matrices", fraction);
    visit("weight_decay", weight_decay, "decay of matrices towards 0, times the learning rate, a step", at_least(0));
    visit("hidden_only", hidden_only, "whether the first and the last matrix are left to Adam");
    visit("adam_lr", adam_lr, "Adam's learning rate, over lr", positive());
    visit("adam_beta1", adam_beta1, "decay of Adam's first moment", fraction);
    visit("adam_beta2", adam_beta2, "decay of Adam's second moment", fraction);
    visit("adam_epsilon", adam_epsilon, "added to the root of Adam's second moment", positive());
  }
};

/// Muon: Jordan et al. 2024, kellerjordan.github.io/posts/muon, with Nesterov momentum. Filters are matrices whose rows are
/// the outputs. Adam steps what is no matrix, and the first and last matrix, which its author leaves to it. Orthogonalises
/// in the type of the weights, not in bfloat16.
class Muon final : public TensorMethod {
 public:
  using Options = MuonOptions;
  Muon(const std::vector<at::Tensor>& parameters, const Options& options, const RunFacts&)
      : TensorMethod(parameters), options_(options), orthogonal_(parameters.size(), false), momentum_(keep_zeros()) {
    std::vector<std::size_t> matrices;
    for (std::size_t i = 0; i < count(); ++i) {
      if (parameters[i].dim() > 1) matrices.push_back(i);
    }
    const std::size_t spared = options.hidden_only ? 1 : 0;
    for (std::size_t m = spared; m + spared < matrices.size(); ++m) orthogonal_[matrices[m]] = true;
    for (std::size_t i = 0; i < count(); ++i) {
      adam_.push_back({momentum_[i], orthogonal_[i] ? at::Tensor() : keep(at::zeros_like(parameters[i]))});
    }
  }

 private:
  void step_tensor(std::size_t i, const at::Tensor& x, const at::Tensor& g) override {
    const Options& o = options_;
    if (!orthogonal_[i]) {
      x.sub_(adam_[i].direction(g, t(), o.adam_beta1, o.adam_beta2, o.adam_epsilon), lr() * o.adam_lr);
      return;
    }
    momentum_[i].mul_(o.momentum).add_(g, 1 - o.momentum);
    const at::Tensor ahead = (momentum_[i] * o.momentum).add_(g, 1 - o.momentum).view({x.size(0), -1});
    const double rows = static_cast<double>(ahead.size(0)), columns = static_cast<double>(ahead.size(1));
    const at::Tensor step = orthogonalise(ahead).mul(std::sqrt(std::max(1.0, rows / columns)));
    x.mul_(1 - lr() * o.weight_decay).sub_(step.reshape(x.sizes()), lr());
  }

  Options options_;
  std::vector<bool> orthogonal_;
  std::vector<at::Tensor> momentum_;
  std::vector<AdamMoments> adam_;
};

std::vector<nlohmann::json> settings() {
  return with_schedules(
      product({{"hidden_only", {true, false}}, {"adam_lr", {0.015, 0.15}}, {"lr", log_spaced(1e-4, 3, 19)}}));
}

}  // namespace

constinit const OptimizerEntry muon{"muon", "Muon: orthogonal steps of matrices; Adam on what is none", settings,
                                    make<OnTensors<Muon>>};

}  // namespace scout::baseline
