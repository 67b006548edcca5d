// What every kind of explorer has to keep to, put to each row of the table.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "scout/optimizer/test_instance.h"
#include "scout/policy/test_policy.h"
#include "scout/problem/catalog/family.h"
#include "scout/train/mover/ensemble.h"

namespace scout {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;
using Kind = ExplorerEvent::Kind;

constexpr int kHorizon = 40;
constexpr std::size_t kRecorded = 3;
constexpr std::size_t kDecisions = 14;  // numbers of one

/// A bowl of `parts` tensors of three weights; nothing but NaN in a slab of it.
class Slab : public TestInstance {
 public:
  Slab(int parts, bool starts_inside)
      : TestInstance(3 * parts,
                     [](std::span<const double> theta, std::span<double> gradient) {
                       double f = 1;
                       for (std::size_t i = 0; i < theta.size(); ++i) {
                         f += (theta[i] - 1) * (theta[i] - 1);
                         gradient[i] = 2 * (theta[i] - 1);
                       }
                       return theta[0] > 0 && theta[0] < 0.6 ? std::numeric_limits<double>::quiet_NaN() : f;
                     }),
        starts_inside_(starts_inside) {}
  void sample_start(Random& random, std::span<double> theta) const override {
    TestInstance::sample_start(random, theta);
    if (!starts_inside_) theta[0] = std::max(theta[0], 0.6);
  }
  std::vector<TensorShape> tensors() const override {
    return std::vector<TensorShape>(static_cast<std::size_t>(dimension()) / 3, TensorShape{3, 1, 3});
  }

 private:
  bool starts_inside_;
};

/// The rule of coordinates decides at every step, so that a move lasts as long whatever is explored.
std::shared_ptr<const Stepper> stepper_for(bool weights) {
  return weights ? untrained_network_policy()->stepper()
                 : untrained({.hidden = {8}, .decisions = kHorizon, .decision_hidden = {8}}, 1)->stepper();
}

struct Life {
  struct Event {
    Kind kind;
    int explorer, direction, step;
    double value;
  };
  std::vector<Event> events;
  std::vector<Trajectory> trajectories;
  EnsembleSummary summary;
  std::int64_t evaluations = 0;

  int count(Kind kind) const {
    return static_cast<int>(std::count_if(events.begin(), events.end(), [&](const Event& e) { return e.kind == kind; }));
  }
};

class Movers : public testing::TestWithParam<ExplorerEntry> {
 protected:
  Movers() {
    options_.explorers = 4;
    options_.movers = {GetParam().name};
  }

  static bool weights() { return GetParam().explored == Explored::weights; }
  static bool decisions() { return GetParam().explored == Explored::decisions; }

  std::shared_ptr<const Instance> instance() const {
    if (weights()) return family("mlp-blobs:hidden=6x6x6,batch=16")->sample(Split::train, 0, 0);
    return std::make_shared<TestInstance>(shifted_sphere(12));
  }
  EnsembleTask task(std::shared_ptr<const Instance> instance, std::uint64_t seed = 1, EnsembleShare share = {}) const {
    return {.instance = std::move(instance),
            .stepper = stepper_for(weights()),
            .episode = {.weights = weights(), .step_scale = 0.5, .credit_by_coordinate = false},
            .plan = {.horizon = kHorizon},
            .recorded = kRecorded,
            .seed = Seed(seed),
            .share = share,
            .decisions = decisions() ? std::optional(DecisionReward{}) : std::nullopt,
            .decision_size = kDecisions};
  }
  Life live(const EnsembleTask& task) const {
    Ensemble ensemble(task, options_);
    Life life;
    life.trajectories = ensemble.run([&](const ExplorerEvent& e) {
      EXPECT_EQ(e.mover, GetParam().name);
      EXPECT_EQ(e.theta.size(), static_cast<std::size_t>(task.instance->dimension()));
      life.events.push_back({e.kind, e.explorer, e.coordinate, e.step, e.value});
    });
    life.summary = ensemble.summary();
    life.evaluations = ensemble.evaluations();
    return life;
  }
  /// Explorers that begin anew and take up other directions all the time.
  void make_restless() {
    options_.reset_after = 2;
    options_.reset_margin = 0;
    options_.prune_after = 1;
    options_.coordinate_probability_end = 0.5;
  }

  EnsembleOptions options_;
};

TEST_P(Movers, HoldDirectionsThatNoOtherHolds) {
  make_restless();
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    std::map<int, int> owner;  // of a direction: the member of the share
    for (const int member : {0, 1}) {
      std::map<int, int> held;
      for (const auto& event : live(task(instance(), seed, {member, 2})).events) {
        held[event.explorer] = event.direction;
        std::set<int> different;
        for (const auto& [explorer, direction] : held) different.insert(direction);
        ASSERT_EQ(different.size(), held.size());
        ASSERT_EQ(owner.try_emplace(event.direction, member).first->second, member);
      }
      EXPECT_GE(held.size(), 2U);
    }
    EXPECT_GE(owner.size(), 4U);
  }
}

TEST_P(Movers, HoldDirectionsThatThereAre) {
  Random random(Seed(1));
  const auto where = instance();
  const auto kind = GetParam().make({*where, kRecorded, kDecisions}, random);
  ASSERT_GE(kind.directions, 2U);
  make_restless();
  options_.explorers = 1000;
  const EnsembleTask whole = task(where);
  const Life life = live(whole);
  std::set<int> explorers;
  for (const auto& event : life.events) {
    EXPECT_LT(static_cast<std::size_t>(event.direction), kind.directions);
    explorers.insert(event.explorer);
  }
  EXPECT_EQ(explorers.size(), std::min<std::size_t>(kind.directions, 1000)) << "no more explorers than directions";
  EXPECT_THROW(live(task(where, 1, {0, static_cast<int>(kind.directions) + 1})), std::invalid_argument);
  EXPECT_THROW(live(task(where, 1, {2, 2})), std::invalid_argument);
}

TEST_P(Movers, RecordWhatThereIs) {
  const auto where = instance();
  const auto run = stepper_for(weights())->new_run(where->dimension());
  Random random(Seed(1));
  const auto kind = GetParam().make({*where, kRecorded, kDecisions}, random);
  const auto explorer = kind.explorer();
  explorer->hold(1, random);
  const Recording recording = explorer->recording(kRecorded, random);
  if (weights()) {
    EXPECT_FALSE(recording.all);
    EXPECT_EQ(recording.rows.size(), kRecorded);
  }
  for (const std::size_t row : recording.rows) EXPECT_LT(row, run->rows());
  make_restless();
  const Life life = live(task(where));
  for (const Trajectory& t : life.trajectories) {
    EXPECT_EQ(t.coordinates, weights() ? static_cast<int>(kRecorded) : decisions() ? 1 : where->dimension());
    EXPECT_NO_THROW(t.check());
    for (const float action : t.actions) EXPECT_LE(std::abs(action), 1);
    for (const float reward : t.rewards) EXPECT_TRUE(std::isfinite(reward));
    for (const float feature : t.states) EXPECT_TRUE(std::isfinite(feature));
  }
}

TEST_P(Movers, SayAllThatTheyDo) {
  make_restless();
  const Life life = live(task(instance()));
  const EnsembleSummary& summary = life.summary;
  EXPECT_EQ(life.count(Kind::start), 4);
  EXPECT_EQ(life.count(Kind::coordinate), summary.coordinate_moves);
  EXPECT_EQ(life.count(Kind::gradient), summary.gradient_moves);
  EXPECT_EQ(life.count(Kind::reset), summary.resets);
  EXPECT_EQ(life.count(Kind::prune), summary.prunes);
  EXPECT_EQ(summary.coordinate_moves + summary.gradient_moves, 4 * kHorizon);
  EXPECT_GT(summary.coordinate_moves, 20);
  EXPECT_GT(summary.gradient_moves, 20);
  EXPECT_GT(summary.resets, 0);
  std::set<int> directions;
  for (const auto& event : life.events) directions.insert(event.direction);
  EXPECT_EQ(summary.coordinates_tried, static_cast<int>(directions.size()));
  EXPECT_GE(summary.basins, 1);
  EXPECT_LE(summary.basins, 4);
  EXPECT_EQ(life.trajectories.size(), 4U + static_cast<std::size_t>(summary.resets));
  int steps = 0;
  for (const Trajectory& t : life.trajectories) steps += t.steps();
  EXPECT_EQ(steps, 4 * kHorizon) << "a reset loses no experience";
  EXPECT_GE(life.evaluations, 4 * (kHorizon + 1) + summary.resets);
}

TEST_P(Movers, MoveAlongTheirDirectionLessAndLess) {
  options_.coordinate_probability = 0.9;
  options_.coordinate_probability_end = 0.1;
  constexpr int kSeeds = 20;
  std::map<int, int> along, moves;  // by tenth of the life
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    for (const auto& event : live(task(instance(), seed)).events) {
      if (event.kind != Kind::coordinate && event.kind != Kind::gradient) continue;
      const int tenth = 10 * (event.step - 1) / kHorizon;
      ++moves[tenth];
      along[tenth] += event.kind == Kind::coordinate;
    }
  }
  for (const int tenth : {0, 5, 9}) {
    const double expected = 0.9 * std::pow(0.1 / 0.9, (10 * tenth + 4) / 100.0);
    EXPECT_NEAR(static_cast<double>(along[tenth]) / moves[tenth], expected, 0.1) << "tenth " << tenth;
  }
}

TEST_P(Movers, TakeUpAnotherDirectionIfTheyCan) {
  Random random(Seed(1));
  const auto where = instance();
  const bool prunable = GetParam().make({*where, kRecorded, kDecisions}, random).explorer()->prunable();
  make_restless();
  int prunes = 0;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const Life life = live(task(where, seed));
    prunes += life.summary.prunes;
    std::map<int, int> held;
    for (const auto& event : life.events) {
      if (held.contains(event.explorer) && event.kind != Kind::prune) {
        EXPECT_EQ(event.direction, held[event.explorer]) << "only pruning changes it, a reset does not";
      }
      held[event.explorer] = event.direction;
    }
  }
  EXPECT_EQ(prunes > 0, prunable);
  options_.prune = options_.reset = false;
  const Life calm = live(task(where));
  EXPECT_EQ(calm.summary.prunes + calm.summary.resets, 0);
}

TEST_P(Movers, OfTheSameSeedLiveTheSameLife) {
  make_restless();
  const auto values = [](const Life& life) {
    std::vector<double> out;
    for (const auto& event : life.events) out.push_back(event.value);
    for (const Trajectory& t : life.trajectories) out.insert(out.end(), t.actions.begin(), t.actions.end());
    return out;
  };
  const auto one = values(live(task(instance(), 3)));
  EXPECT_EQ(values(live(task(instance(), 3))), one);
  EXPECT_NE(values(live(task(instance(), 4))), one);
}

TEST_P(Movers, SurviveValuesThatAreNotFinite) {
  options_.coordinate_probability_end = 0.5;
  options_.reset_after = 5;
  int failures = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Life life = live(task(std::make_shared<Slab>(5, weights()), seed));
    for (const auto& event : life.events) failures += !std::isfinite(event.value);
    int steps = 0;
    for (const Trajectory& t : life.trajectories) {
      EXPECT_NO_THROW(t.check());
      steps += t.steps();
      for (const float x : t.states) EXPECT_TRUE(std::isfinite(x));
      for (const float x : t.actions) EXPECT_LE(std::abs(x), 1);
      for (const float x : t.rewards) EXPECT_TRUE(std::isfinite(x));
    }
    EXPECT_EQ(life.count(Kind::coordinate) + life.count(Kind::gradient), steps);
    EXPECT_GT(steps, 0);
    EXPECT_TRUE(std::isfinite(life.summary.best_gap_share));
  }
  if (weights()) {
    EXPECT_GT(failures, 0) << "the slab has to be met for this test to mean something";
  }
}

TEST_P(Movers, AreRefusedByNameWhereTheyDoNotFit) {
  EnsembleTask other = task(instance());
  other.episode.weights = !weights();
  other.decisions = {};
  other.stepper = stepper_for(other.episode.weights);
  EXPECT_THAT([&] { Ensemble(other, options_); },
              ThrowsMessage<std::invalid_argument>(
                  AllOf(HasSubstr("movers"), HasSubstr("\"" + std::string(GetParam().name) + "\""), HasSubstr("explore"))));
  options_.movers.clear();
  EXPECT_NO_THROW(Ensemble(other, options_)) << "all that fit the rule";
}

INSTANTIATE_TEST_SUITE_P(Table, Movers, testing::ValuesIn(explorer_table()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(MoverTable, NamesAreUniqueAndExplained) {
  std::set<std::string> names;
  for (const ExplorerEntry& entry : explorer_table()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_GT(std::string(entry.summary).size(), 10U) << entry.name;
  }
}

TEST(MoverTable, AnUnknownKindIsRefused) {
  EnsembleOptions options;
  options.movers = {"coordinate", "sideways"};
  const EnsembleTask task{.instance = std::make_shared<TestInstance>(shifted_sphere(5)),
                          .stepper = stepper_for(false),
                          .episode = {},
                          .plan = {},
                          .seed = Seed(1)};
  EXPECT_THAT([&] { Ensemble(task, options); },
              ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("\"sideways\""), HasSubstr("coordinate"))));
}

TEST(MoverTable, AllKindsThatFitTakePartByTurns) {
  for (const bool weights : {false, true}) {
    std::set<std::string_view> expected, seen;
    for (const ExplorerEntry& entry : explorer_table()) {
      if (entry.explored == (weights ? Explored::weights : Explored::coordinates)) expected.insert(entry.name);
    }
    EnsembleOptions options;
    options.explorers = static_cast<int>(expected.size());
    const EnsembleTask task{.instance = std::make_shared<Slab>(4, false),
                            .stepper = stepper_for(weights),
                            .episode = {.weights = weights},
                            .plan = {.horizon = 5},
                            .recorded = kRecorded,
                            .seed = Seed(1)};
    Ensemble(task, options).run([&](const ExplorerEvent& event) { seen.insert(event.mover); });
    EXPECT_EQ(seen, expected);
  }
}

}  // namespace
}  // namespace scout
