// What every learner has to keep to, put to each row of the table with every update rule that it fits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "scout/base/archive.h"
#include "scout/train/test_training.h"

namespace scout {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr int kRounds = 4;
constexpr std::uint64_t kSeed = 3;

TrainOptions tiny(const std::string& rule, const std::vector<std::string>& learners, int threads = 1) {
  TrainOptions options = small_training(rule, threads, learners);
  options.rounds = kRounds;
  if (rule == "control") {  // whose decisions shift shares of calls: little of it shows in short runs
    options.rollout.horizon = 40;
    if (learners.front() == "es") set_training_options(options, {{"es.deviation", 1.0}});
    if (learners.front() == "pes") set_training_options(options, {{"pes.deviation", 1.0}, {"pes.truncation", 40}});
  }
  return options;
}

/// Why there is no such training; empty if there is.
std::string refusal(const TrainOptions& options) {
  try {
    const Trainer trainer(options, kSeed);
    return "";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

Bytes written(const auto& value) {
  ArchiveWriter archive;
  archive(value);
  return archive.take();
}

class Learners : public testing::TestWithParam<LearnerEntry> {
 protected:
  std::string name() const { return GetParam().name; }
  /// The rules that the learner fits.
  std::vector<std::string> rules() const {
    std::vector<std::string> out;
    for (const RuleEntry& rule : rule_table()) {
      if (refusal(tiny(rule.name, {name()})).empty()) out.emplace_back(rule.name);
    }
    return out;
  }

  TrainingFolder folder_;
};

TEST_P(Learners, FitSomeRuleAndRefuseTheOthersByName) {
  EXPECT_FALSE(rules().empty());
  for (const RuleEntry& rule : rule_table()) {
    const std::string why = refusal(tiny(rule.name, {name()}));
    if (why.empty()) continue;
    EXPECT_THAT(why, AllOf(HasSubstr("option 'learners'"), HasSubstr("\"" + name() + "\""), HasSubstr("policy.rule")))
        << rule.name;
  }
}

TEST_P(Learners, OfTheSameSeedLearnTheSame) {
  for (const std::string& rule : rules()) {
    SCOPED_TRACE(rule);
    for (const int threads : {1, 2}) {
      const TrainOptions options = tiny(rule, {name()}, threads);
      Trainer one(options, kSeed), other(options, kSeed), another(options, kSeed + 1);
      const auto reports = train(one, kRounds);
      EXPECT_EQ(train(other, kRounds), reports);
      EXPECT_TRUE(folder_.saved(one) == folder_.saved(other));
      EXPECT_NE(train(another, kRounds), reports);
      EXPECT_TRUE(one.finished());
    }
  }
}

TEST_P(Learners, LearnSomething) {
  for (const std::string& rule : rules()) {
    SCOPED_TRACE(rule);
    Trainer trainer(tiny(rule, {name()}), kSeed);
    const SharedParameters before = trainer.parameters();
    EXPECT_EQ(before.acting, before.kept);
    train(trainer, kRounds);
    const SharedParameters& after = trainer.parameters();
    EXPECT_NE(after.acting, before.acting);
    EXPECT_NE(after.kept, before.kept);
    ASSERT_EQ(after.acting.size(), before.acting.size());
    ASSERT_EQ(after.kept.size(), before.kept.size());
    for (const float x : after.acting) EXPECT_TRUE(std::isfinite(x));
    for (const float x : after.kept) EXPECT_TRUE(std::isfinite(x));
  }
}

TEST_P(Learners, GoOnFromEveryRoundBitByBit) {
  for (const std::string& rule : rules()) {
    SCOPED_TRACE(rule);
    const TrainOptions options = tiny(rule, {name()});
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
      EXPECT_EQ(parts.rounds_done(), from);
      const std::vector<std::string> rest(reports.begin() + from, reports.end());
      EXPECT_EQ(train(parts, kRounds - from), rest) << "from round " << from;
      EXPECT_TRUE(folder_.saved(parts) == folder_.saved(whole)) << "from round " << from;
      EXPECT_EQ(parts.parameters().acting, whole.parameters().acting);
      EXPECT_EQ(parts.best_parameters(), whole.best_parameters());
    }
  }
}

TEST_P(Learners, RollOutTheSameOnAnyNumberOfThreads) {
  for (const std::string& rule : rules()) {
    SCOPED_TRACE(rule);
    std::vector<Bytes> experiences;
    std::vector<RoundReport> reports;
    std::vector<std::vector<float>> learnt;
    for (const int threads : {1, 2, 3}) {
      TrainOptions options = tiny(rule, {name()}, threads);
      Trainer trainer(options, kSeed);
      reports.push_back(trainer.round());
      learnt.push_back(trainer.parameters().acting);
      options.rollout.episodes = 1;  // a chunk is one unit then, whatever the threads
      Trainer rank(options, kSeed, {1, 2});
      ASSERT_EQ(rank.rank_chunk(), 1);
      experiences.push_back(written(rank.collect(5)));
    }
    for (std::size_t k : {1U, 2U}) {
      EXPECT_EQ(experiences[k], experiences[0]);
      EXPECT_EQ(reports[k].evaluations, reports[0].evaluations);
      // Threads may add the parts of a gradient up in another order, and no more.
      EXPECT_NEAR(reports[k].metric("mean_return"), reports[0].metric("mean_return"), 1e-9);
      for (std::size_t i = 0; i < learnt[0].size(); ++i) ASSERT_NEAR(learnt[k][i], learnt[0][i], 1e-4) << i;
    }
  }
}

TEST_P(Learners, ListTheirOptions) {
  EXPECT_FALSE(GetParam().options.empty());
  std::set<std::string> keys;
  for (const OptionDescription& option : describe_options<TrainOptions>()) keys.insert(option.key);
  if (GetParam().describe != nullptr) {
    EXPECT_THAT(GetParam().options, testing::Contains(name() + "."));
    for (const OptionDescription& option : GetParam().describe(nlohmann::json::object())) {
      EXPECT_FALSE(option.help.empty()) << option.key;
      EXPECT_TRUE(keys.insert(name() + "." + option.key).second) << "two options of one name";
    }
  }
  for (const std::string& beginning : GetParam().options) {
    const bool found = std::any_of(keys.begin(), keys.end(), [&](const std::string& key) {
      return beginning.ends_with('.') ? key.starts_with(beginning) : key == beginning;
    });
    EXPECT_TRUE(found) << beginning << " is no option, nor the beginning of any";
  }
}

TEST_P(Learners, ShareNoParametersWithOthers) {
  for (const LearnerEntry& other : learner_table()) {
    for (const std::string& rule : rules()) {
      SCOPED_TRACE(rule + ", with " + other.name);
      if (!refusal(tiny(rule, {other.name})).empty()) continue;
      const TrainOptions options = tiny(rule, {name(), other.name});
      const std::string why = refusal(options);
      if (name() == other.name) {
        EXPECT_THAT(why, HasSubstr("slices of their own"));
      }
      if (!why.empty()) {
        EXPECT_THAT(why, AllOf(HasSubstr("option 'learners'"), HasSubstr("\"" + name() + "\""),
                               HasSubstr("\"" + std::string(other.name) + "\""), HasSubstr("slices of their own")));
        continue;
      }
      Trainer one(options, kSeed), again(options, kSeed);
      EXPECT_EQ(train(one, 2), train(again, 2));
    }
  }
}

/// A learner by itself, as the trainer drives it.
struct Alone {
  Alone(const LearnerEntry& entry, const std::string& rule_name)
      : options(tiny(rule_name, {entry.name})),
        trainer(options, kSeed),
        rule(trainer.rule()),
        episode{.weights = rule.for_weights(), .step_scale = rule.step_scale(), .reward = options.reward},
        tasks(options, Seed(kSeed), rule.for_weights()),
        parameters(trainer.parameters()),
        team(1),
        learner(entry.make({entry.name, options, Seed(kSeed), RankOf{}, rule, episode, tasks, parameters, team,
                            entry.takes_trajectories})) {}

  RoundReport round(std::int64_t number) {
    const std::int64_t units = options.rollout.episodes;
    std::vector<Rollout> rollouts =
        learner->ask({.round = number, .first = number * units, .last = (number + 1) * units}, {});
    roll_out(rollouts, episode, team);
    std::vector<Findings> findings;
    findings.push_back(learner->digest(std::move(rollouts)));
    learner->take(findings[0], findings);
    RoundReport report;
    learner->learn(number, report);
    return report;
  }

  TrainOptions options;
  Trainer trainer;  // for the rule and its first parameters
  const UpdateRule& rule;
  EpisodeOptions episode;
  Tasks tasks;
  SharedParameters parameters;
  ThreadTeam team;
  std::unique_ptr<Learner> learner;
};

TEST_P(Learners, ChangeTheirSliceAlone) {
  for (const std::string& rule : rules()) {
    SCOPED_TRACE(rule);
    Alone alone(GetParam(), rule);
    const Slice slice = alone.learner->slice();
    ASSERT_LT(slice.begin, slice.end);
    ASSERT_LE(slice.end, alone.parameters.acting.size());
    // Whatever the others do to the rest meanwhile is left to them.
    for (int round = 0; round < kRounds; ++round) {
      SharedParameters before = alone.parameters;
      for (std::size_t i = 0; i < before.acting.size(); ++i) {
        if (i < slice.begin || i >= slice.end) before.acting[i] += 1e-3F, before.kept[i] -= 1e-3F;
      }
      alone.parameters = before;
      alone.round(round);
      for (std::size_t i = 0; i < before.acting.size(); ++i) {
        if (i >= slice.begin && i < slice.end) continue;
        ASSERT_EQ(alone.parameters.acting[i], before.acting[i]) << i;
        ASSERT_EQ(alone.parameters.kept[i], before.kept[i]) << i;
      }
    }
    EXPECT_NE(alone.parameters.acting, alone.trainer.parameters().acting);
  }
}

TEST_P(Learners, NameEachOfTheirMetricsOnce) {
  for (const std::string& rule : rules()) {
    SCOPED_TRACE(rule);
    Alone alone(GetParam(), rule);
    std::vector<std::string> names;
    for (int round = 0; round < 2; ++round) {
      std::vector<std::string> now;
      for (const Metric& metric : alone.round(round).metrics) {
        EXPECT_TRUE(std::isfinite(metric.value)) << metric.name;
        now.push_back(metric.name);
      }
      EXPECT_EQ(std::set(now.begin(), now.end()).size(), now.size());
      if (round > 0) {
        EXPECT_EQ(now, names) << "the columns of a log";
      }
      names = now;
    }
  }
}

TEST_P(Learners, RefuseADamagedState) {
  for (const std::string& rule : rules()) {
    SCOPED_TRACE(rule);
    Alone alone(GetParam(), rule);
    alone.round(0);
    ArchiveWriter writer;
    alone.learner->save(writer);
    const Bytes state = writer.take();
    for (std::size_t length = 0; length < state.size(); length += 1 + state.size() / 50) {
      Alone other(GetParam(), rule);
      ArchiveReader reader(std::span<const std::byte>(state).first(length));
      EXPECT_THROW(other.learner->restore(reader), std::runtime_error) << length;
    }
  }
}

TEST_P(Learners, ActOnOtherRanksAsOnTheFirst) {
  for (const std::string& rule : rules()) {
    SCOPED_TRACE(rule);
    const TrainOptions options = tiny(rule, {name()});
    Trainer learner(options, kSeed, {0, 2}), actor(options, kSeed, {1, 2}), fresh(options, kSeed, {1, 2});
    const Bytes first = written(fresh.collect(7));
    EXPECT_EQ(written(actor.collect(7)), first);
    for (int round = 0; round < 3; ++round) {
      while (!learner.due()) learner.take(learner.collect(learner.next_sequence()));
      learner.learn();
      actor.adopt(learner.weights());
      EXPECT_EQ(actor.rounds_done(), learner.rounds_done());
      EXPECT_EQ(actor.weights(), learner.weights()) << "what is shared is taken on whole";
      EXPECT_EQ(actor.parameters().acting, learner.parameters().acting);
    }
    Trainer late(options, kSeed, {1, 2});
    late.adopt(learner.weights());
    const Bytes now = written(late.collect(7));
    EXPECT_EQ(written(actor.collect(7)), now) << "nothing else that a rank has seen matters";
    EXPECT_NE(now, first);
    EXPECT_NE(written(learner.collect(7)), now) << "each rank has rollouts of its own";

    // What another rank brings is as good as what the learner's own rank does.
    ArchiveReader message(now);
    Experience experience;
    message(experience);
    message.finish();
    EXPECT_EQ(experience.round, 3);
    const SharedParameters before = learner.parameters();
    learner.take(std::move(experience));
    for (std::int64_t sequence = 100; !learner.due(); ++sequence) learner.take(actor.collect(sequence));
    learner.learn();
    for (int more = 0; more < 3 && learner.parameters().acting == before.acting; ++more) {
      for (std::int64_t sequence = 200 + 10 * more; !learner.due(); ++sequence) learner.take(actor.collect(sequence));
      learner.learn();
    }
    EXPECT_NE(learner.parameters().acting, before.acting);
    Bytes damaged = learner.weights();
    damaged.pop_back();
    EXPECT_THROW(actor.adopt(damaged), std::runtime_error);
  }
}

INSTANTIATE_TEST_SUITE_P(Table, Learners, testing::ValuesIn(learner_table()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(LearnerTable, NamesAreUniqueAndExplained) {
  std::set<std::string> names;
  for (const LearnerEntry& entry : learner_table()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_GT(std::string(entry.summary).size(), 10U) << entry.name;
    EXPECT_NE(entry.make, nullptr) << entry.name;
  }
}

TEST(LearnerTable, AnyTrajectoriesAreRecordedOnlyIfSomeLearnerTakesThem) {
  for (const bool taken : {false, true}) {
    const std::vector<std::string> learners =
        taken ? std::vector<std::string>{"evolution", "ddpg"} : std::vector<std::string>{"evolution"};
    Trainer trainer(tiny("coordinate", learners), kSeed, {1, 2});
    std::size_t recorded = 0, candidates = 0;
    for (std::int64_t sequence = 0; sequence < 4; ++sequence) {
      const Experience experience = trainer.collect(sequence);
      recorded += experience.findings[0].policy.size();
      candidates += experience.findings[0].candidates.size();
    }
    EXPECT_EQ(candidates, 6U);
    EXPECT_EQ(recorded, taken ? candidates : 0U);
  }
}

TEST(LearnerTable, CandidatesThatWereNotUsedYetArePartOfACheckpoint) {
  TrainingFolder folder;
  const TrainOptions options = tiny("coordinate", {"evolution", "ddpg"});
  Trainer whole(options, kSeed, {0, 2});
  for (std::int64_t sequence = 0; sequence < 3; ++sequence) whole.take(whole.collect(sequence));
  whole.save(folder.path("checkpoint"));
  Trainer parts(options, kSeed, {0, 2});
  parts.restore(folder.path("checkpoint"));
  for (Trainer* trainer : {&whole, &parts}) {
    trainer->take(trainer->collect(3));
    trainer->learn();
  }
  const SharedParameters start = Trainer(options, kSeed).parameters();
  EXPECT_NE(whole.parameters().kept, start.kept) << "a generation was whole";
  EXPECT_EQ(parts.parameters().kept, whole.parameters().kept);
}

}  // namespace
}  // namespace scout
