#include "scout/train/learner/cma_es.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace scout {
namespace {

constexpr int kPopulation = 12;

/// Σ 10^(4i/9) (x_i - 1)²: the axes' curvatures differ by up to 10^4.
double ellipsoid(const std::vector<double>& x) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum += std::pow(10.0, 4.0 * static_cast<double>(i) / 9.0) * (x[i] - 1) * (x[i] - 1);
  }
  return sum;
}

SeparableCmaEs at_the_origin() { return {std::vector<double>(10, 0.0), 0.5, kPopulation}; }

void evolve(SeparableCmaEs& evolution, Random& random, int generations) {
  for (int g = 0; g < generations; ++g) {
    const auto& candidates = evolution.ask(random);
    std::vector<double> values;
    for (const auto& candidate : candidates) values.push_back(ellipsoid(candidate.point));
    std::vector<int> order(values.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(),
              [&](int a, int b) { return values[static_cast<std::size_t>(a)] < values[static_cast<std::size_t>(b)]; });
    evolution.tell(order);
  }
}

/// What `SeparableCmaEs::state` visits.
std::vector<std::vector<double>> state_of(SeparableCmaEs& evolution) {
  struct Save {
    std::vector<std::vector<double>>& out;
    void operator()(const std::vector<double>& numbers) { out.push_back(numbers); }
    void operator()(double number) { out.push_back({number}); }
  };
  std::vector<std::vector<double>> out;
  evolution.state(Save{out});
  return out;
}

TEST(SeparableCmaEs, MinimizesAnIllConditionedSeparableQuadratic) {
  SeparableCmaEs evolution = at_the_origin();
  Random random(Seed(1));
  evolve(evolution, random, 400);
  EXPECT_LT(ellipsoid(evolution.mean()), 1e-8);
  EXPECT_LT(evolution.step_size(), 0.5);
}

TEST(SeparableCmaEs, IsDeterministic) {
  SeparableCmaEs first = at_the_origin();
  SeparableCmaEs second = at_the_origin();
  Random random(Seed(2));
  Random again(Seed(2));
  evolve(first, random, 30);
  evolve(second, again, 30);
  EXPECT_EQ(state_of(first), state_of(second));
}

TEST(SeparableCmaEs, ContinuesFromItsState) {
  SeparableCmaEs kept = at_the_origin();
  Random random(Seed(3));
  evolve(kept, random, 20);

  struct Restore {
    const std::vector<std::vector<double>>& from;
    std::size_t next = 0;
    void operator()(std::vector<double>& numbers) { numbers = from.at(next++); }
    void operator()(double& number) { number = from.at(next++).at(0); }
  };
  const auto state = state_of(kept);
  SeparableCmaEs restored(std::vector<double>(10, 7.0), 3.0, kPopulation);
  restored.state(Restore{state});
  Random again(random.state());
  evolve(kept, random, 20);
  evolve(restored, again, 20);
  EXPECT_NE(state_of(kept), state);
  EXPECT_EQ(state_of(restored), state_of(kept));
}

TEST(SeparableCmaEs, CandidatesDrawnElsewhereCountAsIfDrawnHere) {
  SeparableCmaEs here(std::vector<double>(3, 1.0), 0.5, 8), there = here;
  Random random(Seed(4));
  std::vector<int> order{3, 1, 4, 0, 5, 2, 7, 6};
  for (int generation = 0; generation < 5; ++generation) {
    std::vector<std::vector<double>> directions;
    for (const auto& sample : here.ask(random)) directions.push_back(sample.direction);
    here.tell(order);
    there.replace(directions);
    there.tell(order);
    EXPECT_EQ(state_of(there), state_of(here));
  }
}

/// Generations of which every other candidate is drawn before the last `tell`, as happens on many machines.
TEST(SeparableCmaEs, LateCandidatesDoNotTakeStepsBack) {
  SeparableCmaEs evolution(std::vector<double>(10, 0.0), 0.1, kPopulation);
  auto slope = [](const SeparableCmaEs::Sample& sample) {
    return std::accumulate(sample.point.begin(), sample.point.end(), 0.0);
  };
  Random random(Seed(1));
  std::vector<SeparableCmaEs::Sample> late = evolution.ask(random);
  for (int generation = 0; generation < 40; ++generation) {
    const std::vector<SeparableCmaEs::Sample> fresh = evolution.ask(random);
    std::vector<std::vector<double>> directions;
    std::vector<double> values;
    std::vector<int> order;
    for (std::size_t k = 0; k < fresh.size(); ++k) {
      const auto& sample = k % 2 == 0 ? fresh[k] : late[k];
      directions.push_back(sample.direction);
      values.push_back(slope(sample));
      order.push_back(static_cast<int>(k));
    }
    late = fresh;
    std::sort(order.begin(), order.end(),
              [&](int a, int b) { return values[static_cast<std::size_t>(a)] < values[static_cast<std::size_t>(b)]; });
    evolution.replace(directions);
    evolution.tell(order);
  }
  // Nothing holds a run on a slope. By where the late points lie it would come to -4389.
  EXPECT_LT(std::accumulate(evolution.mean().begin(), evolution.mean().end(), 0.0), -1e5);
}

}  // namespace
}  // namespace scout
