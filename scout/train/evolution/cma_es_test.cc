#include "scout/train/evolution/cma_es.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "scout/base/archive.h"

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
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](int a, int b) { return values[static_cast<std::size_t>(a)] < values[static_cast<std::size_t>(b)]; });
    evolution.tell(order);
  }
}

Bytes state_of(const SeparableCmaEs& evolution) {
  ArchiveWriter archive;
  archive(evolution);
  return archive.take();
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

  const Bytes state = state_of(kept);
  ArchiveReader archive(state);
  SeparableCmaEs restored(std::vector<double>(10, 7.0), 3.0, kPopulation);
  archive(restored);
  Random again(random.state());
  evolve(kept, random, 20);
  evolve(restored, again, 20);
  EXPECT_NE(state_of(kept), state);
  EXPECT_EQ(state_of(restored), state_of(kept));
}

TEST(SeparableCmaEs, CandidatesDrawnElsewhereCountAsIfDrawnHere) {
  SeparableCmaEs here(std::vector<double>(3, 1.0), 0.5, 8), there = here;
  Random random(Seed(4));
  std::vector<std::size_t> order{3, 1, 4, 0, 5, 2, 7, 6};
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
    std::vector<std::size_t> order;
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

using Order = std::vector<std::size_t>;

std::vector<std::size_t> order(const std::vector<std::vector<double>>& scores, std::string_view rule) {
  return selection_order({scores.begin(), scores.end()}, rule);
}

TEST(Selection, OneProblemIsOrderedByItsScoresAndTiesByNumber) {
  for (const auto* rule : {"mean", "spread", "ranks"}) {
    EXPECT_EQ(order({{3}, {-1}, {2}, {2}}, rule), (Order{1, 2, 3, 0})) << rule;
    EXPECT_EQ(order({}, rule), Order());
  }
}

TEST(Selection, RulesWeighProblemsDifferently) {
  // The first problem spreads a hundred times wider than the second.
  const std::vector<std::vector<double>> scores{{0, 0.3}, {10, 0}, {20, 0.6}};
  EXPECT_EQ(order(scores, "mean"), (Order{0, 1, 2}));
  // Ranks: 0 + 1, 1 + 0, 2 + 2. Spread: -10/6.7 + 0, 0 - 0.3/0.25, ...
  EXPECT_EQ(order(scores, "ranks"), (Order{0, 1, 2}));
  EXPECT_EQ(order(scores, "spread"), (Order{0, 1, 2}));
  // The second alone decides for "mean", as the widest; for "spread" it is one of two.
  const std::vector<std::vector<double>> close{{0.4, 9}, {0, 10}, {0.8, 9.5}};
  EXPECT_EQ(order(close, "mean"), (Order{0, 1, 2}));
  EXPECT_EQ(order(close, "spread").front(), 0);
  const std::vector<std::vector<double>> narrow{{1.0, 5}, {0.0, 5.5}, {0.9, 8}, {1.1, 1}};
  EXPECT_EQ(order(narrow, "mean").front(), 3) << "far ahead on the wide problem";
  EXPECT_EQ(order(narrow, "spread").front(), 1) << "far ahead on the narrow one";
}

TEST(Selection, NoiseWhereNothingIsAchievedCountsForRanksOnly) {
  const std::vector<std::vector<double>> scores{{-1, 1e-6}, {-0.8, 0}, {0, 3e-6}, {0.1, 2e-6}};
  EXPECT_EQ(order(scores, "spread"), (Order{0, 1, 2, 3}));
  EXPECT_EQ(order({{0, 0.001}, {0.001, 0}, {0.002, 0.003}}, "ranks").back(), 2);
  // What is ahead where it matters comes second by ranks.
  const std::vector<std::vector<double>> hopeless{{-1, 3e-6, 3e-6}, {-0.9, 0, 0}, {0, 1e-6, 1e-6}, {0.1, 2e-6, 2e-6}};
  EXPECT_EQ(order(hopeless, "spread").front(), 0);
  EXPECT_EQ(order(hopeless, "ranks").front(), 1);
}

}  // namespace
}  // namespace scout
