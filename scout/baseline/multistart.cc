// Any optimizer, run again and again from fresh starts.
#include <algorithm>

#include "scout/baseline/method.h"
#include "scout/baseline/table.h"

namespace scout::baseline {

Ending MultiStart::run(Oracle& oracle, std::span<const double> start, Seed seed) const {
  Random random(seed.derive("starts"));
  std::vector<double> theta(start.begin(), start.end());
  for (int k = 0;; ++k) {
    const int runs_left = std::max(1, starts - k);
    const std::int64_t calls_before = oracle.calls();
    try {
      const BudgetShare share(oracle, oracle.remaining() / runs_left);
      inner->run(oracle, theta, seed.derive(k));
    } catch (const BudgetExhausted&) {
      if (runs_left == 1) throw;
    }
    // A run that asks for nothing would repeat for ever.
    if (runs_left == 1 && oracle.calls() == calls_before) return Ending::stalled;
    oracle.instance().sample_start(random, theta);
  }
}

std::unique_ptr<Optimizer> make_multistart(std::unique_ptr<Optimizer> (*make_inner)(const nlohmann::json&),
                                           const nlohmann::json& settings) {
  nlohmann::json of_inner = settings;
  nlohmann::json own = nlohmann::json::object();
  if (settings.contains("starts")) {
    own["starts"] = settings["starts"];
    of_inner.erase("starts");
  }
  auto out = std::make_unique<MultiStart>(nullptr);
  set_options(*out, own);
  out->inner = make_inner(of_inner);
  return out;
}

namespace {

template <const OptimizerEntry& inner>
std::unique_ptr<Optimizer> restarted(const nlohmann::json& settings) {
  return make_multistart(inner.make, settings);
}

/// Coarser in the rate than the grids of the inner methods, since the number of starts multiplies it.
std::vector<nlohmann::json> rates_and_starts() {
  return product({{"lr", log_spaced(1e-3, 1, 9)}, {"schedule", {"constant", "cosine"}}, {"starts", {2, 4, 8}}});
}

}  // namespace

constinit const OptimizerEntry multistart_sgd{"multistart-sgd", "torch gradient descent, restarted from fresh starts",
                                              rates_and_starts, restarted<sgd>};
constinit const OptimizerEntry multistart_momentum{
    "multistart-momentum", "torch SGD with momentum, restarted from fresh starts", rates_and_starts, restarted<momentum>};
constinit const OptimizerEntry multistart_rmsprop{"multistart-rmsprop", "torch RMSprop, restarted from fresh starts",
                                                  rates_and_starts, restarted<rmsprop>};
constinit const OptimizerEntry multistart_adam{"multistart-adam", "torch Adam, restarted from fresh starts",
                                               rates_and_starts, restarted<adam>};
constinit const OptimizerEntry multistart_lbfgs{
    "multistart-lbfgs",
    "torch L-BFGS, restarted from fresh starts on convergence",
    [] {
      return product({{"lr", log_spaced(0.05, 5, 7)}, {"tolerance", {1e-9, 1e-4}}});
    },
    restarted<lbfgs>,
};

}  // namespace scout::baseline
