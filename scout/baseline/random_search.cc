// Uniform samples of the box, values only.
#include "scout/baseline/method.h"
#include "scout/baseline/table.h"

namespace scout::baseline {
namespace {

struct RandomSearch : Optimizer {
  template <class Visitor>
  void describe(Visitor&&) {}

  Ending run(Oracle& oracle, std::span<const double> start, Seed seed) const override {
    Random random(seed);
    std::vector<double> theta(start.begin(), start.end());
    for (;;) {
      oracle.value(theta);
      for (std::size_t i = 0; i < theta.size(); ++i) {
        theta[i] = random.uniform(oracle.instance().lower()[i], oracle.instance().upper()[i]);
      }
    }
  }
};

}  // namespace

constinit const OptimizerEntry random_search{
    "random-search",
    "the start, then uniform samples of the box",
    [] { return std::vector{nlohmann::json::object()}; },
    make<RandomSearch>,
};

}  // namespace scout::baseline
