// The exploration ensemble of trainings, by itself on a function: no policy, and nothing is learnt.
#include <algorithm>
#include <stdexcept>

#include "scout/baseline/method.h"
#include "scout/baseline/table.h"
#include "scout/policy/rules.h"
#include "scout/train/mover/ensemble.h"

namespace scout::baseline {
namespace {

/// What explorers see of a function: its answers are the oracle's and are counted, its optimum is hidden, and the first of
/// them starts where the run does. For one run only.
class AskedInstance final : public Instance {
 public:
  AskedInstance(Oracle& oracle, std::span<const double> start) : oracle_(oracle), start_(start.begin(), start.end()) {}

  int dimension() const override { return oracle_.instance().dimension(); }
  void evaluate(std::span<const double> theta, std::span<double> f, std::span<double> gradient) const override {
    const auto m = static_cast<std::size_t>(dimension());
    for (std::size_t b = 0; b < theta.size() / m; ++b) {
      const auto point = theta.subspan(b * m, m);
      if (gradient.empty()) {
        f[b] = oracle_.value(point);
      } else if (f.empty()) {
        oracle_.gradient(point, gradient.subspan(b * m, m));
      } else {
        f[b] = oracle_.value_and_gradient(point, gradient.subspan(b * m, m));
      }
    }
  }
  double true_value(std::span<const double> theta) const override { return oracle_.value(theta); }
  void sample_start(Random& random, std::span<double> theta) const override {
    if (start_.empty()) return oracle_.instance().sample_start(random, theta);
    std::ranges::copy(start_, theta.begin());
    start_.clear();
  }
  std::span<const double> lower() const override { return oracle_.instance().lower(); }
  std::span<const double> upper() const override { return oracle_.instance().upper(); }

 private:
  Oracle& oracle_;
  mutable std::vector<double> start_;
};

/// The ensemble of the founding text: N explorers, each on a coordinate of its own, which move along it with probability
/// p_coor and else against the gradient. p_coor and the step size decay; explorers are reset, coordinates pruned. As in
/// trainings, a step costs f and ∇f: 2 calls.
struct ExplorerEnsemble : Optimizer, EnsembleOptions {
  template <class Visitor>
  void describe(Visitor&& visit) {
    visit("explorers", explorers, "N; at most M are there, since no two hold the same coordinate", at_least(1));
    visit("step", step, "step of a coordinate at the beginning, in box widths", positive());
    visit("step_end", step_end, "and at the end (geometric decay)", positive());
    visit("coordinate_probability", coordinate_probability, "p_coor at the beginning; above 1 it is 1 until then",
          at_least(0));
    visit("coordinate_probability_end", coordinate_probability_end, "p_coor at the end (geometric decay)", inside(0, 1));
    visit("reset_after", reset_after, "steps in a low-reward region before an explorer starts anew", at_least(1));
    visit("prune_after", prune_after, "moves along a coordinate before it can be pruned", at_least(1));
    visit("life", life, "steps of a life, in which p_coor and steps decay; 0: one life", at_least(0));
    visit("chain", chain, "probability that a life begins at the best point that is known; needs lives", between(0, 1));
  }

  Ending run(Oracle& oracle, std::span<const double> start, Seed seed) const override {
    if (oracle.instance().stochastic()) {
      throw std::invalid_argument("explorer-ensemble is for functions: it keeps every coordinate of every step");
    }
    const int dimension = oracle.instance().dimension();
    const auto asked = std::make_shared<AskedInstance>(oracle, start);
    // Coordinate explorers never ask the rule, which only carries their moves out; so it is the smallest there is.
    const auto rule = make_rule({.rule = "joint", .dimension = dimension, .hidden = {1}, .history = 1, .step_scale = 1});
    const std::vector<float> parameters(rule->parameter_count());
    // The starts make the steps a few too many, so that the budget is what ends the run.
    const std::int64_t calls = 2 * std::min(explorers, dimension);
    const std::int64_t steps = std::max<std::int64_t>(1, (oracle.remaining() + calls - 1) / calls);
    Ensemble({.instance = asked,
              .stepper = rule->with(parameters),
              .episode = {.step_scale = 1, .credit_by_coordinate = false},
              .plan = {.horizon = static_cast<int>(steps)},
              .seed = seed},
             *this)
        .run();
    return Ending::stalled;
  }
};

nlohmann::json short_lives() { return {{"life", 24}, {"chain", 0.9}}; }

}  // namespace

constinit const OptimizerEntry explorer_ensemble{
    "explorer-ensemble",
    "the exploration ensemble by itself: a coordinate each, else the gradient; reset, prune",
    [] {
      return product({{"explorers", {2, 4, 8}},
                      {"step", {0.03, 0.1, 0.3, 0.6}},
                      {"step_end", {1e-4, 1e-3, 1e-2}},
                      {"coordinate_probability", {0.3, 0.8}}});
    },
    make<ExplorerEnsemble>,
};
constinit const OptimizerEntry explorer_ensemble_lives{
    "explorer-ensemble-lives",
    "the same in short lives, most of them from the best point known",
    [] {
      return product({{"explorers", {2, 8}},
                      {"life", {12, 24, 48}},
                      {"chain", {0.0, 0.5, 0.9}},
                      {"step", {0.1, 0.3, 0.5}},
                      {"coordinate_probability", {0.8, 1.5}}});
    },
    make_preset<ExplorerEnsemble, short_lives>,
};

}  // namespace scout::baseline
