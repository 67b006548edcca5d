// Explorers of functions' coordinates; those of weights: ensemble_weights_test.cc. What holds of all: movers_test.cc.
#include "scout/train/mover/ensemble.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "scout/optimizer/test_instance.h"
#include "scout/policy/test_policy.h"

namespace scout {
namespace {

using Kind = ExplorerEvent::Kind;
constexpr double kStepScale = 0.5;  // of a box of width 10

struct Event {
  Kind kind;
  int explorer, coordinate, step;
  double value;
  std::vector<double> theta;
};

struct Life {
  std::vector<Event> events;
  std::vector<Trajectory> trajectories;
  EnsembleSummary summary;
};

Life live(std::shared_ptr<const Instance> instance, const EnsembleOptions& options, int horizon = 60, std::uint64_t seed = 1,
          const EnsembleShare& share = {}) {
  Ensemble ensemble({.instance = std::move(instance),
                     .stepper = untrained_policy()->stepper(),
                     .episode = {.step_scale = kStepScale, .credit_by_coordinate = false},
                     .plan = {.horizon = horizon},
                     .seed = Seed(seed),
                     .share = share},
                    options);
  Life life;
  life.trajectories = ensemble.run([&](const ExplorerEvent& e) {
    EXPECT_EQ(e.mover, "coordinate");
    life.events.push_back({e.kind, e.explorer, e.coordinate, e.step, e.value, {e.theta.begin(), e.theta.end()}});
  });
  life.summary = ensemble.summary();
  return life;
}

std::shared_ptr<const Instance> bowl(int dimension) { return std::make_shared<TestInstance>(shifted_sphere(dimension)); }

bool is_move(const Event& event) { return event.kind == Kind::coordinate || event.kind == Kind::gradient; }

/// Calls visit(before, move) on each move and the event of the same explorer before it.
template <class Visit>
void for_each_move(const Life& life, Visit&& visit) {
  std::map<int, const Event*> last;
  for (const Event& event : life.events) {
    if (is_move(event)) visit(*last.at(event.explorer), event);
    last[event.explorer] = &event;
  }
}

TEST(Ensemble, NoTwoExplorersEverHoldTheSameCoordinate) {
  EnsembleOptions options;
  options.explorers = 4;
  options.prune_after = 2;
  int prunes = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Life life = live(bowl(12), options, 60, seed);
    std::map<int, int> held;
    for (const Event& event : life.events) {
      held[event.explorer] = event.coordinate;
      std::set<int> different;
      for (const auto& [explorer, coordinate] : held) different.insert(coordinate);
      ASSERT_EQ(different.size(), held.size());
    }
    EXPECT_EQ(held.size(), 4U);
    prunes += life.summary.prunes;
  }
  EXPECT_GT(prunes, 20) << "pruning has to happen for this test to mean something";
}

TEST(Ensemble, MembersOfAShareNeverTouchTheSameCoordinate) {
  EnsembleOptions options;
  options.explorers = 2;
  options.prune_after = 2;
  int prunes = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::set<int> touched;
    std::set<std::vector<double>> starts;
    for (int member = 0; member < 3; ++member) {
      const Life life = live(bowl(13), options, 60, seed, {member, 3});
      std::set<int> own;
      for (const Event& event : life.events) {
        own.insert(event.coordinate);
        if (event.kind == Kind::start) starts.insert(event.theta);
      }
      for (int coordinate : own) EXPECT_TRUE(touched.insert(coordinate).second) << "seed " << seed;
      EXPECT_EQ(life.summary.coordinates_tried, static_cast<int>(own.size()));
      EXPECT_GE(own.size(), 2U);
      prunes += life.summary.prunes;
    }
    EXPECT_EQ(starts.size(), 6U) << "every explorer of every member starts elsewhere";
  }
  EXPECT_GT(prunes, 20) << "pruning has to happen for this test to mean something";
}

TEST(Ensemble, AShareHasNoMoreExplorersThanItsPart) {
  EnsembleOptions options;
  options.explorers = 3;
  for (int member : {0, 1}) {
    const Life life = live(bowl(3), options, 60, 1, {member, 2});
    EXPECT_EQ(life.summary.coordinates_tried, member == 0 ? 2 : 1);
  }
}

TEST(Ensemble, HasNoMoreExplorersThanCoordinates) {
  EnsembleOptions options;
  options.explorers = 10;
  const Life life = live(bowl(3), options);
  EXPECT_EQ(std::count_if(life.events.begin(), life.events.end(), [](const Event& e) { return e.kind == Kind::start; }), 3);
  EXPECT_EQ(life.summary.coordinates_tried, 3);
}

TEST(Ensemble, TheChanceOfCoordinateMovesDecays) {
  EnsembleOptions options;
  options.coordinate_probability = 0.8;
  options.coordinate_probability_end = 0.05;
  const int horizon = 50;
  std::vector<int> moves(static_cast<std::size_t>(horizon) + 1), total(moves);
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    for (const Event& event : live(bowl(6), options, horizon, seed).events) {
      if (!is_move(event)) continue;
      ++total[static_cast<std::size_t>(event.step)];
      moves[static_cast<std::size_t>(event.step)] += event.kind == Kind::coordinate;
    }
  }
  for (std::size_t step : {1U, 13U, 26U, 38U, 50U}) {
    const double expected = 0.8 * std::pow(0.05 / 0.8, static_cast<double>(step - 1) / horizon);
    EXPECT_NEAR(static_cast<double>(moves[step]) / total[step], expected, 0.07) << step;
  }
}

TEST(Ensemble, StepsDecayAndCoordinateMovesKeepToTheirCoordinate) {
  EnsembleOptions options;
  options.step = 0.3;
  options.step_end = 1e-3;
  options.coordinate_probability_end = 0.5;
  const int horizon = 60;
  int coordinate_moves = 0;
  for_each_move(live(bowl(5), options, horizon), [&](const Event& before, const Event& after) {
    const double size = 10 * kStepScale * 0.3 * std::pow(1e-3 / 0.3, static_cast<double>(after.step - 1) / horizon);
    double square = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      const double step = after.theta[i] - before.theta[i];
      square += step * step / 5;
      if (after.kind == Kind::gradient) continue;
      if (static_cast<int>(i) == after.coordinate) {
        EXPECT_NEAR(std::abs(step), size, 1e-3 * size);
      } else {
        EXPECT_EQ(step, 0);
      }
    }
    coordinate_moves += after.kind == Kind::coordinate;
    if (after.kind == Kind::gradient) {
      EXPECT_NEAR(std::sqrt(square), size, 1e-2 * size) << "root mean square step";
    }
  });
  EXPECT_GT(coordinate_moves, 60);
}

TEST(Ensemble, GradientMovesGoDownhill) {
  EnsembleOptions options;
  options.coordinate_moves = false;
  options.step = 0.01;
  options.step_end = 0.001;
  options.reset = false;
  for_each_move(live(bowl(5), options),
                [](const Event& before, const Event& after) { EXPECT_LT(after.value, before.value); });
}

TEST(Ensemble, TurnsRoundAfterAMoveThatDidNotHelp) {
  EnsembleOptions options;
  options.gradient_moves = false;
  options.prune = options.reset = false;
  const Life life = live(bowl(4), options);
  std::map<int, double> sign;
  std::map<int, bool> helped;
  for_each_move(life, [&](const Event& before, const Event& after) {
    const auto i = static_cast<std::size_t>(after.coordinate);
    const double now = after.theta[i] > before.theta[i] ? 1 : -1;
    if (sign.contains(after.explorer)) {
      EXPECT_EQ(now, sign[after.explorer] * (helped[after.explorer] ? 1 : -1));
    }
    sign[after.explorer] = now;
    helped[after.explorer] = after.value < before.value;
  });
}

/// A dead plain for θ_0 < 3, far above the bowl beyond.
std::shared_ptr<const Instance> plain() {
  return std::make_shared<TestInstance>(3, [](std::span<const double> theta, std::span<double> gradient) {
    std::fill(gradient.begin(), gradient.end(), 0.0);
    if (theta[0] < 3) return 1000.0;
    gradient[0] = 2 * (theta[0] - 4);
    return (theta[0] - 4) * (theta[0] - 4);
  });
}

TEST(Ensemble, ResetsAnExplorerThatIsStuckInALowRewardRegion) {
  EnsembleOptions options;
  options.step = options.step_end = 1e-4;
  options.reset_after = 7;
  options.prune = false;
  int resets = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Life life = live(plain(), options, 60, seed);
    std::map<int, int> since_start;
    std::map<int, double> value;
    for (const Event& event : life.events) {
      if (event.kind == Kind::reset) {
        EXPECT_GE(since_start[event.explorer], 7);
        EXPECT_EQ(value[event.explorer], 1000) << "only explorers on the plain are reset";
        ++resets;
      }
      since_start[event.explorer] = is_move(event) ? since_start[event.explorer] + 1 : 0;
      value[event.explorer] = event.value;
    }
    std::size_t steps = 0;
    for (const auto& t : life.trajectories) steps += static_cast<std::size_t>(t.steps());
    EXPECT_EQ(life.trajectories.size(), 3U + static_cast<std::size_t>(life.summary.resets));
    EXPECT_EQ(steps, 3U * 60U) << "a reset loses no experience";
  }
  EXPECT_GT(resets, 10);

  options.reset = false;
  EXPECT_EQ(live(plain(), options).summary.resets, 0);
}

TEST(Ensemble, PrunedCoordinatesAreReplacedByUntriedOnes) {
  // Only coordinate 0 matters.
  const auto instance = std::make_shared<TestInstance>(8, [](std::span<const double> theta, std::span<double> gradient) {
    std::fill(gradient.begin(), gradient.end(), 0.0);
    gradient[0] = 2 * theta[0];
    return theta[0] * theta[0] + 1;
  });
  EnsembleOptions options;
  options.explorers = 2;
  options.gradient_moves = false;
  options.reset = false;
  options.prune_after = 5;
  int prunes = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Life life = live(instance, options, 60, seed);
    std::set<int> tried;
    std::map<int, int> moves;
    for (const Event& event : life.events) {
      if (event.kind == Kind::coordinate) ++moves[event.explorer];
      if (event.kind == Kind::start || event.kind == Kind::prune) {
        EXPECT_TRUE(tried.insert(event.coordinate).second) << "tried before";
      }
      if (event.kind == Kind::prune) {
        EXPECT_GE(moves[event.explorer], 5);
        moves[event.explorer] = 0;
        ++prunes;
      }
    }
    EXPECT_EQ(static_cast<int>(tried.size()), life.summary.coordinates_tried);
  }
  EXPECT_GT(prunes, 30);

  options.prune = false;
  EXPECT_EQ(live(instance, options).summary.prunes, 0);
}

TEST(Ensemble, KeepsACoordinateThatPays) {
  // f falls for ever along coordinate 0 and along no other; whoever holds 0 keeps it.
  const auto instance = std::make_shared<TestInstance>(8, [](std::span<const double> theta, std::span<double> gradient) {
    std::fill(gradient.begin(), gradient.end(), 0.0);
    gradient[0] = -1;
    return -theta[0];
  });
  EnsembleOptions options;
  options.explorers = 3;
  options.gradient_moves = options.reset = false;
  int holders = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::map<int, int> held;
    for (const Event& event : live(instance, options, 60, seed).events) {
      if (held.contains(event.explorer) && held[event.explorer] == 0) {
        EXPECT_EQ(event.coordinate, 0);
        ++holders;
      }
      held[event.explorer] = event.coordinate;
    }
  }
  EXPECT_GT(holders, 100);
}

TEST(Ensemble, EveryPartCanBeSwitchedOff) {
  EnsembleOptions options;
  options.reset = options.prune = options.coordinate_moves = false;
  Life life = live(plain(), options);
  EXPECT_EQ(life.summary.coordinate_moves + life.summary.resets + life.summary.prunes, 0);
  EXPECT_EQ(life.summary.gradient_moves, 3 * 60);
  options.coordinate_moves = true;
  options.gradient_moves = false;
  life = live(plain(), options);
  EXPECT_EQ(life.summary.gradient_moves + life.summary.resets + life.summary.prunes, 0);
  EXPECT_EQ(life.summary.coordinate_moves, 3 * 60);
}

TEST(Ensemble, TheSameSeedGivesTheSameLife) {
  const auto values = [](const Life& life) {
    std::vector<double> out;
    for (const Event& event : life.events) out.push_back(event.value);
    return out;
  };
  EXPECT_EQ(values(live(bowl(5), {}, 40, 3)), values(live(bowl(5), {}, 40, 3)));
  EXPECT_NE(values(live(bowl(5), {}, 40, 3)), values(live(bowl(5), {}, 40, 4)));
}

TEST(Ensemble, RefusesBadOptions) {
  EnsembleOptions options;
  options.coordinate_probability = -0.5;
  EXPECT_THROW(live(bowl(2), options), std::invalid_argument);
}

}  // namespace
}  // namespace scout
