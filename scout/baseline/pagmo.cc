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

#include "scout/baseline/entries.h"
#include "scout/baseline/method.h"

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

class CmaEs : public Optimizer {
 public:
  struct Options {
    double sigma0 = 0.2;
    int population = 10;
    template <class Visitor>
    void describe(Visitor&& visit) {
      visit("sigma0", sigma0, "initial standard deviation, in box widths", positive());
      visit("population", population, "samples a generation; doubled at each restart", at_least(5));
    }
  };
  explicit CmaEs(const Options& options) : options_(options) {}

  /// Restarts with twice the population when it has converged (IPOP, Auger & Hansen 2005).
  Ending run(Oracle& oracle, std::span<const double> start, Seed seed) const override {
    Random random(seed.derive("starts"));
    pagmo::vector_double theta(start.begin(), start.end());
    std::int64_t size = options_.population;
    for (int k = 0;; ++k, size = std::min(2 * size, std::max<std::int64_t>(size, oracle.remaining()))) {
      pagmo::population population(pagmo::problem(OracleProblem{&oracle}), 0, seed32(seed.derive(k)));
      population.push_back(theta);
      // The search starts at the best individual. The others only say how large a generation is: they are never evaluated.
      for (std::int64_t i = 1; i < size; ++i) {
        population.push_back(population.random_decision_vector(), {std::numeric_limits<double>::infinity()});
      }
      const pagmo::algorithm method(pagmo::cmaes(endless(oracle), -1, -1, -1, -1, options_.sigma0, 1e-9, 1e-9, false, true,
                                                 seed32(seed.derive("cmaes").derive(k))));
      method.evolve(population);
      oracle.instance().sample_start(random, theta);
    }
  }

 private:
  Options options_;
};

class De1220 : public Optimizer {
 public:
  struct Options {
    int population = 20;
    int adaptation = 1;
    template <class Visitor>
    void describe(Visitor&& visit) {
      visit("population", population, "individuals", at_least(7));
      visit("adaptation", adaptation, "rule that adapts F and CR: 1 jDE, 2 iDE", between(1, 2));
    }
  };
  explicit De1220(const Options& options) : options_(options) {}

  /// Starts again from a new population when it has converged.
  Ending run(Oracle& oracle, std::span<const double> start, Seed seed) const override {
    pagmo::vector_double theta(start.begin(), start.end());
    const auto others = static_cast<pagmo::population::size_type>(options_.population - 1);
    Random random(seed.derive("starts"));
    for (int k = 0;; ++k) {
      pagmo::population population(pagmo::problem(OracleProblem{&oracle}), 0, seed32(seed.derive(k)));
      population.push_back(theta);
      for (pagmo::population::size_type i = 0; i < others; ++i) population.push_back(population.random_decision_vector());
      const pagmo::algorithm method(pagmo::de1220(endless(oracle), pagmo::de1220_statics<void>::allowed_variants,
                                                  static_cast<unsigned>(options_.adaptation), 1e-9, 1e-9, false,
                                                  seed32(seed.derive("de1220").derive(k))));
      method.evolve(population);
      oracle.instance().sample_start(random, theta);
    }
  }

 private:
  Options options_;
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
