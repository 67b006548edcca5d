// Explorers with short lives, which search from the best point known, and the demonstrations of what they found.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "scout/optimizer/test_instance.h"
#include "scout/policy/test_policy.h"
#include "scout/problem/catalog/family.h"
#include "scout/train/mover/ensemble.h"

namespace scout {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;
using Kind = ExplorerEvent::Kind;

constexpr double kStepScale = 0.2;
constexpr int kDimension = 5;
constexpr int kLife = 12;
constexpr int kHorizon = 240;

struct Event {
  Kind kind;
  int explorer, coordinate, step;
  double value;
  std::vector<double> theta;
};

struct Search {
  std::vector<Event> events;
  std::vector<Trajectory> trajectories;
  EnsembleSummary summary;
  std::int64_t evaluations = 0;
};

EnsembleOptions lives() {
  EnsembleOptions options;
  options.explorers = kDimension;
  options.life = kLife;
  options.chain = 0.9;
  options.horizon = kHorizon;
  options.coordinate_probability = 4;
  options.step = 0.6;
  options.step_end = 0.3;
  options.prune = options.reset = false;
  return options;
}

std::shared_ptr<const Instance> wells() {
  return family("styblinski-tang:instance=0,region=0.1")->sample(Split::train, 0, kDimension);
}

/// Explorers of a rule whose states say where θ lies.
Search search(const EnsembleOptions& options, std::shared_ptr<const Instance> instance = wells(), std::uint64_t seed = 1) {
  const RuleOptions rule{.rule = "joint",
                         .dimension = instance->dimension(),
                         .hidden = {8},
                         .gradient = false,
                         .history = 1,
                         .absolute = true,
                         .code = "linear"};
  Ensemble ensemble({.instance = std::move(instance),
                     .stepper = untrained(rule, 1)->stepper(),
                     .episode = {.step_scale = kStepScale, .credit_by_coordinate = false},
                     .plan = {.horizon = 50},
                     .seed = Seed(seed)},
                    options);
  Search out;
  out.trajectories = ensemble.run([&](const ExplorerEvent& e) {
    out.events.push_back({e.kind, e.explorer, e.coordinate, e.step, e.value, {e.theta.begin(), e.theta.end()}});
  });
  out.summary = ensemble.summary();
  out.evaluations = ensemble.evaluations();
  return out;
}

TEST(EnsembleLives, AreAsLongAsTheyShould) {
  const Search found = search(lives());
  int starts = 0;
  for (const Event& event : found.events) {
    if (event.kind != Kind::start) continue;
    EXPECT_EQ(event.step % kLife, 0);
    ++starts;
  }
  EXPECT_EQ(starts, kDimension * kHorizon / kLife);
  EXPECT_EQ(found.trajectories.size(), static_cast<std::size_t>(starts)) << "each life is recorded";
  for (const Trajectory& life : found.trajectories) {
    EXPECT_EQ(life.steps(), kLife);
    EXPECT_FALSE(life.terminated) << "a life is cut off, and the task goes on";
  }
  EXPECT_EQ(found.evaluations, kDimension * kHorizon + starts);
}

TEST(EnsembleLives, DecayInEach) {
  EnsembleOptions options = lives();
  options.coordinate_probability_end = 0.1;
  int moves[kLife] = {}, total = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    std::map<int, std::vector<double>> before;
    for (const Event& event : search(options, wells(), seed).events) {
      if (event.kind == Kind::coordinate) {
        const int age = (event.step - 1) % kLife;
        ++moves[age];
        const auto i = static_cast<std::size_t>(event.coordinate);
        const auto instance = wells();
        const double width = instance->upper()[i] - instance->lower()[i];
        const double size = width * kStepScale * 0.6 * std::pow(0.5, static_cast<double>(age) / kLife);
        EXPECT_NEAR(std::abs(event.theta[i] - before[event.explorer][i]), size, 1e-3 * size);
      }
      total += event.kind == Kind::coordinate || event.kind == Kind::gradient;
      before[event.explorer] = event.theta;
    }
  }
  for (int age = 0; age < kLife; ++age) {
    const double expected = std::min(1.0, 4 * std::pow(0.1 / 4, static_cast<double>(age) / kLife));
    EXPECT_NEAR(static_cast<double>(moves[age]) / (total / kLife), expected, 0.06) << age;
    if (age < 4) {
      EXPECT_EQ(moves[age], total / kLife) << "certain while p_coor is above 1";
    }
  }
}

TEST(EnsembleLives, KeepTheirSignAndTurnAtTheWalls) {
  EnsembleOptions options = lives();
  options.gradient_moves = false;
  const auto instance = wells();
  std::map<int, std::vector<double>> before;
  std::map<int, int> sign;
  int turns = 0;
  for (const Event& event : search(options).events) {
    const auto i = static_cast<std::size_t>(event.coordinate);
    if (event.kind == Kind::start) {
      sign[event.explorer] = 0;
    } else {
      EXPECT_GE(event.theta[i], instance->lower()[i] - 1e-9);
      EXPECT_LE(event.theta[i], instance->upper()[i] + 1e-9);
      const int now = event.theta[i] > before[event.explorer][i] ? 1 : -1;
      if (now == -sign[event.explorer]) {
        const double there = 2 * before[event.explorer][i] - event.theta[i];
        EXPECT_TRUE(there < instance->lower()[i] || there > instance->upper()[i]) << "it turned in the middle of the box";
        ++turns;
      }
      sign[event.explorer] = now;
    }
    before[event.explorer] = event.theta;
  }
  EXPECT_GT(turns, 10);
}

TEST(EnsembleLives, BeginAtTheBestPointKnown) {
  for (const double chain : {0.0, 1.0}) {
    EnsembleOptions options = lives();
    options.chain = chain;
    const auto instance = wells();
    double best = INFINITY;
    std::vector<double> place;
    for (const Event& event : search(options).events) {
      if (event.kind == Kind::start) {
        EXPECT_EQ(event.theta == place, chain == 1 && !place.empty());
      }
      if (event.value < best) best = event.value, place = event.theta;
    }
  }
}

TEST(EnsembleLives, CrossBarriersOnlyFromTheBestPointKnown) {
  EnsembleOptions options = lives();
  options.horizon = 900;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    options.chain = 0.9;
    EXPECT_LT(search(options, wells(), seed).summary.best_gap_share, 0.01);
    options.chain = 0;
    EXPECT_GT(search(options, wells(), seed).summary.best_gap_share, 0.05);
  }
}

TEST(EnsembleDemonstrations, LeadStraightToTheBestPoint) {
  EnsembleOptions options = lives();
  const std::int64_t without = search(options).evaluations;
  options.demonstrations = 30;
  const Search found = search(options);
  const auto instance = wells();
  double best = INFINITY;
  std::vector<double> place;
  for (const Event& event : found.events) {
    if (event.value < best) best = event.value, place = event.theta;
  }
  for (std::size_t i = 0; i < place.size(); ++i) {  // as the states say it
    const double low = instance->lower()[i], high = instance->upper()[i];
    place[i] = (2 * place[i] - low - high) / (high - low);
  }
  ASSERT_EQ(found.trajectories.size(), 30U) << "in place of the lives";
  int far = 0, near = 0;
  std::int64_t steps = 0;
  for (const Trajectory& run : found.trajectories) {
    ASSERT_EQ(run.steps(), kLife);
    steps += run.steps();
    const auto distance = [&](int t) {
      double most = 0;
      for (std::size_t i = 0; i < place.size(); ++i) {
        const float at = run.states[static_cast<std::size_t>(t * run.features) + 1 + i];
        EXPECT_LE(std::abs(at), 1 + 1e-5F) << "it begins inside the box";
        most = std::max(most, std::abs(static_cast<double>(at) - place[i]));
      }
      return most;
    };
    for (int t = 0; t < kLife; ++t) EXPECT_NEAR(distance(t + 1), std::max(0.0, distance(t) - 2 * kStepScale), 1e-5);
    EXPECT_NEAR(distance(kLife), 0, 1e-5);
    far += distance(0) > 0.5;
    near += distance(0) < 0.1;
  }
  EXPECT_GT(far, 5) << "from all over the box";
  EXPECT_GT(near, 5) << "and from nearby";
  EXPECT_GT(found.evaluations, without + steps) << "they cost what they take";
  EXPECT_LT(found.evaluations, without + steps + 30 * (options.scatter + 2));
}

TEST(EnsembleDemonstrations, AreTheSameForTheSameSeed) {
  EnsembleOptions options = lives();
  options.demonstrations = 5;
  const auto states = [&](std::uint64_t seed) {
    std::vector<std::vector<float>> out;
    for (const Trajectory& run : search(options, wells(), seed).trajectories) out.push_back(run.states);
    return out;
  };
  EXPECT_EQ(states(2), states(2));
  EXPECT_NE(states(2), states(3));
}

TEST(EnsembleLives, RefuseByName) {
  const auto refused = [](Explored explored, const std::string& what, auto&& change) {
    EnsembleOptions options;
    change(options);
    EXPECT_THAT([&] { explorer_kinds(options, explored); }, ThrowsMessage<std::invalid_argument>(HasSubstr(what)));
  };
  refused(Explored::coordinates, "'ensemble.chain' is 0.5: must be 0 without", [](auto& o) { o.chain = 0.5; });
  refused(Explored::coordinates, "'ensemble.horizon' is 900", [](auto& o) { o.horizon = 900; });
  refused(Explored::coordinates, "'ensemble.demonstrations' is 3", [](auto& o) { o.demonstrations = 3; });
  refused(Explored::weights, "'ensemble.life' is 12: must be 0 for explorers of weights", [](auto& o) { o.life = 12; });
  refused(Explored::decisions, "'ensemble.life' is 12", [](auto& o) { o.life = 12; });
  refused(Explored::decisions, "'ensemble.first' is 2", [](auto& o) { o.first = 2; });
}

}  // namespace
}  // namespace scout
