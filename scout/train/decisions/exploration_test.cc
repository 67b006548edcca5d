// What every way of exploring has to keep to, put to each row of the table.
#include "scout/train/decisions/exploration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "scout/train/test_training.h"

namespace scout {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr int kRounds = 5;
constexpr std::uint64_t kSeed = 3;

TrainOptions tiny(const std::string& exploration, const std::string& rule, int threads = 1) {
  TrainOptions options = small_training(rule, threads, {"decisions"});
  options.rounds = kRounds;
  set_training_options(options, {{"decisions.exploration", exploration}, {"decisions.updates", 1}});
  if (exploration == "exemplars") set_training_options(options, {{"decisions.exemplars.warm_up", 2}});
  if (exploration == "bootstrapped") set_training_options(options, {{"decisions.bootstrapped.heads", 2}});
  if (exploration == "divide") {
    set_training_options(options,
                         {{"decisions.divide.parts", 2}, {"decisions.divide.every", 2}, {"decisions.divide.steps", 5}});
  }
  return options;
}

class Explorations : public testing::TestWithParam<ExplorationEntry> {
 protected:
  std::string name() const { return GetParam().name; }
  /// A rule whose decisions have a row, and one whose have several.
  static std::vector<std::string> rules() { return {"coordinate", "weight"}; }
  TrainingFolder folder_;
};

TEST_P(Explorations, OfTheSameSeedLearnTheSameAndAreNotThoseOfOthers) {
  for (const std::string& rule : rules()) {
    SCOPED_TRACE(rule);
    const TrainOptions options = tiny(name(), rule, 2);
    Trainer one(options, kSeed), other(options, kSeed), another(options, kSeed + 1);
    const auto reports = train(one, kRounds);
    EXPECT_EQ(train(other, kRounds), reports);
    EXPECT_TRUE(folder_.saved(one) == folder_.saved(other));
    EXPECT_NE(train(another, kRounds), reports);
    for (const float x : one.parameters().acting) ASSERT_TRUE(std::isfinite(x));
    for (const float x : one.parameters().kept) ASSERT_TRUE(std::isfinite(x));
    EXPECT_NE(one.parameters().kept, Trainer(options, kSeed).parameters().kept);
    if (name() == "noise") continue;
    Trainer plain(tiny("noise", rule, 2), kSeed);
    train(plain, kRounds);
    EXPECT_NE(plain.parameters().acting, one.parameters().acting);
  }
}

TEST_P(Explorations, GoOnFromEveryRoundBitByBit) {
  for (const std::string& rule : rules()) {
    SCOPED_TRACE(rule);
    const TrainOptions options = tiny(name(), rule);
    Trainer whole(options, kSeed);
    whole.save(folder_.path("0"));
    std::vector<std::string> reports;
    for (int round = 1; round <= kRounds; ++round) {
      reports.push_back(text(whole.round()));
      whole.save(folder_.path(std::to_string(round)));
    }
    for (int from = 0; from < kRounds; ++from) {
      Trainer parts(options, kSeed);
      parts.restore(folder_.path(std::to_string(from)));
      EXPECT_EQ(train(parts, kRounds - from), std::vector<std::string>(reports.begin() + from, reports.end())) << from;
      EXPECT_TRUE(folder_.saved(parts) == folder_.saved(whole)) << "from round " << from;
    }
  }
}

TEST_P(Explorations, LearnTheSameOnAnyNumberOfThreads) {
  std::vector<std::vector<float>> learnt;
  for (const int threads : {1, 2, 3}) {
    Trainer trainer(tiny(name(), "coordinate", threads), kSeed);
    trainer.round(), trainer.round();
    learnt.push_back(trainer.parameters().acting);
  }
  // Threads may add the parts of a gradient up in another order, and no more.
  for (const std::size_t k : {1U, 2U}) {
    for (std::size_t i = 0; i < learnt[0].size(); ++i) ASSERT_NEAR(learnt[k][i], learnt[0][i], 1e-4) << i;
  }
}

Bytes written(const auto& value) {
  ArchiveWriter archive;
  archive(value);
  return archive.take();
}

TEST_P(Explorations, ActOnOtherRanksAsOnTheFirst) {
  const TrainOptions options = tiny(name(), "coordinate");
  Trainer learner(options, kSeed, {0, 2}), actor(options, kSeed, {1, 2});
  for (int round = 0; round < 3; ++round) {
    while (!learner.due()) learner.take(learner.collect(learner.next_sequence()));
    learner.learn();
    actor.adopt(learner.weights());
    EXPECT_EQ(actor.weights(), learner.weights());
  }
  Trainer late(options, kSeed, {1, 2});
  late.adopt(learner.weights());
  EXPECT_EQ(written(actor.collect(7)), written(late.collect(7))) << "nothing else that a rank has seen matters";
}

TEST_P(Explorations, RefuseWhatTheyDoNotUseByName) {
  const auto refusal = [&](const nlohmann::json& values) -> std::string {
    TrainOptions options = tiny(name(), "coordinate");
    set_training_options(options, values);
    try {
      const Trainer trainer(options, kSeed);
      return "";
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
  };
  const std::vector<std::pair<std::string, nlohmann::json>> special{
      {"noise", 0.05},
      {"ornstein_uhlenbeck.memory", 0.5},
      {"parameter_noise.distance", 0.2},
      {"prediction.scale", 0.5},
      {"exemplars.kl", 0.5},
      {"bootstrapped.prior", 0.5},
      {"divide.penalty", 0.5},
      {"soft.entropy", -2},
  };
  int used = 0;
  const std::string own_name = name();
  for (const auto& [key, value] : special) {
    const std::string why = refusal({{"decisions." + key, value}});
    const bool own = std::ranges::any_of(GetParam().used, [&key = key](const std::string& beginning) {
      return beginning.ends_with('.') ? key.starts_with(beginning) : key == beginning;
    });
    used += own ? 1 : 0;
    if (own) {
      EXPECT_EQ(why, "");
    } else {
      EXPECT_THAT(why, AllOf(HasSubstr("'decisions." + key), HasSubstr(own_name)));
    }
  }
  EXPECT_GE(used, 1);
  for (const std::string& key : GetParam().unused) {
    const nlohmann::json changed = key == "ddpg.credit"         ? nlohmann::json("shared")
                                   : key == "ddpg.imitate"      ? nlohmann::json("critic")
                                   : key == "ddpg.twin_critics" ? nlohmann::json(false)
                                                                : nlohmann::json(3);
    EXPECT_THAT(refusal({{"decisions." + key, changed}}), HasSubstr("'decisions." + key));
  }
}

INSTANTIATE_TEST_SUITE_P(Table, Explorations, testing::ValuesIn(exploration_table()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ExplorationTable, NamesAreUniqueAndExplained) {
  std::set<std::string> names;
  for (const ExplorationEntry& entry : exploration_table()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_GT(std::string(entry.summary).size(), 10U) << entry.name;
  }
}

TEST(ExplorationTable, UnknownNamesAreRefusedWithThoseThatThereAre) {
  EXPECT_THAT([] { Trainer(tiny("curiosity", "coordinate"), kSeed); },
              testing::ThrowsMessage<std::invalid_argument>(
                  AllOf(HasSubstr("'decisions.exploration'"), HasSubstr("curiosity"), HasSubstr("parameter_noise"))));
}

}  // namespace
}  // namespace scout
