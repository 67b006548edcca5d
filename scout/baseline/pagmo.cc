// Evolutionary methods of pagmo (Biscani & Izzo 2020). They use values only: one oracle call an evaluation.

// pagmo's library frees Eigen matrices that are made here and the reverse, so both sides must agree on how Eigen allocates:
// as in the distribution's build, whatever this one's instruction set and sanitizers.
#define EIGEN_MAX_ALIGN_BYTES 16
#define EIGEN_MALLOC_ALREADY_ALIGNED 1

#include <algorithm>
#include <cmath>
#include <limits>
#include <pagmo/algorithm.hpp>
#include <pagmo/algorithms/cmaes.hpp>
#include <pagmo/algorithms/de1220.hpp>
#include <pagmo/population.hpp>
#include <pagmo/problem.hpp>

#include "scout/baseline/method.h"
#include "scout/baseline/table.h"

namespace scout::baseline {
namespace {

/// An oracle as a pagmo problem over the instance's box. Non-finite values rank worst.
struct OracleProblem {
  Oracle* oracle = nullptr;

  pagmo::vector_double fitness(const pagmo::vector_double& theta) const {
    const double f = oracle->value(theta);
    return {std::isfinite(f) ? f : std::numeric_limits<double>::infinity()};
  }
  std::pair<pagmo::vector_double, pagmo::vector_double> get_bounds() const {
    const auto lower = oracle->instance().lower();
    const auto upper = oracle->instance().upper();
    return {{lower.begin(), lower.end()}, {upper.begin(), upper.end()}};
  }
};

/// More generations than the budget covers: BudgetExhausted ends the evolution first.
unsigned endless(const Oracle& oracle) {
  return static_cast<unsigned>(std::min<std::int64_t>(oracle.remaining(), 1 << 30)) + 1;
}

unsigned seed32(Seed seed) { return static_cast<unsigned>(seed.value()); }

/// Evolves populations until the budget is used: the first from `start`, the next from a new one each time that one has
/// converged. `evolve` gets a population of the start alone, and its number.
template <class Evolve>
[[noreturn]] void restart(Oracle& oracle, std::span<const double> start, Seed seed, Evolve&& evolve) {
  Random random(seed.derive("starts"));
  pagmo::vector_double theta(start.begin(), start.end());
  for (int k = 0;; ++k) {
    pagmo::population individuals(pagmo::problem(OracleProblem{&oracle}), 0, seed32(seed.derive(k)));
    individuals.push_back(theta);
    evolve(individuals, k);
    oracle.instance().sample_start(random, theta);
  }
}

struct CmaEs : Optimizer {
  double sigma0 = 0.2;
  int population = 10;
  template <class Visitor>
  void describe(Visitor&& visit) {
    visit("sigma0", sigma0, "initial standard deviation, in box widths", positive());
    visit("population", population, "samples a generation; doubled at each restart", at_least(5));
  }

  /// Restarts with twice the population when it has converged (IPOP, Auger & Hansen 2005).
  Ending run(Oracle& oracle, std::span<const double> start, Seed seed) const override {
    std::int64_t size = population;
    restart(oracle, start, seed, [&](pagmo::population& individuals, int k) {
      // The search starts at the best individual. The others only say how large a generation is: they are never evaluated.
      for (std::int64_t i = 1; i < size; ++i) {
        individuals.push_back(individuals.random_decision_vector(), {std::numeric_limits<double>::infinity()});
      }
      pagmo::algorithm(pagmo::cmaes(endless(oracle), -1, -1, -1, -1, sigma0, 1e-9, 1e-9, false, true,
                                    seed32(seed.derive("cmaes").derive(k))))
          .evolve(individuals);
      size = std::min(2 * size, std::max<std::int64_t>(size, oracle.remaining()));
    });
  }
};

struct De1220 : Optimizer {
  int population = 20;
  int adaptation = 1;
  template <class Visitor>
  void describe(Visitor&& visit) {
    visit("population", population, "individuals", at_least(7));
    visit("adaptation", adaptation, "rule that adapts F and CR: 1 jDE, 2 iDE", between(1, 2));
  }

  Ending run(Oracle& oracle, std::span<const double> start, Seed seed) const override {
    restart(oracle, start, seed, [&](pagmo::population& individuals, int k) {
      for (int i = 1; i < population; ++i) individuals.push_back(individuals.random_decision_vector());
      pagmo::algorithm(pagmo::de1220(endless(oracle), pagmo::de1220_statics<void>::allowed_variants,
                                     static_cast<unsigned>(adaptation), 1e-9, 1e-9, false,
                                     seed32(seed.derive("de1220").derive(k))))
          .evolve(individuals);
    });
  }
};

}  // namespace

constinit const OptimizerEntry pagmo_cmaes{
    "pagmo-cmaes",
    "pagmo CMA-ES, restarted with doubled populations, values only",
    [] {
      return product({{"sigma0", {0.03, 0.1, 0.2, 0.4}}, {"population", {6, 10, 20}}});
    },
    make<CmaEs>,
};

constinit const OptimizerEntry pagmo_de1220{
    "pagmo-de1220",
    "pagmo self-adaptive differential evolution, values only",
    [] {
      return product({{"population", {8, 16, 32}}, {"adaptation", {1, 2}}});
    },
    make<De1220>,
};

}  // namespace scout::baseline
