// Guided policy search as a whole, and its parts that are not a matter of linear algebra.
#include <gtest/gtest.h>

#include <cmath>

#include "scout/problem/catalog/family.h"
#include "scout/problem/problem.h"
#include "scout/train/guided/guided_run.h"
#include "scout/train/guided/imitation.h"
#include "scout/train/test_training.h"

namespace scout {
namespace {

/// Three inputs, two actions of them.
Lessons easy_lessons() {
  Lessons out;
  Random random(Seed(1));
  out.weights = {MatrixXd::Identity(2, 2), 4 * MatrixXd::Identity(2, 2)};
  for (std::size_t row = 0; row < 500; ++row) {
    const double a = random.normal(), b = random.normal(), c = random.normal();
    for (const double x : {a, b, c}) out.features.push_back(static_cast<float>(x));
    for (const double x : {0.1 * a - 0.2 * b, 0.15 * c + 0.05}) out.actions.push_back(static_cast<float>(x));
    out.weight.push_back(row % 2);
  }
  return out;
}

TEST(Imitation, APolicyLearnsALinearController) {
  const Actor actor(3, {16}, 2);
  Random random(Seed(2));
  std::vector<float> parameters = actor.initial_parameters(random);
  const Lessons lessons = easy_lessons();
  const double before = imitation_loss(actor, parameters, lessons);
  Adam adam;
  imitate(actor, lessons, {2000, 32, 3e-3}, Random(Seed(3)), adam, parameters);
  EXPECT_LT(imitation_loss(actor, parameters, lessons), 0.01 * before);
  const std::vector<float> actions = actions_of(actor, parameters, lessons.features);
  for (std::size_t k = 0; k < 50; ++k) EXPECT_NEAR(actions[k], lessons.actions[k], 0.1) << k;
}

TEST(Imitation, WhatHasNoPrecisionIsNotLearnt) {
  const Actor actor(3, {}, 2);
  Random random(Seed(2));
  std::vector<float> parameters = actor.initial_parameters(random);
  Lessons lessons = easy_lessons();
  for (MatrixXd& weight : lessons.weights) weight(1, 1) = 0;
  const std::vector<float> before = actions_of(actor, parameters, lessons.features);
  Adam adam;
  imitate(actor, lessons, {500, 32, 3e-3}, Random(Seed(3)), adam, parameters);
  const std::vector<float> after = actions_of(actor, parameters, lessons.features);
  for (std::size_t row = 0; row < lessons.rows(); ++row) {
    EXPECT_NEAR(after[2 * row], lessons.actions[2 * row], 0.02);
    EXPECT_EQ(after[2 * row + 1], before[2 * row + 1]);
  }
}

TEST(GuidedRecord, GoesThroughAMessage) {
  const GuidedRecord record{4, 2, std::vector<double>(3 * 7, 1.5), std::vector<double>(2 * 2, -1),
                            std::vector<double>(2 * 5, 3)};
  const GuidedRecord again = GuidedRecord::unpacked(record.packed(), 2, 2, 5);
  EXPECT_EQ(again.condition, 4);
  EXPECT_EQ(again.setting, 2);
  EXPECT_EQ(again.x, record.x);
  EXPECT_EQ(again.u, record.u);
  EXPECT_EQ(again.in, record.in);
  EXPECT_EQ(again.cost(2), 3.0);
  EXPECT_THROW(GuidedRecord::unpacked(record.packed(), 3, 2, 5), std::runtime_error);
}

/// f = ½ Σ a_i θ_i², a_0 = 1, a_1 = 3.
Problem bowl() {
  Problem out;
  out.lower = {-2, -2};
  out.upper = {2, 2};
  out.evaluate = [](std::span<const double> x, std::span<double> g) {
    if (!g.empty()) g[0] = x[0], g[1] = 3 * x[1];
    return 0.5 * (x[0] * x[0] + 3 * x[1] * x[1]);
  };
  out.optimum = {0, 0};
  out.optimum_value = 0;
  return out;
}

struct Driven {
  explicit Driven(GuidedPlan plan, int horizon = 6) {
    const std::shared_ptr<const UpdateRule> rule =
        make_rule({.rule = "history", .dimension = 2, .history = 2, .step_scale = 0.5});
    Random random(Seed(1));
    Episode episode(problem_instance(bowl()), rule->with(rule->initial_parameters(random)), {.step_scale = 0.5},
                    {.horizon = horizon});
    episode.start(std::vector<double>{1, -1});
    GuidedMover mover(std::move(plan), Random(Seed(2)));
    ProposalScratch scratch;
    Episode* const one = &episode;
    while (!episode.over()) Episode::step({&one, 1}, scratch, {.move = [&](Episode& e) { mover.move(e); }});
    record = mover.finish(episode);
    end.assign(episode.theta().begin(), episode.theta().end());
  }
  GuidedRecord record;
  std::vector<double> end;
};

/// The state is in steps of 2 and gaps of 2; momentum is what its update says.
TEST(GuidedMover, MakesMomentumAndRecordsStates) {
  const Driven run({.record = {.condition = 1, .setting = 0}, .rate = 0.1, .decay = 0.5});
  std::vector<double> theta{1, -1}, step{0, 0};
  const double rate = 0.1 * 2 / 3;  // the larger of the gradients is 3
  for (std::size_t t = 0; t < 6; ++t) {
    const std::vector<double> gradient{theta[0], 3 * theta[1]};
    const double* x = &run.record.x[7 * t];
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_NEAR(x[i], (theta[i] - (i == 0 ? 1 : -1)) / 2, 1e-6);
      EXPECT_NEAR(x[2 + i], gradient[i], 1e-6);
      EXPECT_NEAR(x[5 + i], step[i] / 2, 1e-6);
      step[i] = 0.5 * step[i] - rate * gradient[i];
      EXPECT_NEAR(run.record.u[2 * t + i], step[i] / 2, 1e-6);
    }
    EXPECT_NEAR(x[4], 0.5 * (theta[0] * theta[0] + 3 * theta[1] * theta[1]) / 2 - 1, 1e-6);
    for (std::size_t i = 0; i < 2; ++i) theta[i] += step[i];
  }
  for (std::size_t i = 0; i < 2; ++i) EXPECT_NEAR(run.end[i], theta[i], 1e-6);
  EXPECT_EQ(run.record.in.size(), 6 * 6U);
}

TEST(GuidedMover, FollowsAController) {
  LinearGaussians controller(3, {MatrixXd::Zero(2, 7), VectorXd::Zero(2), MatrixXd::Zero(2, 2)});
  controller[1].offset[0] = 0.25;
  controller[2].offset[1] = -7;  // more than a step may be
  controller[2].covariance(0, 0) = 1e-4;
  const Driven run({.record = {}, .controller = std::make_shared<LinearGaussians>(controller)}, 3);
  EXPECT_EQ((std::vector<double>(run.record.u.begin(), run.record.u.begin() + 4)), (std::vector<double>{0, 0, 0.25, 0}));
  EXPECT_EQ(run.record.u[5], -1);
}

/// f = ½ (a_0 u² + a_1 v²), u and v the coordinates turned by some angle, a between 0.5 and 2.
Problem draw_bowl(Random& random, int) {
  const double angle = random.uniform(0, 3), a = random.uniform(0.5, 2), b = random.uniform(0.5, 2);
  Problem out = bowl();
  out.evaluate = [=](std::span<const double> x, std::span<double> g) {
    const double u = std::cos(angle) * x[0] + std::sin(angle) * x[1], v = std::cos(angle) * x[1] - std::sin(angle) * x[0];
    if (!g.empty()) {
      g[0] = a * u * std::cos(angle) - b * v * std::sin(angle);
      g[1] = a * u * std::sin(angle) + b * v * std::cos(angle);
    }
    return 0.5 * (a * u * u + b * v * v);
  };
  return out;
}

/// Convex quadratics: on others than it has seen, the policy gets better than the method that it imitated at first.
TEST(Guided, LearnsToMinimiseQuadratics) {
  add_family(drawn_family("turned-bowls", "quadratics in the plane", 2, draw_bowl));
  TrainOptions options;
  options.problems = {"turned-bowls"};
  options.dimensions = {2};
  options.learners = {"guided"};
  options.rounds = 12;
  options.threads = 1;
  options.rollout.horizon = 10;
  options.validation.instances = 64;
  options.validation.every = 1;
  set_training_options(options, {{"policy.rule", "history"},
                                 {"policy.hidden", {30}},
                                 {"policy.history", 5},
                                 {"policy.step_scale", 0.5},
                                 {"guided.conditions", 12},
                                 {"guided.samples", 12},
                                 {"guided.clusters", 4},
                                 {"guided.updates", 500}});
  Trainer trainer(options, 1);
  std::vector<RoundReport> reports;
  for (int round = 0; round < options.rounds; ++round) reports.push_back(trainer.round());
  const RoundReport& untrained = reports[0];  // the first round only tunes momentum
  const RoundReport& imitated = reports[1];   // the second only imitates it
  EXPECT_LT(imitated.validation_score, untrained.validation_score - 1);
  EXPECT_LT(reports.back().validation_score, imitated.validation_score - 0.3);
  EXPECT_LT(reports.back().metric("guided_cost"), reports[2].metric("guided_cost"))
      << "that of the first runs of the policy";
  EXPECT_EQ(imitated.metric("guided_divergence"), 0);
  for (const RoundReport& report : reports) {
    EXPECT_LE(report.metric("guided_divergence"), report.metric("guided_multiplier") + 1e-9) << "the bound is 1";
  }
}

}  // namespace
}  // namespace scout
