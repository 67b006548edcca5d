// Stochastic gradient Langevin dynamics (Welling & Teh 2011), annealed: gradient descent with noise that cools.
#include <cmath>

#include "scout/baseline/method.h"
#include "scout/baseline/table.h"

namespace scout::baseline {
namespace {

/// One chain. Equation 4 of the paper, θ ← θ - (ε/2) ∇U + N(0, ε), for U = f/T and ε = 2 h T: a step of h ∇f, and noise of
/// variance 2 h T. The paper has T = 1 and ε ∝ (b + t)^-γ. Here h falls by the schedule and T geometrically (simulated
/// annealing), since a minimum is wanted and not the posterior's sample. In units of the box and of the first gradient, as
/// GradientScale has it, so that one setting serves functions of any size.
struct Langevin : Optimizer, RateOptions {
  double temperature = 0.01;
  double cooling = 0.001;
  template <class Visitor>
  void describe(Visitor&& visit) {
    RateOptions::describe(visit);
    visit("temperature", temperature, "T at the beginning, over what the slope at the start makes of a box width",
          at_least(0));
    visit("cooling", cooling, "T at the end, over T at the beginning", Condition{.low = 0, .high = 1, .open_low = true});
  }

  Ending run(Oracle& oracle, std::span<const double> start, Seed seed) const override {
    Random random(seed);
    const double width = length_unit(oracle.instance());
    GradientScale scale(oracle.instance());
    const std::int64_t horizon = oracle.remaining();
    std::vector<double> theta(start.begin(), start.end());
    std::vector<double> gradient(theta.size());
    for (std::int64_t step = 0;; ++step) {
      oracle.gradient(theta, gradient);
      if (!all_finite(gradient)) return Ending::failed;
      const double rate = at(step, horizon);
      const double heat = temperature * std::pow(cooling, static_cast<double>(step) / static_cast<double>(horizon));
      const double descent = rate * scale(gradient);
      const double noise = width * std::sqrt(2 * rate * heat);
      for (std::size_t i = 0; i < theta.size(); ++i) theta[i] += noise * random.normal() - descent * gradient[i];
    }
  }
};

}  // namespace

constinit const OptimizerEntry langevin{
    "langevin",
    "n chains of stochastic gradient Langevin dynamics, annealed",
    [] {
      return product({{"lr", log_spaced(1e-4, 1, 9)}, {"temperature", {1e-3, 1e-2, 1e-1}}, {"starts", {1, 8, 32}}});
    },
    [](const nlohmann::json& settings) { return make_multistart(make<Langevin>, settings); },
};

}  // namespace scout::baseline
