#include "scout/train/trainer.h"
#include "scout/problem/catalog/family.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace scout {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TrainOptions small(const std::string& form, int threads) {
  TrainOptions options;
  options.problems = {"rastrigin", "ackley-rotated"};
  options.dimensions = {3};
  options.rounds = 6;
  options.updates = 4;
  options.threads = threads;
  options.policy.form = form;
  options.policy.hidden = {8, 8};
  options.rollout.episodes = 4;
  options.rollout.horizon = 12;
  options.ensemble.instances = 2;
  options.ensemble.explorer.explorers = 2;
  options.replay.warm_up = 60;
  options.replay.capacity = 150;  // overwritten within the six rounds
  options.replay.explorer_capacity = 60;
  options.ddpg.critic_hidden = {8, 8};
  options.ddpg.critic_first = 4;
  options.ddpg.batch = 16;
  options.validation.instances = 2;
  options.validation.every = 2;
  if (form == "network") {
    options.problems = {"mlp-blobs:hidden=4,batch=8", "mlp-spirals:hidden=6,batch=8,init=he,rescale=0.5"};
    options.rollout.horizon_low = 4;
    options.rollout.curriculum = 3;
    options.rollout.weights = 5;
    options.evolution.population = 4;
    options.evolution.instances = 1;
    options.ensemble.explorer.explorers = 3;
  }
  return options;
}

/// All of a report, to be compared.
std::string text(const RoundReport& r) {
  const EnsembleSummary& e = r.ensembles;
  return nlohmann::json{r.round,           r.updates, r.evaluations,       r.mean_return,
                        r.critic_loss,     r.mean_q,  r.validated,         r.validation_score,
                        r.validation_gaps, r.best,    e.coordinate_moves,  e.gradient_moves,
                        e.resets,          e.prunes,  e.coordinates_tried, e.best_gap_share,
                        e.basins}
      .dump();
}

std::vector<std::string> train(Trainer& trainer, int rounds) {
  std::vector<std::string> reports;
  for (int k = 0; k < rounds; ++k) reports.push_back(text(trainer.round()));
  return reports;
}

class TrainerFile : public testing::Test {
 protected:
  TrainerFile() { fs::create_directories(folder_); }
  ~TrainerFile() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string saved(const Trainer& trainer) const {
    trainer.save(path("compared"));
    std::ifstream file(path("compared"), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const std::string folder_ = testing::TempDir() + "scout_trainer_test." + std::to_string(getpid());
};

class Resuming : public TrainerFile, public testing::WithParamInterface<std::tuple<const char*, int>> {};

TEST_P(Resuming, EqualsAnUninterruptedRun) {
  const TrainOptions options = small(std::get<0>(GetParam()), std::get<1>(GetParam()));
  Trainer whole(options, 3);
  const auto expected = train(whole, 6);

  Trainer first(options, 3);
  auto reports = train(first, 3);
  first.save(path("checkpoint"));
  Trainer second(options, 3);
  second.restore(path("checkpoint"));
  EXPECT_EQ(second.rounds_done(), 3);
  for (const auto& report : train(second, 3)) reports.push_back(report);

  EXPECT_EQ(reports, expected);
  EXPECT_TRUE(second.finished());
  EXPECT_EQ(second.best_parameters(), whole.best_parameters());
  EXPECT_EQ(second.best_score(), whole.best_score());
  EXPECT_TRUE(saved(second) == saved(whole)) << "networks, optimizers, replays or counters differ";
}

TEST_P(Resuming, TheSameSeedGivesTheSameRun) {
  const TrainOptions options = small(std::get<0>(GetParam()), std::get<1>(GetParam()));
  Trainer one(options, 3), other(options, 3), another(options, 4);
  const auto reports = train(one, 6);
  EXPECT_EQ(reports, train(other, 6));
  EXPECT_TRUE(saved(one) == saved(other));
  EXPECT_NE(reports, train(another, 6));
}

INSTANTIATE_TEST_SUITE_P(All, Resuming,
                         testing::Combine(testing::Values("coordinatewise", "joint", "network"), testing::Values(1, 2)),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param)) + std::to_string(std::get<1>(test.param));
                         });

TEST_F(TrainerFile, RefusesTheCheckpointOfAnotherRunAndNamesTheDifference) {
  const TrainOptions options = small("coordinatewise", 1);
  Trainer original(options, 3);
  original.round();
  original.save(path("checkpoint"));
  auto error = [&](const TrainOptions& other, std::uint64_t seed) -> std::string {
    Trainer trainer(other, seed);
    const std::string before = saved(trainer);
    try {
      trainer.restore(path("checkpoint"));
      return "";
    } catch (const std::invalid_argument& caught) {
      EXPECT_TRUE(saved(trainer) == before) << "a failed restore must not change the trainer";
      return caught.what();
    }
  };
  EXPECT_THAT(error(options, 4), HasSubstr("seed = 3, not 4"));
  TrainOptions changed = options;
  changed.threads = 2;
  EXPECT_THAT(error(changed, 3), HasSubstr("threads = 1, not 2"));
  changed = options;
  changed.ddpg.discount = 0.5;
  EXPECT_THAT(error(changed, 3), HasSubstr("option 'ddpg.discount' = "));
  changed = options;
  changed.rounds = 100;
  changed.checkpoint_every = 7;
  EXPECT_EQ(error(changed, 3), "");
}

TEST_F(TrainerFile, ARunWithoutTheEnsembleHasNoExplorers) {
  TrainOptions options = small("coordinatewise", 1);
  options.replay.explorer_share = 0;
  Trainer trainer(options, 3);
  int events = 0;
  trainer.observe_explorers = [&](const std::string&, const ExplorerEvent&) { ++events; };
  const auto report = trainer.round();
  EXPECT_EQ(events, 0);
  EXPECT_EQ(report.ensembles.coordinate_moves + report.ensembles.gradient_moves, 0);
}

TEST(Trainer, TellsWhatTheFirstEnsembleDoes) {
  Trainer trainer(small("coordinatewise", 2), 3);
  int moves = 0;
  trainer.observe_explorers = [&](const std::string& instance, const ExplorerEvent& event) {
    EXPECT_THAT(instance, testing::StartsWith("rastrigin/train/"));
    EXPECT_EQ(event.theta.size(), 3U);
    moves += event.kind == ExplorerEvent::Kind::coordinate || event.kind == ExplorerEvent::Kind::gradient;
  };
  trainer.round();
  EXPECT_EQ(moves, 2 * 12);
}

TEST(Trainer, KeepsTheBestOfItsValidations) {
  TrainOptions options = small("coordinatewise", 1);
  options.rounds = 20;
  Trainer trainer(options, 3);
  double best = INFINITY;
  std::int64_t best_round = 0;
  while (!trainer.finished()) {
    const auto report = trainer.round();
    EXPECT_EQ(report.validated, report.round % 2 == 0);
    if (!report.validated) continue;
    EXPECT_EQ(report.best, report.validation_score < best);
    if (report.best) best_round = report.round;
    best = std::min(best, report.validation_score);
    EXPECT_EQ(report.validation_gaps.size(), 2U);
  }
  EXPECT_EQ(trainer.best_score(), best);
  EXPECT_EQ(trainer.best_round(), best_round);
}

TEST(Trainer, EvolutionFindsAStepForNetworks) {
  // The base step is a hundredth of what would do; the schedule can only make up for it by outputs far from zero.
  TrainOptions options = small("network", 2);
  options.problems = {"mlp-blobs:hidden=4,batch=16"};
  options.policy.step_scale = 1e-3;
  options.rounds = 25;
  options.updates = 0;
  options.ensemble.instances = 0;
  options.rollout.horizon = options.rollout.horizon_low = 30;
  options.evolution.population = 12;
  options.evolution.deviation = 2.0;
  options.validation.every = 1;
  TrainOptions untrained = options;
  untrained.evolution.population = 0;
  const double before = Trainer(untrained, 1).round().validation_score;
  Trainer trainer(options, 1);
  while (!trainer.finished()) trainer.round();
  EXPECT_LT(trainer.best_score(), before - 0.15) << "log10 of the final loss's share";
}

TEST_F(TrainerFile, StartsFromAPolicy) {
  TrainOptions options = small("network", 1);
  options.policy.step_scale = 0.05;
  Trainer first(options, 1);
  while (!first.finished()) first.round();
  const Policy policy({.observer = first.observer_options(), .hidden = options.policy.hidden, .step_scale = 0.05},
                      first.best_parameters());
  policy.save(path("policy.scout"));
  options.policy.start = path("policy.scout");
  options.evolution.population = 0;
  options.updates = 0;
  options.validation.every = 1;
  Trainer second(options, 2);
  EXPECT_EQ(second.actor().parameter_count(), policy.parameters().size());
  EXPECT_EQ(second.round().validation_score, first.best_score()) << "nothing has changed it yet";
  EXPECT_EQ(second.best_parameters(), policy.parameters());
  options.policy.hidden = {9};
  EXPECT_THROW(Trainer(options, 2), std::invalid_argument);
}

TEST(Trainer, RefusesBadOptions) {
  TrainOptions options = small("joint", 1);
  options.dimensions = {2, 3};
  EXPECT_THROW(Trainer(options, 1), std::invalid_argument);
  options = small("coordinatewise", 1);
  options.problems = {"rastrgin"};
  EXPECT_THROW(Trainer(options, 1), std::invalid_argument);
  options = small("coordinatewise", 1);
  options.problems.clear();
  EXPECT_THROW(Trainer(options, 1), std::invalid_argument);
  options = small("coordinatewise", 1);
  options.dimensions = {1'000'000'000};
  EXPECT_THAT([&] { Trainer(options, 1); },
              testing::ThrowsMessage<std::invalid_argument>(testing::HasSubstr("lower replay.capacity or dimensions")));
  options = small("network", 1);
  options.evolution.outputs = {5};
  EXPECT_NO_THROW(Trainer(options, 1));
  options.evolution.outputs = {1, 6};
  EXPECT_THAT([&] { Trainer(options, 1); },
              testing::ThrowsMessage<std::invalid_argument>("option 'evolution.outputs' is 6: must be in [0, 5]"));
}

TEST(RollOut, DoesNotDependOnTheNumberOfThreads) {
  const ObserverOptions observer;
  const Actor actor(observer, {8, 8}, true);
  Random start(Seed(1));
  const auto parameters = actor.initial_parameters(start);
  const auto problem = family("rastrigin");
  auto run = [&](int threads) {
    ThreadTeam team(threads);
    std::vector<Environment> environments;
    std::vector<Random> random;
    std::vector<double> noise;
    for (std::uint64_t k = 0; k < 7; ++k) {
      environments.emplace_back(problem->sample(Split::train, k, 3), observer, RewardOptions{}, 0.5, false);
      random.emplace_back(Seed(2).derive(k));
      noise.push_back(0.1);
      std::vector<double> theta(3);
      environments.back().instance().sample_start(random.back(), theta);
      environments.back().start(theta, 10);
    }
    roll_out(actor, parameters, environments, 10, noise, random, team);
    std::vector<double> values;
    for (const auto& e : environments) values.push_back(e.best_value());
    return values;
  };
  const auto alone = run(1);
  for (int threads : {2, 3, 7, 9}) {
    const auto together = run(threads);
    for (std::size_t k = 0; k < alone.size(); ++k) {
      EXPECT_NEAR(together[k], alone[k], 1e-3 * std::abs(alone[k])) << threads << " threads";
    }
  }
}

}  // namespace
}  // namespace scout
