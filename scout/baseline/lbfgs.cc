// torch::optim's L-BFGS with the strong Wolfe line search. An evaluation asks for f and ∇f: two oracle calls.
#include <c10/core/GradMode.h>
#include <torch/optim/lbfgs.h>

#include <cmath>

#include "scout/baseline/entries.h"
#include "scout/baseline/method.h"
#include "scout/baseline/torch_threads.h"

namespace scout::baseline {
namespace {

struct NotFinite {};

/// Works in units of the box, u = (θ - lower) / (upper - lower), so that torch's first trial step, of 1-norm `lr`, suits any
/// instance.
class Lbfgs : public Optimizer {
 public:
  struct Options {
    double lr = 1;
    int history = 20;
    double tolerance = 1e-9;
    template <class Visitor>
    void describe(Visitor&& visit) {
      visit("lr", lr, "initial step of the line search; its first 1-norm in box widths", positive());
      visit("history", history, "pairs kept", at_least(1));
      visit("tolerance", tolerance, "ends when a step, in box widths, or the change of f is smaller", positive());
    }
  };
  explicit Lbfgs(const Options& options) : options_(options) {}

  Ending run(Oracle& oracle, std::span<const double> start, Seed) const override {
    use_one_torch_thread();
    const auto lower = oracle.instance().lower();
    const auto upper = oracle.instance().upper();
    const std::size_t count = start.size();
    std::vector<double> unit(count), unit_gradient(count), theta(count), gradient(count);
    for (std::size_t i = 0; i < count; ++i) unit[i] = (start[i] - lower[i]) / (upper[i] - lower[i]);
    const auto shape = static_cast<std::int64_t>(count);
    at::Tensor parameter = at::from_blob(unit.data(), {shape}, at::kDouble);
    parameter.mutable_grad() = at::from_blob(unit_gradient.data(), {shape}, at::kDouble);

    const auto evaluate = [&]() -> at::Tensor {
      for (std::size_t i = 0; i < count; ++i) theta[i] = lower[i] + (upper[i] - lower[i]) * unit[i];
      const double f = oracle.value_and_gradient(theta, gradient);
      if (!std::isfinite(f) || !all_finite(gradient)) throw NotFinite();
      for (std::size_t i = 0; i < count; ++i) unit_gradient[i] = gradient[i] * (upper[i] - lower[i]);
      return at::scalar_tensor(f, at::kDouble);
    };
    torch::optim::LBFGS optimizer({parameter}, torch::optim::LBFGSOptions(options_.lr)
                                                   .max_iter(oracle.remaining())
                                                   .max_eval(oracle.remaining())
                                                   .tolerance_grad(1e-12)
                                                   .tolerance_change(options_.tolerance)
                                                   .history_size(options_.history)
                                                   .line_search_fn("strong_wolfe"));
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
    "torch L-BFGS with a strong Wolfe line search",
    [] {
      return product({{"lr", log_spaced(1e-2, 10, 16)}});
    },
    make<Lbfgs>,
};

}  // namespace scout::baseline
