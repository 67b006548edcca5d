// torch::optim's L-BFGS, with the strong Wolfe line search and with steps of a fixed length.
#include <c10/core/GradMode.h>
#include <torch/optim/lbfgs.h>

#include <cmath>

#include "scout/baseline/method.h"
#include "scout/baseline/table.h"
#include "scout/baseline/torch_meter.h"

namespace scout::baseline {
namespace {

struct NotFinite {};

/// Where f is one function, works in units of the box, u = (θ - lower) / (upper - lower), so that torch's first step, of
/// 1-norm `lr`, suits any instance. On networks θ is not scaled, and the pairs of curvature are differences of gradients of
/// successive minibatches.
///
/// With the line search an evaluation asks for f and ∇f. On networks a step is one iteration on one minibatch: all that its
/// line search asks about is of the same minibatch, so that values can be compared.
///
/// Without it every step has `lr` times the quasi-Newton length, the first one apart. Only ∇f is asked for, once a step, of
/// a new minibatch each time on networks. Such a run ends with its budget.
///
/// The last call of a run that goes step by step asks about the point that the last whole step led to, for it is there that
/// the run ends.
template <bool line_search>
struct Lbfgs : Optimizer {
  double lr = 1;
  int history = 20;
  double tolerance = 1e-9;
  template <class Visitor>
  void describe(Visitor&& visit) {
    visit("lr", lr, "initial step of the line search, or length of every step; its first 1-norm in box widths", positive());
    visit("history", history, "pairs kept", at_least(1));
    visit("tolerance", tolerance,
          "of a line search on a function: ends when a step, in box widths, or the change of f is smaller", positive());
  }

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

    const auto set_theta = [&](std::span<const double> from) {
      for (std::size_t i = 0; i < count; ++i) theta[i] = origin[i] + width[i] * from[i];
    };
    const auto evaluate = [&]() -> at::Tensor {
      set_theta(unit);
      double f = 0;
      if (line_search) {
        f = oracle.value_and_gradient(theta, gradient);
      } else {
        oracle.gradient(theta, gradient);
      }
      if (!std::isfinite(f) || !all_finite(gradient)) throw NotFinite();
      for (std::size_t i = 0; i < count; ++i) unit_gradient[i] = gradient[i] * width[i];
      return at::scalar_tensor(f, at::kDouble);
    };
    const bool stepwise = stochastic || !line_search;
    torch::optim::LBFGS optimizer({parameter}, stepwise ? one_iteration() : whole_run(oracle.remaining()));
    std::vector<double> settled(count);
    try {
      if (!stepwise) {
        optimizer.step(evaluate);
        return Ending::converged;
      }
      const BudgetShare all_but_the_last_call(oracle, oracle.remaining() - 1);
      for (;;) {
        settled = unit;
        const OneMinibatch minibatch(oracle);
        optimizer.step(evaluate);
      }
    } catch (const NotFinite&) {
      return Ending::failed;
    } catch (const BudgetExhausted&) {
      if (!stepwise) throw;
    }
    set_theta(settled);
    oracle.gradient(theta, gradient);
    throw BudgetExhausted();
  }

  std::unique_ptr<StepMeter> step_meter(const std::vector<TensorShape>& tensors, std::int64_t) const override {
    return torch_meter(tensors, [this](const std::vector<at::Tensor>& parameters) {
      return std::make_unique<torch::optim::LBFGS>(parameters, one_iteration());
    });
  }

  torch::optim::LBFGSOptions whole_run(std::int64_t budget) const {
    return one_iteration()
        .max_iter(budget + 1)  // the budget ends the run
        .max_eval(budget + 1)
        .tolerance_grad(1e-12)
        .tolerance_change(tolerance);
  }
  torch::optim::LBFGSOptions one_iteration() const {
    auto out = torch::optim::LBFGSOptions(lr)
                   .max_iter(1)
                   .tolerance_grad(0)  // never
                   .tolerance_change(0)
                   .history_size(history);
    if (line_search) out.line_search_fn("strong_wolfe");
    return out;
  }
};

std::vector<nlohmann::json> rates() { return product({{"lr", log_spaced(1e-3, 10, 21)}}); }

}  // namespace

constinit const OptimizerEntry lbfgs{
    "lbfgs",
    "torch L-BFGS with a strong Wolfe line search; on networks, each on one minibatch",
    rates,
    make<Lbfgs<true>>,
    /*version=*/"one minibatch a line",
};

constinit const OptimizerEntry lbfgs_fixed_step{
    "lbfgs-fixed-step",
    "torch L-BFGS without a line search, on gradients alone",
    rates,
    make<Lbfgs<false>>,
};

}  // namespace scout::baseline
