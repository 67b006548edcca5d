// The learner "ppo": its formulas by hand and by differences, and a problem whose best policy is known.
#include <gtest/gtest.h>

#include <cmath>

#include "scout/optimizer/test_instance.h"
#include "scout/policy/transformer/transformer_rule.h"
#include "scout/train/learner/learner.h"
#include "scout/train/ppo/surrogate.h"
#include "scout/train/test_training.h"

namespace scout {
namespace {

TEST(GeneralisedAdvantages, AreDiscountedSumsOfErrors) {
  const std::vector<float> rewards{1, 2, 4};
  const std::vector<double> values{0.5, -1, 3, 10};
  const double d0 = 1 - 0.9 - 0.5, d1 = 2 + 2.7 + 1, d2 = 4 + 9 - 3;
  const std::vector<double> out = generalised_advantages(rewards, values, 0.9, 0.5);
  EXPECT_NEAR(out[2], d2, 1e-12);
  EXPECT_NEAR(out[1], d1 + 0.45 * d2, 1e-12);
  EXPECT_NEAR(out[0], d0 + 0.45 * (d1 + 0.45 * d2), 1e-12);
  // λ = 1: the return less the value. λ = 0: the error of one step.
  EXPECT_NEAR(generalised_advantages(rewards, values, 0.9, 1)[0], 1 + 0.9 * 2 + 0.81 * 4 + 0.729 * 10 - 0.5, 1e-12);
  EXPECT_NEAR(generalised_advantages(rewards, values, 0.9, 0)[0], d0, 1e-12);
  EXPECT_TRUE(generalised_advantages({}, std::vector<double>{1}, 0.9, 0.5).empty());
}

TEST(ClippedSurrogate, IsClippedWhereThatIsThePessimisticSide) {
  const double u = 0.3, log_deviation = std::log(0.2), old = log_density(u, 0.1, log_deviation);
  for (const double mean : {-0.4, 0.09, 0.1, 0.105, 0.25, 0.6}) {
    const double ratio = std::exp(log_density(u, mean, log_deviation) - old);
    for (const double advantage : {-1.5, 2.0}) {
      const Surrogate one = clipped_surrogate(u, old, advantage, mean, log_deviation, 0.2);
      const bool clipped = advantage > 0 ? ratio > 1.2 : ratio < 0.8;
      EXPECT_EQ(one.clipped, clipped) << mean;
      const double bounded = advantage > 0 ? std::min(ratio, 1.2) : std::max(ratio, 0.8);
      EXPECT_NEAR(one.value, bounded * advantage, 1e-12);
    }
  }
}

TEST(ClippedSurrogate, DerivativesMatchDifferences) {
  const double old = log_density(0.3, 0.1, -1.6);
  for (const double mean : {-0.4, 0.05, 0.12, 0.6}) {
    for (const double advantage : {-1.5, 2.0}) {
      const auto value = [&](double m, double s) { return clipped_surrogate(0.3, old, advantage, m, s, 0.2).value; };
      const Surrogate one = clipped_surrogate(0.3, old, advantage, mean, -1.5, 0.2);
      EXPECT_NEAR(one.d_mean, (value(mean + 1e-6, -1.5) - value(mean - 1e-6, -1.5)) / 2e-6, 1e-6);
      EXPECT_NEAR(one.d_log_deviation, (value(mean, -1.5 + 1e-6) - value(mean, -1.5 - 1e-6)) / 2e-6, 1e-6);
    }
  }
}

/// 3 x² from x = 2: gradient descent with the step size 1/L is there at once.
class Bowl : public TestInstance {
 public:
  Bowl()
      : TestInstance(1, [](std::span<const double> x, std::span<double> gradient) {
          gradient[0] = 6 * x[0];
          return 3 * x[0] * x[0];
        }) {}
  void sample_start(Random&, std::span<double> theta) const override { theta[0] = 2; }
  std::optional<double> optimum_value() const override { return 0.0; }
};

class BowlFamily : public Family {
 public:
  BowlFamily() : Family("bowl", "3 x²") {}
  std::unique_ptr<Instance> sample(Split, std::uint64_t, int) const override { return std::make_unique<Bowl>(); }
};

/// What a training on it comes to.
struct Outcome {
  double u, deviation, first_return, last_return;
};

Outcome train_on_bowl(std::uint64_t seed, double entropy) {
  TrainOptions options;
  set_training_options(
      options, {{"policy", {{"rule", "transformer"}, {"step_scale", 1}, {"width", 8}, {"context", 4}}},
                {"learners", {"ppo"}},
                {"reward", {{"of", "current"}}},
                {"rollout", {{"episodes", 32}, {"horizon", 2}}},
                {"ppo", {{"learning_rate", 3e-3}, {"entropy", entropy}, {"discount", 0}, {"least_deviation", 0.02}}}});
  options.policy.layers = {8};
  const auto rule = make_rule(options.policy);
  const EpisodeOptions episode{.step_scale = 1, .reward = options.reward};
  const Tasks tasks(options, Seed(seed), false, {std::make_shared<BowlFamily>()});
  ThreadTeam team(1);
  SharedParameters parameters;
  Random random{Seed(seed)};
  parameters.acting = parameters.kept = rule->initial_parameters(random);
  std::unique_ptr<Learner> learner;
  for (const LearnerEntry& entry : learner_table()) {
    if (std::string_view(entry.name) != "ppo") continue;
    learner = entry.make({"ppo", options, Seed(seed), RankOf{}, *rule, episode, tasks, parameters, team, false});
  }
  Outcome out{};
  for (std::int64_t round = 0; round < 150; ++round) {
    std::vector<Rollout> rollouts = learner->ask({.round = round, .first = 32 * round, .last = 32 * (round + 1)}, {});
    roll_out(rollouts, episode, team);
    std::vector<Findings> findings;
    findings.push_back(learner->digest(std::move(rollouts)));
    learner->take(findings[0], findings);
    RoundReport report;
    learner->learn(round, report);
    out.last_return = report.metric("ppo_return");
    if (round == 0) out.first_return = out.last_return;
    out.deviation = report.metric("ppo_deviation");
  }
  Episode judged(std::make_shared<Bowl>(), rule->with(parameters.kept), episode, {.horizon = 2});
  judged.start(std::vector<double>{2});
  ProposalScratch scratch;
  Episode* const alone = &judged;
  Episode::step({&alone, 1}, scratch);
  out.u = static_cast<double>(static_cast<const TransformerRun&>(judged.run()).outputs()[0]);
  return out;
}

// Without a future every step is a bandit of its own. The box is 10 wide: a step size of 1/L = 1/6 is a step of 2, of |g| =
// 12 and so g/G = 1, and 10^(4u) = 2/10.
TEST(Ppo, FindsTheKnownStepSize) {
  for (const std::uint64_t seed : {1U, 2U}) {
    const Outcome out = train_on_bowl(seed, 0);
    EXPECT_NEAR(out.u, std::log10(0.2) / 4, 0.01) << "it began at " << TransformerRule::kFirst;
    EXPECT_GT(out.last_return, out.first_return + 1);
    EXPECT_NEAR(out.deviation, 0.02, 0.003) << "it began at 0.1, and precision pays";
  }
}

TEST(Ppo, EntropyKeepsTheDrawsApart) { EXPECT_GT(train_on_bowl(1, 5).deviation, 2 * train_on_bowl(1, 0).deviation); }

}  // namespace
}  // namespace scout
