// torch::optim's L-BFGS: with the strong Wolfe line search, where an evaluation asks for f and ∇f, two oracle calls; without
// it on networks, one call a step.
#include <c10/core/GradMode.h>
#include <torch/optim/lbfgs.h>

#include <cmath>

#include "scout/baseline/entries.h"
#include "scout/baseline/method.h"
#include "scout/baseline/torch_threads.h"

namespace scout::baseline {
namespace {

struct NotFinite {};

/// Where f is one function, works in units of the box, u = (θ - lower) / (upper - lower), so that torch's first trial step,
/// of 1-norm `lr`, suits any instance, and searches along the line.
///
/// On networks each point that is asked about is a minibatch of its own, and values at two points cannot be compared: there
/// is no line search, `lr` is the length of every step in units of the quasi-Newton step, θ is not scaled, and only
/// gradients are asked for, one call a step. The pairs of curvature are differences of gradients of different minibatches.
class Lbfgs : public Optimizer {
 public:
  struct Options {
    double lr = 1;
    int history = 20;
    double tolerance = 1e-9;
    template <class Visitor>
    void describe(Visitor&& visit) {
      visit("lr", lr, "initial step of the line search; its first 1-norm in box widths; on networks, of every step",
            positive());
      visit("history", history, "pairs kept", at_least(1));
      visit("tolerance", tolerance, "ends when a step, in box widths, or the change of f is smaller; not on networks",
            positive());
    }
  };
  explicit Lbfgs(const Options& options) : options_(options) {}

  Ending run(Oracle& oracle, std::span<const double> start, Seed) const override {
    use_one_torch_thread();
    const bool stochastic = oracle.instance().stochastic();
    const std::size_t count = start.size();
    std::vector<double> origin(count, 0.0), width(count, 1.0);
    if (!stochastic) {
      const auto upper = oracle.instance().upper();
      origin.assign(oracle.instance().lower().begin(), oracle.instance().lower().end());
      for (std::size_t i = 0; i < count; ++i) width[i] = upper[i] - origin[i];
    }
    std::vector<double> unit(count), unit_gradient(count), theta(count), gradient(count);
    for (std::size_t i = 0; i < count; ++i) unit[i] = (start[i] - origin[i]) / width[i];
    const auto shape = static_cast<std::int64_t>(count);
    at::Tensor parameter = at::from_blob(unit.data(), {shape}, at::kDouble);
    parameter.mutable_grad() = at::from_blob(unit_gradient.data(), {shape}, at::kDouble);

    const auto evaluate = [&]() -> at::Tensor {
      for (std::size_t i = 0; i < count; ++i) theta[i] = origin[i] + width[i] * unit[i];
      double f = 0;  // without a line search torch compares it with the last one only, to stop
      if (stochastic) {
        oracle.gradient(theta, gradient);
      } else {
        f = oracle.value_and_gradient(theta, gradient);
      }
      if (!std::isfinite(f) || !all_finite(gradient)) throw NotFinite();
      for (std::size_t i = 0; i < count; ++i) unit_gradient[i] = gradient[i] * width[i];
      return at::scalar_tensor(f, at::kDouble);
    };
    auto settings = torch::optim::LBFGSOptions(options_.lr)
                        .max_iter(oracle.remaining() + 1)  // the budget ends the run
                        .max_eval(oracle.remaining() + 1)
                        .tolerance_grad(stochastic ? 0 : 1e-12)
                        .tolerance_change(stochastic ? -1 : options_.tolerance)  // -1: never
                        .history_size(options_.history);
    if (!stochastic) settings.line_search_fn("strong_wolfe");
    torch::optim::LBFGS optimizer({parameter}, settings);
    try {
      optimizer.step(evaluate);
    } catch (const NotFinite&) {
      return Ending::failed;
    }
    return Ending::converged;
  }

 private:
  Options options_;
};

}  // namespace

constinit const OptimizerEntry lbfgs{
    "lbfgs",
    "torch L-BFGS with a strong Wolfe line search; on networks without",
    [] {
      return product({{"lr", log_spaced(1e-3, 10, 21)}});
    },
    make<Lbfgs>,
};

}  // namespace scout::baseline
