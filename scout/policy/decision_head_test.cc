#include "scout/policy/rule/decision_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "scout/optimizer/test_instance.h"
#include "scout/policy/test_policy.h"
#include "scout/policy/weight/weight_run.h"

namespace scout {
namespace {

using Stretches = DecisionHead::Stretches;

DecisionHead head_of(int count, Stretches stretches) { return DecisionHead(3, {4}, {1.0F, 3.0F}, count, stretches, 7); }

std::vector<std::int64_t> due_steps(const DecisionHead& head, std::int64_t horizon, std::int64_t steps) {
  std::vector<std::int64_t> out;
  for (std::int64_t t = 0; t < steps; ++t) {
    if (head.due(t, horizon)) out.push_back(t);
  }
  return out;
}

TEST(DecisionHead, EqualStretchesShareOutTheHorizon) {
  const DecisionHead head = head_of(5, Stretches::equal);
  EXPECT_THAT(due_steps(head, 100, 300), testing::ElementsAre(0, 20, 40, 60, 80)) << "the last holds beyond the horizon";
  EXPECT_THAT(due_steps(head, 12, 12), testing::ElementsAre(0, 3, 5, 8, 10));
  EXPECT_THAT(due_steps(head, 3, 3), testing::ElementsAre(0, 1, 2)) << "no more decisions than steps";
}

TEST(DecisionHead, GrowingStretchesDoNotKnowTheHorizon) {
  const DecisionHead head = head_of(16, Stretches::growing);
  const auto due = due_steps(head, 0, 10000);
  EXPECT_EQ(due, due_steps(head, 50, 10000));
  EXPECT_EQ(std::ranges::count_if(due, [](std::int64_t t) { return t < 1000; }), 16);
  for (std::size_t k = 3; k < due.size(); ++k) {
    const double ratio = static_cast<double>(due[k] - due[k - 1]) / static_cast<double>(due[k - 1] - due[k - 2]);
    EXPECT_NEAR(ratio, 1.25, 0.12) << k;
  }
}

TEST(DecisionHead, NormalisesRowsAndLeavesOutWhatHasNoDeviation) {
  const DecisionHead head = head_of(5, Stretches::equal);
  std::vector<float> parameters(head.parameter_count());
  const std::vector<float> normaliser{1, 2, 3, 10, 0, 0.5F};
  std::ranges::copy(normaliser, parameters.begin());
  std::vector<float> rows{1.1F, 99, 5, -8, 2, 3};
  head.normalise(parameters.data(), rows.data(), 2);
  EXPECT_THAT(rows, testing::Pointwise(testing::FloatNear(1e-5F), std::vector<float>{1, 0, 1, -5, 0, 0}));
}

TEST(DecisionHead, InitiallyChangesNothing) {
  Random random(Seed(3));
  const DecisionHead head = head_of(5, Stretches::equal);
  std::vector<float> parameters = head.initial_parameters(random);
  ASSERT_EQ(parameters.size(), head.parameter_count());
  for (int i = 0; i < head.inputs(); ++i) parameters[static_cast<std::size_t>(head.inputs() + i)] = 1;
  DecisionHead::Scratch scratch;
  const std::vector<float> rows{1, -2, 3};
  std::vector<float> decision{9, 9};
  head.decide(parameters.data(), rows.data(), 1, scratch, decision.data());
  EXPECT_THAT(decision, testing::Each(0.0F));
}

/// Steps a run of `policy` on a bowl; tells of each decision.
template <class Tell>
void live(const Policy& policy, int horizon, Tell&& tell) {
  const auto instance = shifted_sphere(6);
  Random random(Seed(5));
  std::vector<double> theta(6), gradient(6);
  instance.sample_start(random, theta);
  double f = 0;
  instance.evaluate(theta, {&f, 1}, gradient);
  const std::vector<TensorShape> tensors{{4, 2, 2}, {2, 1, 2}};
  const auto run = policy.stepper()->new_run(6);
  run->start({theta, gradient, f},
             {.scale = 0.5, .horizon = horizon, .lower = instance.lower(), .upper = instance.upper(), .tensors = tensors});
  ProposalScratch scratch;
  RuleRun* const alone = run.get();
  for (int t = 0; t < horizon; ++t) {
    policy.stepper()->decide({&alone, 1}, scratch);
    tell(t, *run);
    policy.stepper()->propose({&alone, 1}, scratch);
    run->apply(theta);
    instance.evaluate(theta, {&f, 1}, gradient);
    run->observe({theta, gradient, f});
  }
}

class Deciding : public testing::TestWithParam<const char*> {};

TEST_P(Deciding, ADecisionHoldsUntilTheNextIsDue) {
  const auto policy = deciding_policy(40, {.rule = GetParam(), .hidden = {8}, .decisions = 12});
  std::vector<float> held;
  int decisions = 0, changes = 0;
  live(*policy, 40, [&](int t, RuleRun& run) {
    const std::span<const float> now = run.decision();
    ASSERT_EQ(now.size() % run.decision_rows(), 0U);
    for (const float x : now) ASSERT_LE(std::abs(x), 1);
    const bool same = std::ranges::equal(held, now);
    if (!run.decision_due()) {
      ASSERT_TRUE(same) << "step " << t;
    }
    decisions += run.decision_due();
    changes += !same;
    held.assign(now.begin(), now.end());
  });
  EXPECT_GE(decisions, 3);
  EXPECT_LT(decisions, 20);
  EXPECT_GE(changes, 3) << "the decisions have to differ for this test to mean something";
}

TEST_P(Deciding, WhatIsDecidedMovesTheRun) {
  const auto policy = deciding_policy(40, {.rule = GetParam(), .hidden = {8}});
  const auto end = [&](float value) {
    std::vector<float> out;
    live(*policy, 40, [&](int t, RuleRun& run) {
      if (t == 0) std::ranges::fill(run.decision(), value);
      if (t == 1) out.assign(run.actions().begin(), run.actions().end());
    });
    return out;
  };
  EXPECT_NE(end(0.5F), end(-0.5F));
  EXPECT_EQ(end(0.5F), end(0.5F));
}

TEST_P(Deciding, IsKeptInThePolicyFile) {
  const auto policy = deciding_policy(40, {.rule = GetParam(), .hidden = {8}});
  const auto read = Policy::from_bytes(policy->to_bytes());
  EXPECT_EQ(read->parameters(), policy->parameters());
  EXPECT_EQ(read->description().rule.decisions, 5);
  EXPECT_THAT(read->description().rule.decision_hidden, testing::ElementsAre(8));
}

INSTANTIATE_TEST_SUITE_P(Rules, Deciding, testing::Values("coordinate", "weight"));

// What LearnedOptimizer does, against what a learner sees.
TEST(DecidingWeights, AGuardedTrainingDecidesAsARunDoes) {
  const auto policy = deciding_policy(40, {.rule = "weight", .hidden = {8}, .step_scale = 0.03});
  const std::vector<TensorShape> tensors{{4, 2, 2}, {2, 1, 2}};
  const auto stepper = std::static_pointer_cast<const WeightStepper>(policy->stepper());
  GuardedRun guarded(stepper, tensors, 6, 40, false);
  std::vector<double> theta{1, 2, 3, 4, 5, 6}, other = theta, gradient(6);
  const auto run = policy->stepper()->new_run(6);
  ProposalScratch scratch;
  RuleRun* const alone = run.get();
  const auto slope = [&](const std::vector<double>& at) {
    for (std::size_t i = 0; i < 6; ++i) gradient[i] = at[i] - 2;
  };
  slope(other);
  run->start({other, gradient, {}}, {.horizon = 40, .tensors = tensors});
  for (int t = 0; t < 40; ++t) {
    slope(theta);
    guarded.step(theta, gradient);
    policy->stepper()->decide({&alone, 1}, scratch);
    policy->stepper()->propose({&alone, 1}, scratch);
    run->apply(other);
    ASSERT_EQ(theta, other) << "step " << t;
    slope(other);
    run->observe({other, gradient, {}});
  }
}

TEST(DecidingRules, WithoutProposalsOrCoordinatesAreRefused) {
  EXPECT_THROW(make_rule({.proposals = false, .decisions = 3}), std::invalid_argument);
  EXPECT_THROW(make_rule({.proposals = false, .by_coordinate = false}), std::invalid_argument);
  const auto lean = make_rule({.decisions = 3, .by_coordinate = false});
  EXPECT_LT(lean->actor()->parameter_count(), 200U) << "the context head alone";
}

}  // namespace
}  // namespace scout
