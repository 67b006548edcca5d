// What ways of exploring are known for, on problems of one state or a few.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <set>

#include "scout/train/decisions/test_lab.h"
#include "scout/train/episode/test_episode.h"

namespace scout {
namespace {

/// Correlation of the noise of a decision with that of the next.
double correlation(double memory) {
  double product = 0, square = 0;
  for (std::uint64_t k = 0; k < 20; ++k) {
    Episode episode(separable(2), untrained_stepper({.hidden = {8}, .decisions = 100}), {}, {.horizon = 100});
    episode.start(std::vector<double>{0.5, -0.5}, {.decisions = DecisionReward{}});
    const auto noise = decision_noise(0.2, Random(Seed(k)), memory);
    Episode* const alone = &episode;
    ProposalScratch scratch;
    while (!episode.over()) {
      Episode::step({&alone, 1}, scratch, {.decide = [&](Episode& e) { noise->decide(e); }});
    }
    const Trajectory t = episode.take_trajectory();
    const auto width = static_cast<std::size_t>(t.action_size);
    EXPECT_EQ(t.steps(), 100);
    for (std::size_t i = 0; i + width < t.actions.size(); ++i) {
      product += static_cast<double>(t.actions[i] * t.actions[i + width]);
      square += static_cast<double>(t.actions[i] * t.actions[i]);
    }
  }
  EXPECT_NEAR(std::sqrt(square / (20.0 * 99 * 8)), 0.2, 0.1) << "of the given deviation, whatever the memory";
  return product / square;
}

TEST(OrnsteinUhlenbeck, IsCorrelatedAsItsMemorySays) {
  EXPECT_NEAR(correlation(0), 0, 0.03);
  EXPECT_NEAR(correlation(0.5), 0.5, 0.04);
  EXPECT_NEAR(correlation(0.85), 0.85, 0.05);
}

TEST(ParameterNoise, KeepsItsDistanceWhateverItBeginsWith) {
  for (const double deviation : {0.001, 3.0}) {
    Lab lab("parameter_noise", 4, [&](DecisionsOptions& o) {
      o.parameter_noise.deviation = deviation;
      o.parameter_noise.factor = 1.05;
    });
    double square = 0;
    for (int k = 0; k < 400; ++k) {
      lab.update(random_states(32, 4, lab.random));
      if (k < 300) continue;
      std::vector<Metric> metrics;
      lab.way->report(metrics);
      square += std::pow(metrics.at(1).value, 2) / 100;
    }
    EXPECT_NEAR(std::sqrt(square), 0.15, 0.05) << deviation;
  }
}

TEST(ParameterNoise, IsTheSameForAWholeEpisode) {
  Lab lab("parameter_noise", 4, [](DecisionsOptions& o) { o.parameter_noise.deviation = 0.03; });
  const std::vector<float> row{1, -1, 0.5, 2};
  std::set<float> decisions;
  for (int episode = 0; episode < 10; ++episode) {
    const auto mover = lab.mover();
    const float first = lab.decide(*mover, row);
    EXPECT_NE(lab.decide(*mover, {0, 1, 1, -1}), first);
    EXPECT_EQ(lab.decide(*mover, row), first) << "the same state, the same decision";
    decisions.insert(first);
  }
  EXPECT_EQ(decisions.size(), 10U);
}

TEST(Bootstrapped, OneHeadDecidesInAnEpisode) {
  Lab lab("bootstrapped", 2, [](DecisionsOptions& o) {
    o.bootstrapped.heads = 3;
    o.bootstrapped.noise = false;
  });
  std::set<float> decisions;
  int policy = 0;
  for (int episode = 0; episode < 60; ++episode) {
    const auto mover = lab.way->mover(lab.parameters, lab.random);
    if (mover == nullptr) {  // the first head is the policy itself
      ++policy;
      continue;
    }
    auto& other = dynamic_cast<DecisionMover&>(*mover);
    decisions.insert(lab.decide(other, {1, -2}));
  }
  EXPECT_EQ(decisions.size(), 2U);
  EXPECT_NEAR(policy, 20, 12);
}

TEST(Bootstrapped, HeadsDisagreeWhereThereIsNoData) {
  ThreadTeam team(1);
  DecisionsOptions options;
  options.ddpg.critic_hidden = {32, 32};
  options.ddpg.critic_first = 1000000;
  const Actor actor(1, {8}, 1);
  const auto disagreement = [&](double prior) {
    std::vector<std::unique_ptr<Ddpg>> heads;
    Random random(Seed(5));
    for (int k = 0; k < 5; ++k) {
      heads.push_back(std::make_unique<Ddpg>(actor, options.ddpg, Seed(7).derive(k), team));
      if (prior > 0) heads.back()->set_prior(prior, Seed(8).derive(k));
      for (int step = 0; step < 1500; ++step) {
        Batch batch = random_states(32, 1, random);  // returns of 0 about the state 0
        for (float& s : batch.states) s *= 0.3F;
        std::ranges::fill(batch.returns, 0.0F);
        std::ranges::fill(batch.outcomes, 0.0F);
        heads.back()->update(batch, random);
      }
    }
    const auto deviation = [&](float state) {
      double sum = 0, square = 0;
      for (const auto& head : heads) {
        const double q = static_cast<double>(head->value(std::vector{state}, std::vector{0.0F})[0]);
        sum += q / 5, square += q * q / 5;
      }
      return std::sqrt(std::max(square - sum * sum, 0.0));
    };
    return std::pair(deviation(0.1F), deviation(4.0F));
  };
  const auto [seen, unseen] = disagreement(1);
  EXPECT_LT(seen, 0.1);
  EXPECT_GT(unseen, 1);
  EXPECT_LT(disagreement(0).second, 0.5 * unseen) << "it is the prior that makes them differ";
}

TEST(Bootstrapped, TheActorClimbsThePriorToo) {
  ThreadTeam team(1);
  DecisionsOptions options;
  options.ddpg.critic_hidden = {32, 32};
  options.ddpg.critic_learning_rate = 1e-12;  // Q is the prior, nearly
  options.ddpg.actor_learning_rate = 3e-3;
  options.ddpg.critic_first = 0;
  options.ddpg.imitation = 0;
  Ddpg head(Actor(1, {16}, 1), options.ddpg, Seed(3), team);
  head.set_prior(5, Seed(4));
  Random random(Seed(5));
  for (int step = 0; step < 2000; ++step) {
    Batch batch = random_states(16, 1, random);
    std::ranges::fill(batch.states, 1.0F);
    head.update(batch, random);
  }
  const auto q = [&](float action) { return head.value(std::vector{1.0F}, std::vector{action})[0]; };
  Actor::Trace trace;
  const float state = 1;
  float action = 0;
  head.actor().forward(head.actor_parameters().data(), &state, 1, trace, &action);
  EXPECT_GT(q(action), q(0) + 0.2F);
  for (const float step : {-0.05F, 0.05F}) {
    const float neighbour = std::clamp(action + step, -1.0F, 1.0F);
    EXPECT_LT(q(neighbour), q(action) + 0.02F) << "a hill of the prior";
  }
}

TEST(Divide, AnActorGoesWhereItIsPulled) {
  ThreadTeam team(1);
  DecisionsOptions options;
  options.ddpg.critic_hidden = {8, 8};
  options.ddpg.actor_learning_rate = 3e-3;
  options.ddpg.critic_first = 0;
  Ddpg ddpg(Actor(1, {16}, 1), options.ddpg, Seed(3), team);
  ddpg.pull(100);
  Random random(Seed(5));
  Batch batch = random_states(16, 1, random);
  EXPECT_THROW(ddpg.update(batch, random), std::invalid_argument) << "nothing says where to";
  for (const float s : batch.states) batch.pulls.push_back(s > 0 ? 0.5F : -0.25F);
  for (int step = 0; step < 3000; ++step) ddpg.update(batch, random);
  std::vector<float> decided(16);
  Actor::Trace trace;
  ddpg.actor().forward(ddpg.actor_parameters().data(), batch.states.data(), 16, trace, decided.data());
  double error = 0;
  for (std::size_t i = 0; i < 16; ++i) error += std::abs(static_cast<double>(decided[i] - batch.pulls[i])) / 16;
  EXPECT_LT(error, 0.1);
}

/// Runs of two kinds, which their second row tells apart: in one a decision of 0.6 is right, in the other -0.6.
Trajectory one_of_two_kinds(bool first, const std::function<double(double)>& act) {
  Trajectory t{};
  t.coordinates = t.features = t.action_size = 1;
  t.terminated = true;
  const double kind = first ? 1 : -1;
  for (int k = 0; k < 4; ++k) {
    const double row = k == 0 ? 0 : kind;
    const double action = act(row);
    t.states.push_back(static_cast<float>(row));
    t.actions.push_back(static_cast<float>(action));
    t.rewards.push_back(static_cast<float>(k == 0 ? 0 : -(action - 0.6 * kind) * (action - 0.6 * kind)));
  }
  t.states.push_back(static_cast<float>(kind));
  return t;
}

/// The distance between the policies of the two kinds in the end, and what the one policy decides in each.
std::vector<double> divided(double penalty) {
  Lab lab("divide", 1, [&](DecisionsOptions& o) {
    o.divide.parts = 2;
    o.divide.penalty = penalty;
    o.divide.every = 40;
    o.ddpg.batch = 64;
  });
  Batch unused = random_states(4, 1, lab.random);
  std::vector<Metric> metrics;
  for (int round = 0; round < 40; ++round) {
    std::vector<Trajectory> found;
    for (int k = 0; k < 16; ++k) {
      found.push_back(one_of_two_kinds(k % 2 == 0, [&](double) { return lab.random.uniform(-1, 1); }));
    }
    lab.way->reward(lab.parameters, found);
    for (int k = 0; k < 50; ++k) lab.way->update(unused, lab.random);
    metrics.clear();
    lab.way->report(metrics);
    lab.way->end_round();
  }
  std::vector<double> out{metrics.at(0).value};
  for (const float row : {1.0F, -1.0F}) {
    Actor::Trace trace;
    float decision = 0;
    lab.head.actor().forward(lab.way->acting().data(), &row, 1, trace, &decision);
    out.push_back(static_cast<double>(decision));
  }
  return out;
}

TEST(Divide, PartsLearnTheirOwnPoliciesAndOneIsMadeOfThem) {
  const std::vector<double> out = divided(0);
  EXPECT_NEAR(out[1], 0.6, 0.15);
  EXPECT_NEAR(out[2], -0.6, 0.15);
}

TEST(Divide, ThePenaltyKeepsPoliciesNearEachOther) { EXPECT_LT(divided(30)[0], 0.5 * divided(0)[0]); }

TEST(Divide, ARunGoesToThePolicyOfItsPart) {
  Lab lab("divide", 1, [](DecisionsOptions& o) { o.divide.parts = 2; });
  EXPECT_EQ(std::dynamic_pointer_cast<DecisionMover>(lab.way->mover(lab.parameters, lab.random)), nullptr) << "noise alone";
  std::vector<Trajectory> found;
  for (int k = 0; k < 16; ++k) {
    found.push_back(one_of_two_kinds(k % 2 == 0, [&](double row) { return 0.9 * row; }));
  }
  lab.way->reward(lab.parameters, found);
  Batch unused = random_states(4, 1, lab.random);
  for (int k = 0; k < 200; ++k) lab.way->update(unused, lab.random);
  lab.way->end_round();
  // What the same row is decided by depends on what the second row of the run was.
  std::vector<float> third;
  for (const float kind : {1.0F, -1.0F}) {
    const auto mover = lab.mover();
    EXPECT_EQ(lab.decide(*mover, {0}), 0) << "the first decision is left as it is";
    lab.decide(*mover, {kind});
    third.push_back(lab.decide(*mover, {0.5}));
  }
  EXPECT_NE(third[0], third[1]);
}

TEST(Soft, IsTheGaussianThatTheTemperatureSays) {
  // π ∝ exp(r/α), r = -k (a - m)²: mean m, variance α/2k.
  Lab lab("soft", 1, [](DecisionsOptions& o) {
    o.soft.temperature = 0.04;
    o.soft.temperature_rate = 0;
  });
  lab.learn_bandit([](double a) { return -2 * (a - 0.3) * (a - 0.3); }, 4000);
  double sum = 0, square = 0;
  const auto mover = lab.mover();
  for (int k = 0; k < 4000; ++k) {
    const double a = static_cast<double>(lab.decide(*mover, {1}));
    sum += a / 4000, square += a * a / 4000;
  }
  EXPECT_NEAR(sum, 0.3, 0.05);
  EXPECT_NEAR(std::sqrt(square - sum * sum), 0.1, 0.03);
}

TEST(Soft, FindsTheTemperatureOfItsEntropy) {
  for (const double entropy : {-1.0, -0.2}) {
    Lab lab("soft", 1, [&](DecisionsOptions& o) {
      o.soft.entropy = entropy;
      o.soft.temperature_rate = 3e-3;
    });
    lab.learn_bandit([](double a) { return -2 * (a - 0.3) * (a - 0.3); }, 3000);
    std::vector<Metric> metrics;
    lab.way->report(metrics);
    EXPECT_EQ(metrics.at(1).name, std::string("soft_entropy"));
    EXPECT_NEAR(metrics.at(1).value, entropy, 0.25);
  }
}

TEST(Soft, KeepsBothOfTwoEqualModes) {
  const auto modes = [](double a) { return std::exp(-20 * (a - 0.7) * (a - 0.7)) + std::exp(-20 * (a + 0.7) * (a + 0.7)); };
  Lab soft("soft", 1, [](DecisionsOptions& o) {
    o.soft.entropy = 0.4;
    o.soft.temperature_rate = 3e-3;
  });
  soft.learn_bandit(modes, 3000);
  const auto mover = soft.mover();
  int left = 0, right = 0;
  for (int k = 0; k < 2000; ++k) {
    const float a = soft.decide(*mover, {1});
    left += a < -0.4F ? 1 : 0, right += a > 0.4F ? 1 : 0;
  }
  EXPECT_GT(left, 300);
  EXPECT_GT(right, 300);

  Lab hard("noise", 1);
  hard.learn_bandit(modes, 3000);
  DecisionHead::Scratch scratch;
  float decision = 0;
  const float row = 1;
  hard.head.decide(hard.parameters.data(), &row, 1, scratch, &decision);
  EXPECT_NEAR(std::abs(decision), 0.7, 0.15) << "the policy gradient chooses one";
}

}  // namespace
}  // namespace scout
