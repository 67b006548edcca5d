#include "scout/train/ranks/distributed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <set>
#include <thread>

#include "scout/train/ranks/test_transport.h"
#include "scout/train/test_training.h"

namespace scout {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr double kTimeout = 60;

TrainOptions small() {
  TrainOptions options;
  options.problems = {"rastrigin", "ackley-rotated"};
  options.dimensions = {4};
  options.rounds = 12;
  options.updates = 2;
  options.threads = 1;
  options.learners = {"evolution", "ddpg"};
  options.policy.hidden = {8, 8};
  options.policy.by_coordinate = true;
  options.rollout.episodes = 4;
  options.rollout.horizon = 8;
  options.evolution.population = 6;
  options.evolution.instances = 1;
  options.evolution.renew = 4;
  options.ensemble.instances = 2;
  options.ensemble.explorers = 2;
  options.replay.warm_up = 30;
  options.replay.capacity = 400;
  options.replay.explorer_capacity = 200;
  options.ddpg.critic_hidden = {8, 8};
  options.ddpg.critic_first = 4;
  options.ddpg.batch = 8;
  options.validation.instances = 1;
  options.validation.every = 4;
  return options;
}

bool never() { return false; }

/// A training whose ranks are threads. Actors that throw are kept in `actor_error`.
struct Job {
  Job(const TrainOptions& options, int ranks) : ends(local_transports(ranks)) {
    for (int rank = 0; rank < ranks; ++rank) {
      trainers.push_back(std::make_unique<Trainer>(options, 3, RankOf{rank, ranks}));
    }
  }
  Trainer& learner() { return *trainers[0]; }

  std::vector<RoundReport> run(LearnerHooks hooks = {}) {
    std::vector<RoundReport> reports;
    hooks.on_round = [&](const RoundReport& report, const Traffic& one) {
      reports.push_back(report);
      traffic.messages += one.messages;
      traffic.bytes_received += one.bytes_received;
      traffic.bytes_sent += one.bytes_sent;
    };
    if (!hooks.interrupted) hooks.interrupted = never;
    std::vector<std::thread> threads;
    for (std::size_t rank = 1; rank < ends.size(); ++rank) {
      threads.emplace_back([this, rank] {
        try {
          run_actor(*trainers[rank], *ends[rank], never);
          ends[rank]->close(kTimeout);
        } catch (const LocalAbort&) {
        }
      });
    }
    try {
      run_learner(learner(), *ends[0], hooks);
      ends[0]->close(kTimeout);
    } catch (const RankFailure& failure) {
      error = failure.what();
      EXPECT_THROW(ends[0]->abort(1), LocalAbort);
    }
    for (auto& thread : threads) thread.join();
    return reports;
  }

  std::vector<std::unique_ptr<Transport>> ends;
  std::vector<std::unique_ptr<Trainer>> trainers;
  Traffic traffic;
  std::string error;
};

class DistributedFile : public testing::Test {
 protected:
  ~DistributedFile() override { fs::remove(path_); }
  const std::string path_ = testing::TempDir() + "scout_distributed_test." + std::to_string(getpid());
};

TEST(Distributed, RanksTrainTogether) {
  TrainOptions options = small();
  options.rounds = 60;
  Job job(options, 3);
  const auto reports = job.run();
  EXPECT_EQ(job.error, "");
  ASSERT_EQ(reports.size(), 60U);
  EXPECT_TRUE(job.learner().finished());
  EXPECT_EQ(reports.back().metric("updates"), job.learner().options().updates * 60) << "the warm-up is over after one round";
  EXPECT_GE(job.traffic.messages, 2) << "both ranks have said hello";
  std::int64_t before = 0;
  for (const RoundReport& report : reports) {
    EXPECT_GE(report.evaluations, before) << "two rounds may follow on each other";
    EXPECT_EQ(report.validated, report.round % 4 == 0);
    EXPECT_GE(report.staleness, 0);
    EXPECT_EQ(report.dropped, 0);
    before = report.evaluations;
  }
}

TEST(Distributed, TheLearnerDoesNotWaitForARankThatSaysNothing) {
  auto ends = local_transports(2);
  Trainer trainer(small(), 3, {0, 2});
  int rounds = 0;
  run_learner(
      trainer, *ends[0],
      {.before_rollout = {}, .on_round = [&](const RoundReport&, const Traffic&) { ++rounds; }, .interrupted = never});
  EXPECT_EQ(rounds, 12);
}

TEST(Distributed, ARankActsOnTheLearnersParametersAndWaitsWithoutAnswers) {
  TrainOptions options = small();
  options.distributed.window = 3;
  Trainer learner(options, 3, {0, 2}), actor(options, 3, {1, 2});
  for (int k = 0; k < 5; ++k) learner.round();
  auto ends = local_transports(2);
  std::thread thread([&] {
    run_actor(actor, *ends[1], never);
    ends[1]->close(kTimeout);
  });
  auto next = [&] {
    for (;;) {
      if (auto message = ends[0]->receive()) return std::move(message->bytes);
      ends[0]->wait(std::chrono::milliseconds(100));
    }
  };
  next();  // hello
  ArchiveWriter begin;
  begin(std::uint8_t{3});
  begin(std::int64_t{40});
  begin(std::uint8_t{1});
  Bytes content = begin.take();
  const Bytes weights = learner.weights();
  content.insert(content.end(), weights.begin(), weights.end());
  ends[0]->send(1, content);
  for (int k = 0; k < 3; ++k) {
    const Bytes bytes = next();
    ArchiveReader reader(std::span<const std::byte>(bytes).subspan(1));
    Experience experience;
    reader(experience);
    reader.finish();
    EXPECT_EQ(experience.sequence, 40 + k + 1);
    EXPECT_EQ(experience.round, 5);
    EXPECT_EQ(experience.units, 1);
  }
  ends[0]->wait(std::chrono::milliseconds(300));
  EXPECT_FALSE(ends[0]->receive()) << "three messages without an answer: no more";
  ArchiveWriter stop;
  stop(std::uint8_t{5});
  ends[0]->send(1, stop.take());
  ends[0]->close(kTimeout);
  thread.join();
}

TEST(Distributed, NoTwoRanksRollOutTheSame) {
  std::set<std::vector<float>> policy_starts, explorer_starts;
  std::size_t policy = 0, explorers = 0;
  for (int ranks : {2, 3}) {  // as after a resumption with another number, at the same numbers even
    for (int rank = ranks == 2 ? 0 : 2; rank < ranks; ++rank) {
      TrainOptions options = small();
      options.learners = {"ddpg"};
      options.evolution = {};
      Trainer trainer(options, 3, {rank, ranks});
      for (std::int64_t sequence = 0; sequence < 24; sequence += trainer.rank_chunk()) {
        const Experience experience = trainer.collect(sequence);
        for (const Findings& found : experience.findings) {
          for (const Trajectory& t : found.policy) policy_starts.insert(t.states), ++policy;
          for (const Trajectory& t : found.explorers) explorer_starts.insert(t.states), ++explorers;
        }
      }
    }
  }
  EXPECT_EQ(policy, 3 * 24U);
  EXPECT_GE(explorers, 3 * 24U);
  EXPECT_EQ(policy_starts.size(), policy);
  EXPECT_EQ(explorer_starts.size(), explorers);
}

TEST(Distributed, ExplorersOfAllRanksShareAnInstanceAndNoCoordinate) {
  TrainOptions options = small();
  options.dimensions = {5};  // two explorers each: two ranks share an instance, the third has another
  options.ensemble.instances = 4;
  options.ensemble.prune_after = 1;
  std::map<std::string, std::map<int, int>> owner;  // instance, coordinate: rank
  std::map<std::string, std::set<int>> visitors;
  for (int rank = 0; rank < 3; ++rank) {
    Trainer trainer(options, 3, {rank, 3});
    trainer.observe_explorers = [&](const std::string& instance, const ExplorerEvent& event) {
      visitors[instance].insert(rank);
      EXPECT_EQ(owner[instance].try_emplace(event.coordinate, rank).first->second, rank) << instance;
    };
    for (std::int64_t sequence = 0; sequence < 20; ++sequence) trainer.collect(sequence);
  }
  int shared = 0, alone = 0;
  for (const auto& [instance, ranks] : visitors) {
    EXPECT_TRUE(ranks == (std::set{0, 1}) || ranks == std::set{2}) << instance;
    ++(ranks.size() == 2 ? shared : alone);
  }
  EXPECT_EQ(shared, 20);
  EXPECT_EQ(alone, 20);
}

TEST(Distributed, StaleExperienceIsDroppedAndCounted) {
  TrainOptions options = small();
  options.distributed.staleness = 2;
  Trainer learner(options, 3, {0, 2}), actor(options, 3, {1, 2});
  actor.adopt(learner.weights());
  for (int k = 0; k < 3; ++k) learner.round();
  learner.take(actor.collect(50));
  EXPECT_EQ(learner.next_sequence(), 51) << "its number is used up all the same";
  EXPECT_FALSE(learner.due());
  EXPECT_EQ(learner.learn().dropped, 1);
  actor.adopt(learner.weights());
  for (int k = 0; k < 4; ++k) learner.take(actor.collect(60 + k));
  EXPECT_TRUE(learner.due());
  const RoundReport report = learner.learn();
  EXPECT_EQ(report.dropped, 0);
  EXPECT_EQ(report.staleness, 0);
}

TEST(Distributed, GenerationsAreMadeOfCandidatesFromAllRanks) {
  TrainOptions options = small();
  options.evolution.renew = 3;
  Trainer learner(options, 3, {0, 2}), actor(options, 3, {1, 2});
  auto generation = [&] {
    const Bytes weights = learner.weights();
    ArchiveReader bytes(weights);
    std::int64_t round = 0, number = 0;
    std::vector<float> acting;
    bytes(round);
    bytes(acting);
    bytes(number);  // what the first learner, evolution, shares begins with it
    return number;
  };
  actor.adopt(learner.weights());
  for (std::int64_t sequence : {0, 1}) learner.take(learner.collect(sequence));
  learner.take(actor.collect(0));
  learner.learn();
  EXPECT_EQ(generation(), 0) << "four of the six candidates";
  learner.take(actor.collect(1));
  learner.learn();
  EXPECT_EQ(generation(), 1);
  for (std::int64_t sequence : {2, 3}) learner.take(actor.collect(sequence));  // drawn in generation 0
  for (std::int64_t sequence : {2, 3}) learner.take(learner.collect(sequence));
  learner.learn();
  EXPECT_EQ(generation(), 2) << "candidates of the generation before count";
  for (std::int64_t sequence : {4, 5}) learner.take(actor.collect(sequence));  // still drawn in generation 0
  for (std::int64_t sequence : {4, 5}) learner.take(learner.collect(sequence));
  learner.learn();
  EXPECT_EQ(generation(), 3) << "older ones too";
  for (std::int64_t sequence : {6, 7}) learner.take(actor.collect(sequence));
  for (std::int64_t sequence : {6, 7}) learner.take(learner.collect(sequence));
  learner.learn();
  EXPECT_EQ(generation(), 3) << "but not those that were tried on other instances";
}

TEST_F(DistributedFile, AnyNumberOfRanksContinuesAndUsesNoNumberTwice) {
  TrainOptions options = small();
  Job first(options, 2);
  first.run();
  first.learner().save(path_);
  const std::int64_t used = first.learner().next_sequence();
  EXPECT_GT(used, 0);

  options.rounds = 16;
  for (int ranks : {1, 3}) {
    Job second(options, ranks);
    second.learner().restore(path_);
    EXPECT_EQ(second.learner().rounds_done(), 12);
    EXPECT_EQ(second.learner().next_sequence(), used);
    EXPECT_EQ(second.learner().best_parameters(), first.learner().best_parameters());
    if (ranks == 1) {
      EXPECT_EQ(second.learner().round().round, 13);
    } else {
      EXPECT_EQ(second.run().size(), 4U);
      EXPECT_GT(second.learner().next_sequence(), used);
    }
  }
}

TEST_F(DistributedFile, ATrainingOfOneProcessContinuesOnSeveral) {
  TrainOptions options = small();
  Trainer alone(options, 3);
  for (int k = 0; k < 6; ++k) alone.round();
  alone.save(path_);
  Job job(options, 2);
  job.learner().restore(path_);
  EXPECT_EQ(job.run().size(), 6U);
}

TEST(Distributed, AnInterruptionStopsAllRanks) {
  TrainOptions options = small();
  options.rounds = 1000000;
  Job job(options, 3);
  std::atomic<int> looks{0};
  LearnerHooks hooks;
  hooks.interrupted = [&] { return ++looks > 50; };
  job.run(hooks);
  EXPECT_EQ(job.error, "");
  EXPECT_FALSE(job.learner().finished());
}

TEST(Distributed, ARankThatIsGoneEndsTheJobAndIsNamed) {
  TrainOptions options = small();
  options.rounds = 1000000;
  auto ends = local_transports(3);
  Trainer trainer(options, 3, {0, 3});
  ends[2].reset();
  try {
    run_learner(trainer, *ends[0],
                {.before_rollout = {}, .on_round = [](const RoundReport&, const Traffic&) {}, .interrupted = never});
    FAIL();
  } catch (const RankFailure& failure) {
    EXPECT_THAT(failure.what(), testing::AllOf(HasSubstr("rank 2 "), HasSubstr("silent")));
  }
}

TEST(Distributed, AnActorNoticesThatTheLearnerIsGone) {
  auto ends = local_transports(2);
  Trainer trainer(small(), 3, {1, 2});
  ends[0].reset();
  EXPECT_THROW(run_actor(trainer, *ends[1], never), RankFailure);
}

TEST(Distributed, ARankWithOtherOptionsIsRefused) {
  TrainOptions options = small();
  options.rounds = 1000000;
  Job job(options, 2);
  TrainOptions other = options;
  other.rollout.horizon = 9;
  job.trainers[1] = std::make_unique<Trainer>(other, 3, RankOf{1, 2});
  job.run();
  EXPECT_THAT(job.error, testing::AllOf(HasSubstr("rank 1 ("), HasSubstr("another version, seed or options")));
}

TEST(Distributed, ARankWithOtherOptionsOfALearnersOwnIsRefused) {
  TrainOptions options = small_training("coordinate", 1, {"es"});
  options.rounds = 1000000;
  Job job(options, 2);
  TrainOptions other = options;
  set_training_options(other, {{"es.deviation", 0.5}});
  job.trainers[1] = std::make_unique<Trainer>(other, 3, RankOf{1, 2});
  job.run();
  EXPECT_THAT(job.error, testing::AllOf(HasSubstr("rank 1 ("), HasSubstr("another version, seed or options")));
}

TEST(Distributed, RanksExploreNetworksTogether) {
  // Small nets of different depths: some have too few tensors for explorers of all ranks.
  TrainOptions options = small_training("weight", 1);
  options.problems = {"mlp-blobs:hidden=4x4x4x4x4,batch=8", "mlp-blobs:hidden=2,batch=8"};
  options.ensemble.instances = 4;
  options.ensemble.explorers = 2;
  int trajectories = 0;
  for (int rank = 0; rank < 6; ++rank) {
    Trainer trainer(options, 3, {rank, 6});
    for (std::int64_t sequence = 0; sequence < 6; ++sequence) {
      for (const Findings& found : trainer.collect(sequence).findings) {
        trajectories += static_cast<int>(found.explorers.size());
      }
    }
  }
  EXPECT_GE(trajectories, 6 * 6 * 2);
}

TEST(Distributed, AnActorsErrorReachesTheLearner) {
  TrainOptions options = small();
  options.rounds = 1000000;
  Job job(options, 2);
  job.trainers[1]->observe_explorers = [](const std::string&, const ExplorerEvent&) {
    throw std::runtime_error("no more memory");
  };
  job.run();
  EXPECT_THAT(job.error, testing::AllOf(HasSubstr("rank 1 ("), HasSubstr("no more memory")));
}

TEST(Distributed, AMessageThatMakesNoSenseIsRefused) {
  for (const Bytes& nonsense : {Bytes{}, Bytes{std::byte{77}}, Bytes{std::byte{1}}, Bytes{std::byte{0}, std::byte{1}}}) {
    auto ends = local_transports(2);
    Trainer trainer(small(), 3, {0, 2});
    ends[1]->send(0, nonsense);
    EXPECT_THROW(
        run_learner(trainer, *ends[0],
                    {.before_rollout = {}, .on_round = [](const RoundReport&, const Traffic&) {}, .interrupted = never}),
        RankFailure);
  }
}

}  // namespace
}  // namespace scout
