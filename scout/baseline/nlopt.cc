// NLopt (Johnson) through its C interface. A call with a gradient costs two oracle calls, one without costs one.
#include <nlopt.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <mutex>
#include <numeric>

#include "scout/baseline/method.h"
#include "scout/baseline/table.h"

namespace scout::baseline {
namespace {

/// The best point that a search has seen: what NLopt returns is not always that.
struct Best {
  double f = HUGE_VAL;
  std::vector<double> theta;

  void offer(std::span<const double> point, double value) {
    if (!(value < f) && !theta.empty()) return;
    f = value;
    theta.assign(point.begin(), point.end());
  }
};

struct Search {
  Oracle& oracle;
  nlopt_opt handle;
  std::exception_ptr error;
  Best* best;
  bool unit_box;                ///< whether NLopt sees the box as [0, 1]^M
  std::vector<double> theta{};  ///< in the instance's units
};

/// NLopt is C: an exception must not cross it. It is kept, NLopt is told to stop, and the caller rethrows it.
double evaluate(unsigned count, const double* theta, double* gradient, void* data) {
  Search& search = *static_cast<Search*>(data);
  const std::span<double> slope(gradient, gradient ? count : 0);
  const auto lower = search.oracle.instance().lower(), upper = search.oracle.instance().upper();
  search.theta.assign(theta, theta + count);
  for (unsigned i = 0; search.unit_box && i < count; ++i) {
    search.theta[i] = std::clamp(lower[i] + theta[i] * (upper[i] - lower[i]), lower[i], upper[i]);
  }
  double f = HUGE_VAL;
  if (!search.error) {
    try {
      f = gradient ? search.oracle.value_and_gradient(search.theta, slope) : search.oracle.value(search.theta);
      for (unsigned i = 0; gradient && search.unit_box && i < count; ++i) gradient[i] *= upper[i] - lower[i];
    } catch (...) {
      search.error = std::current_exception();
      nlopt_force_stop(search.handle);
    }
  }
  if (search.error || !std::isfinite(f) || !all_finite(slope)) {
    std::fill(slope.begin(), slope.end(), 0.0);
    return HUGE_VAL;
  }
  if (search.best) search.best->offer(search.theta, f);
  return f;
}

/// Runs `algorithm` once within the instance's box; `best`, if given, is offered each point.
Ending search_once(Oracle& oracle, std::span<const double> start, Seed seed, nlopt_algorithm algorithm, int population,
                   double tolerance, Best* best = nullptr, bool unit_box = false) {
  const auto lower = oracle.instance().lower();
  const auto upper = oracle.instance().upper();
  const auto count = static_cast<unsigned>(start.size());
  // The global methods have no end of their own, tolerance 0: they stop with the budget.
  const auto create = [&](nlopt_algorithm which, double end) {
    std::unique_ptr<nlopt_opt_s, void (*)(nlopt_opt)> made(nlopt_create(which, count), nlopt_destroy);
    if (!made) throw std::bad_alloc();
    nlopt_set_ftol_rel(made.get(), end);
    nlopt_set_xtol_rel(made.get(), end);
    return made;
  };
  const bool local = algorithm == NLOPT_LD_LBFGS || algorithm == NLOPT_LD_SLSQP;
  const auto handle = create(algorithm, local ? tolerance : 0);
  Search search{oracle, handle.get(), nullptr, best, unit_box};
  nlopt_set_min_objective(handle.get(), evaluate, &search);
  if (unit_box) {
    nlopt_set_lower_bounds1(handle.get(), 0);
    nlopt_set_upper_bounds1(handle.get(), 1);
  } else {
    nlopt_set_lower_bounds(handle.get(), lower.data());
    nlopt_set_upper_bounds(handle.get(), upper.data());
  }
  nlopt_set_maxeval(handle.get(), static_cast<int>(std::min<std::int64_t>(oracle.remaining() + 1, 2'000'000'000)));
  if (population > 0) nlopt_set_population(handle.get(), static_cast<unsigned>(population));
  if (algorithm == NLOPT_G_MLSL_LDS) nlopt_set_local_optimizer(handle.get(), create(NLOPT_LD_LBFGS, tolerance).get());

  nlopt_srand(seed.value());  // NLopt's generator is local to the thread
  std::vector<double> theta(start.size());
  for (std::size_t i = 0; i < theta.size(); ++i) theta[i] = std::clamp(start[i], lower[i], upper[i]);
  for (std::size_t i = 0; unit_box && i < theta.size(); ++i) theta[i] = (theta[i] - lower[i]) / (upper[i] - lower[i]);
  double f = 0;
  const nlopt_result result = nlopt_optimize(handle.get(), theta.data(), &f);
  if (search.error) std::rethrow_exception(search.error);
  return result < 0 && result != NLOPT_ROUNDOFF_LIMITED ? Ending::failed : Ending::converged;
}

struct Local : Optimizer {
  double tolerance = 1e-8;
  template <class Visitor>
  void describe(Visitor&& visit) {
    visit("tolerance", tolerance, "ends when the relative change of f or θ is smaller", positive());
  }
};

template <nlopt_algorithm algorithm, bool unit_box = false>
struct Once : Local {
  Ending run(Oracle& oracle, std::span<const double> start, Seed seed) const override {
    return search_once(oracle, start, seed, algorithm, 0, tolerance, nullptr, unit_box);
  }
};

/// TikTak (Arnoud, Guvenen & Kleineberg 2019, NBER 26340): values at points that fill the box, then local searches, from the
/// better of them drawn more and more to the best point so far.
struct TikTak : Local {
  double share = 0.1;
  template <class Visitor>
  void describe(Visitor&& visit) {
    Local::describe(visit);
    visit("share", share, "of the budget that goes to the points that fill the box", inside(0, 1));
  }

  Ending run(Oracle& oracle, std::span<const double> start, Seed seed) const override {
    const auto lower = oracle.instance().lower();
    const auto upper = oracle.instance().upper();
    const std::size_t m = start.size();
    const auto count = std::max<std::int64_t>(1, static_cast<std::int64_t>(share * static_cast<double>(oracle.remaining())));
    // A Kronecker sequence (Roberts 2018): multiples of the powers of 1/g, where g is the root of g^(M+1) = g + 1.
    double g = 2;
    for (int k = 0; k < 50; ++k) g = std::pow(1 + g, 1 / (static_cast<double>(m) + 1));
    Random random(seed.derive("points"));
    std::vector<double> at(m);
    for (double& x : at) x = random.uniform();
    std::vector<Best> points;
    for (std::int64_t k = 0; k < count; ++k) {
      std::vector<double> theta(start.begin(), start.end());
      for (std::size_t i = 0; i < m; ++i) {
        at[i] += std::pow(g, -static_cast<double>(i + 1));
        at[i] -= std::floor(at[i]);
        if (k > 0) theta[i] = lower[i] + (upper[i] - lower[i]) * at[i];
      }
      const double f = oracle.value(theta);
      points.push_back({std::isfinite(f) ? f : HUGE_VAL, std::move(theta)});
    }
    std::ranges::stable_sort(points, {}, &Best::f);
    points.resize((points.size() + 9) / 10);
    Best best = points.front();
    for (std::size_t k = 0; k < points.size(); ++k) {
      const double pull = std::clamp(std::sqrt(static_cast<double>(k + 1) / static_cast<double>(points.size())), 0.1, 0.995);
      std::vector<double>& theta = points[k].theta;
      for (std::size_t i = 0; i < m && k > 0; ++i) theta[i] += pull * (best.theta[i] - theta[i]);
      search_once(oracle, theta, seed.derive(k), NLOPT_LD_LBFGS, 0, tolerance, &best);
    }
    return Ending::converged;
  }
};

struct Mlsl : Local {
  int population = 4;
  template <class Visitor>
  void describe(Visitor&& visit) {
    Local::describe(visit);
    visit("population", population, "points sampled an iteration", at_least(1));
  }
  Ending run(Oracle& oracle, std::span<const double> start, Seed seed) const override {
    return search_once(oracle, start, seed, NLOPT_G_MLSL_LDS, population, tolerance);
  }
};

struct Crs2 : Optimizer {
  int population = 10;
  template <class Visitor>
  void describe(Visitor&& visit) {
    visit("population", population, "points kept, as a multiple of M + 1", at_least(1));
  }
  Ending run(Oracle& oracle, std::span<const double> start, Seed seed) const override {
    return search_once(oracle, start, seed, NLOPT_GN_CRS2_LM, population * (oracle.instance().dimension() + 1), 0);
  }
};

struct Stogo : Optimizer {
  bool randomized = false;
  template <class Visitor>
  void describe(Visitor&& visit) {
    visit("randomized", randomized, "randomized search of the regions");
  }
  Ending run(Oracle& oracle, std::span<const double> start, Seed seed) const override {
    static std::mutex mutex;  // NLopt's StoGO keeps its counters in global variables
    const std::lock_guard lock(mutex);
    return search_once(oracle, start, seed, randomized ? NLOPT_GD_STOGO_RAND : NLOPT_GD_STOGO, 0, 0);
  }
};

}  // namespace

constinit const OptimizerEntry nlopt_lbfgs_multistart{
    "nlopt-lbfgs-multistart",
    "NLopt L-BFGS in the box, restarted from fresh starts on convergence",
    [] {
      return product({{"tolerance", {1e-2, 1e-4, 1e-8}}});
    },
    [](const nlohmann::json& settings) { return make_multistart(make<Once<NLOPT_LD_LBFGS>>, settings); },
};

constinit const OptimizerEntry nlopt_slsqp_multistart{
    "nlopt-slsqp-multistart",
    "NLopt SLSQP in the box, restarted from fresh starts on convergence",
    [] {
      return product({{"tolerance", {1e-2, 1e-4, 1e-8}}});
    },
    [](const nlohmann::json& settings) { return make_multistart(make<Once<NLOPT_LD_SLSQP>>, settings); },
};

constinit const OptimizerEntry nlopt_lbfgs_unit_box{
    "nlopt-lbfgs-unit-box",
    "NLopt L-BFGS in units of the box, restarted from fresh starts on convergence",
    [] {
      return product({{"tolerance", {1e-2, 1e-4, 1e-8}}});
    },
    [](const nlohmann::json& settings) { return make_multistart(make<Once<NLOPT_LD_LBFGS, true>>, settings); },
};

constinit const OptimizerEntry nlopt_slsqp_unit_box{
    "nlopt-slsqp-unit-box",
    "NLopt SLSQP in units of the box, restarted from fresh starts on convergence",
    [] {
      return product({{"tolerance", {1e-2, 1e-4, 1e-8}}});
    },
    [](const nlohmann::json& settings) { return make_multistart(make<Once<NLOPT_LD_SLSQP, true>>, settings); },
};

constinit const OptimizerEntry nlopt_tiktak{
    "nlopt-tiktak",
    "TikTak: points that fill the box, then NLopt L-BFGS from the better ones, drawn to the best",
    [] {
      return product({{"tolerance", {1e-4, 1e-8}}, {"share", {0.05, 0.1, 0.2, 0.5}}});
    },
    // All over again with what is left of the budget.
    [](const nlohmann::json& settings) { return make_multistart(make<TikTak>, settings); },
};

constinit const OptimizerEntry nlopt_mlsl{
    "nlopt-mlsl",
    "NLopt multi-level single-linkage over a low-discrepancy sequence, with L-BFGS",
    [] {
      return product({{"tolerance", {1e-2, 1e-4, 1e-8}}, {"population", {1, 4, 16}}});
    },
    // MLSL gives up when one of its local searches fails: it is then started again.
    [](const nlohmann::json& settings) { return make_multistart(make<Mlsl>, settings); },
};

constinit const OptimizerEntry nlopt_crs2{
    "nlopt-crs2",
    "NLopt controlled random search with local mutation, values only",
    [] {
      return product({{"population", {1, 2, 5, 10}}});
    },
    make<Crs2>,
};

constinit const OptimizerEntry nlopt_stogo{
    "nlopt-stogo",
    "NLopt StoGO: branch and bound with local searches",
    [] {
      return product({{"randomized", {false, true}}});
    },
    make<Stogo>,
};

}  // namespace scout::baseline
