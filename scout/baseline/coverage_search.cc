// Search that covers the box: short descents, each from the candidate that lies farthest from all that was visited.
#include <algorithm>
#include <limits>

#include "scout/baseline/method.h"
#include "scout/baseline/table.h"

namespace scout::baseline {
namespace {

/// Maximises the entropy of the visited points, as nearest neighbours estimate it (Kozachenko & Leonenko 1987), greedily: of
/// the terms of that sum, log |θ - nearest visited point|, the new point's is made as large as the candidates allow. It is
/// what explorers of states are rewarded for in reinforcement learning (Liu & Abbeel 2021, eq. 4, with k = 1).
struct CoverageSearch : Optimizer, RateOptions {
  int candidates = 32;
  int descent = 32;
  template <class Visitor>
  void describe(Visitor&& visit) {
    RateOptions::describe(visit);
    visit("candidates", candidates, "uniform points of the box among which the farthest is chosen", at_least(1));
    visit("descent", descent, "gradients of each descent, over which the schedule runs", at_least(1));
  }

  Ending run(Oracle& oracle, std::span<const double> start, Seed seed) const override {
    Random random(seed);
    const Instance& instance = oracle.instance();
    GradientScale scale(instance);
    std::vector<double> theta(start.begin(), start.end());
    std::vector<double> gradient(theta.size());
    std::vector<double> visited;  // [n, M]
    for (;;) {
      for (int step = 0; step < descent; ++step) {
        oracle.gradient(theta, gradient);
        visited.insert(visited.end(), theta.begin(), theta.end());
        if (!all_finite(gradient)) break;
        const double length = at(step, descent) * scale(gradient);
        for (std::size_t i = 0; i < theta.size(); ++i) theta[i] -= length * gradient[i];
        if (!all_finite(theta)) break;
      }
      theta = farthest(instance, visited, random);
    }
  }

 private:
  std::vector<double> farthest(const Instance& instance, const std::vector<double>& visited, Random& random) const {
    const std::size_t m = instance.lower().size();
    std::vector<double> best(m), candidate(m);
    double most = -1;
    for (int c = 0; c < candidates; ++c) {
      for (std::size_t i = 0; i < m; ++i) candidate[i] = random.uniform(instance.lower()[i], instance.upper()[i]);
      double nearest = std::numeric_limits<double>::infinity();
      for (std::size_t at = 0; at < visited.size() && nearest > most; at += m) {
        double square = 0;
        for (std::size_t i = 0; i < m; ++i) {
          const double difference = (candidate[i] - visited[at + i]) / (instance.upper()[i] - instance.lower()[i]);
          square += difference * difference;
        }
        nearest = std::min(nearest, square);
      }
      if (nearest <= most) continue;
      most = nearest;
      best = candidate;
    }
    return best;
  }
};

}  // namespace

constinit const OptimizerEntry coverage_search{
    "coverage-search",
    "short descents from where the visited points leave most room",
    [] {
      return product({{"lr", log_spaced(1e-4, 1, 9)}, {"descent", {8, 32, 128}}, {"candidates", {4, 32}}});
    },
    make<CoverageSearch>,
};

}  // namespace scout::baseline
