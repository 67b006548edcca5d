#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <array>
#include <cmath>
#include <tuple>
#include <utility>

#include "scout/baseline/table.h"
#include "scout/baseline/tensor_method.h"

namespace scout::baseline {
namespace {

/// Defaults: those of the authors' code.
struct SoapOptions : RateOptions {
  SoapOptions() { lr = 3e-3; }
  double beta1 = 0.95;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0.01;
  int frequency = 10;
  std::int64_t longest_side = 10000;
  template <class Visitor>
  void describe(Visitor&& visit) {
    RateOptions::describe(visit);
    visit("beta1", beta1, "decay of the first moment", fraction);
    visit("beta2", beta2, "decay of the second moment and of the preconditioner", fraction);
    visit("epsilon", epsilon, "added to the root of the second moment", positive());
    visit("weight_decay", weight_decay, "decay towards 0, times the learning rate, a step", at_least(0));
    visit("frequency", frequency, "steps from one eigenbasis to the next", at_least(1));
    visit("longest_side", longest_side, "sides of matrices that are longer are not turned", at_least(1));
  }
};

/// One side of a matrix: the mean of its gradient's outer products, and a basis of near eigenvectors. Undefined where the
/// side is not turned.
struct Side {
  at::Tensor mean, basis;
};

/// SOAP: Vyas et al. 2024, arXiv 2409.11321, algorithm 3: Adam in the eigenbasis of Shampoo's preconditioner. The first
/// gradient only makes the basis. Vectors are stepped by Adam. Filters are matrices whose rows are the outputs.
class Soap final : public TensorMethod {
 public:
  using Options = SoapOptions;
  Soap(const std::vector<at::Tensor>& parameters, const Options& options, const RunFacts&)
      : TensorMethod(parameters), options_(options), m_(keep_zeros()), v_(keep_zeros()), sides_(parameters.size()) {
    for (std::size_t i = 0; i < count(); ++i) {
      if (parameters[i].dim() < 2) continue;
      const std::int64_t rows = parameters[i].size(0), columns = parameters[i].numel() / rows;
      for (const auto& [side, length] : {std::pair{0, rows}, std::pair{1, columns}}) {
        if (length > options.longest_side) continue;
        Side& turned = sides_[i][side];
        turned.mean = keep(at::zeros({length, length}, parameters[i].options().requires_grad(false)));
        turned.basis = keep(at::eye(length, parameters[i].options().requires_grad(false)));
      }
    }
  }

 private:
  void step_tensor(std::size_t i, const at::Tensor& x, const at::Tensor& gradient) override {
    const auto& [left, right] = sides_[i];
    const bool matrix = x.dim() > 1;
    const at::Tensor g = matrix ? gradient.view({x.size(0), -1}) : gradient;
    if (t() == 1) {
      learn(sides_[i], g);
      for (const Side& side : sides_[i]) begin_basis(side);
      return;
    }
    const at::Tensor m = m_[i].view(g.sizes()), v = v_[i].view(g.sizes());
    m.mul_(options_.beta1).add_(g, 1 - options_.beta1);
    const at::Tensor turned = turn(sides_[i], g);
    v.mul_(options_.beta2).addcmul_(turned, turned, 1 - options_.beta2);
    const double steps = static_cast<double>(t() - 1);
    const double correction = std::sqrt(1 - std::pow(options_.beta2, steps)) / (1 - std::pow(options_.beta1, steps));
    at::Tensor step = turn(sides_[i], m) / v.sqrt().add_(options_.epsilon);
    if (left.basis.defined()) step = left.basis.matmul(step);
    if (right.basis.defined()) step = step.matmul(right.basis.t());
    x.sub_(step.reshape(x.sizes()), lr() * correction).mul_(1 - lr() * options_.weight_decay);

    learn(sides_[i], g);
    if ((t() - 1) % options_.frequency != 0) return;
    for (std::size_t side = 0; side < 2; ++side) next_basis(sides_[i][side], v, static_cast<std::int64_t>(side));
  }

  /// Into the eigenbasis.
  static at::Tensor turn(const std::array<Side, 2>& sides, at::Tensor g) {
    if (sides[0].basis.defined()) g = sides[0].basis.t().matmul(g);
    if (sides[1].basis.defined()) g = g.matmul(sides[1].basis);
    return g;
  }

  void learn(const std::array<Side, 2>& sides, const at::Tensor& g) const {
    if (sides[0].mean.defined()) sides[0].mean.lerp_(g.matmul(g.t()), 1 - options_.beta2);
    if (sides[1].mean.defined()) sides[1].mean.lerp_(g.t().matmul(g), 1 - options_.beta2);
  }

  /// LAPACK refuses what is not finite: then the basis stays, and the run fails at its next gradient.
  static bool is_good(const Side& side) { return side.mean.defined() && at::isfinite(side.mean).all().item<bool>(); }

  /// Eigenvectors, by falling eigenvalue.
  static void begin_basis(const Side& side) {
    if (is_good(side)) side.basis.copy_(std::get<1>(at::linalg_eigh(side.mean)).flip({1}));
  }

  /// One power iteration, made orthogonal by a QR decomposition. The second moment `v` follows the order of the basis along
  /// its dimension `side`.
  static void next_basis(const Side& side, const at::Tensor& v, std::int64_t dimension) {
    if (!is_good(side)) return;
    const at::Tensor product = side.mean.matmul(side.basis);
    const at::Tensor eigenvalues = (side.basis * product).sum(0);
    const at::Tensor order = eigenvalues.argsort(0, /*descending=*/true);
    v.copy_(v.index_select(dimension, order));
    side.basis.copy_(std::get<0>(at::linalg_qr(product.index_select(1, order))));
  }

  Options options_;
  std::vector<at::Tensor> m_, v_;
  std::vector<std::array<Side, 2>> sides_;
};

std::vector<nlohmann::json> settings() { return with_schedules(product({{"lr", log_spaced(1e-4, 3, 19)}})); }

}  // namespace

constinit const OptimizerEntry soap{"soap", "SOAP: Adam in the eigenbasis of each matrix; Adam on vectors", settings,
                                    make<OnTensors<Soap>>};

}  // namespace scout::baseline
