#include "scout/bench/run/step_timing.h"

#include <numeric>
#include <span>

#include "scout/base/random.h"
#include "scout/bench/tables/statistics.h"

namespace scout::bench {

StepCosts measure_steps(StepMeter& adam, const std::vector<Metered>& metered, int warm_up, int steps) {
  std::vector<StepMeter*> meters{&adam};
  for (const Metered& one : metered) meters.push_back(one.meter.get());
  std::vector<std::vector<double>> seconds(meters.size());
  // In a new order each time: what went before leaves caches and heap as it likes.
  Random random(Seed(0).derive("turns"));
  std::vector<std::size_t> order(meters.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (int step = 0; step < warm_up + steps; ++step) {
    shuffle(std::span(order), random);
    for (const std::size_t m : order) {
      const double took = meters[m]->step();
      if (step >= warm_up) seconds[m].push_back(took);
    }
  }
  StepCosts out;
  out.adam = {"adam", median(seconds[0]), adam.state_bytes()};
  for (std::size_t m = 1; m < meters.size(); ++m) {
    out.costs.push_back({metered[m - 1].optimizer, median(seconds[m]), meters[m]->state_bytes()});
  }
  return out;
}

}  // namespace scout::bench
