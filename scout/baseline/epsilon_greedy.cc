// The mission's naive exploration baseline: n runs of ε-greedy gradient descent that share the budget.
#include "scout/baseline/method.h"
#include "scout/baseline/table.h"

namespace scout::baseline {
namespace {

/// One run. Each step costs one gradient; with probability ε the step goes in a uniformly random direction instead. The
/// length of both kinds falls by the schedule.
struct EpsilonGreedySgd : Optimizer, RateOptions {
  double epsilon = 0.1;
  template <class Visitor>
  void describe(Visitor&& visit) {
    RateOptions::describe(visit);
    visit("epsilon", epsilon, "probability of a step in a random direction", between(0, 1));
  }

  Ending run(Oracle& oracle, std::span<const double> start, Seed seed) const override {
    Random random(seed);
    const double width = length_unit(oracle.instance());
    GradientScale scale(oracle.instance());
    const std::int64_t horizon = oracle.remaining();
    std::vector<double> theta(start.begin(), start.end());
    std::vector<double> direction(theta.size());
    for (std::int64_t step = 0;; ++step) {
      oracle.gradient(theta, direction);
      if (!all_finite(direction)) return Ending::failed;
      double length = -at(step, horizon) * scale(direction);
      if (random.chance(epsilon)) {
        for (double& d : direction) d = random.normal();
        length = at(step, horizon) * width / root_mean_square(direction);
      }
      for (std::size_t i = 0; i < theta.size(); ++i) theta[i] += length * direction[i];
    }
  }
};

}  // namespace

constinit const OptimizerEntry epsilon_greedy_sgd{
    "epsilon-greedy-sgd",
    "n runs of SGD that step in a random direction with probability epsilon",
    [] {
      return product({{"lr", log_spaced(1e-4, 1, 9)}, {"epsilon", {0.1, 0.3}}, {"starts", {1, 4, 8, 32, 128}}});
    },
    [](const nlohmann::json& settings) { return make_multistart(make<EpsilonGreedySgd>, settings); },
};

}  // namespace scout::baseline
