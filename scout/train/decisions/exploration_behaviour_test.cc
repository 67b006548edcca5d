// What each way of exploring is known for, on problems of one state or one line.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <set>

#include "scout/train/decisions/exploration.h"
#include "scout/train/episode/test_episode.h"

namespace scout {
namespace {

using Change = std::function<void(DecisionsOptions&)>;

/// A way of exploring with a head of `inputs` numbers, which are not scaled, and one number to decide.
struct Lab {
  Lab(const std::string& exploration, int inputs, const Change& change = {}, std::uint64_t seed = 1)
      : head(inputs, {32, 32}, {1.0F}, 1, DecisionHead::Stretches::equal, 0), random(Seed(seed)) {
    options.exploration = exploration;
    options.ddpg.critic_hidden = {32, 32};
    options.ddpg.critic_first = 0;
    options.ddpg.critic_learning_rate = options.ddpg.actor_learning_rate = 1e-3;
    options.ddpg.average = 0.9;
    if (change) change(options);
    Random start(Seed(seed).derive("head"));
    parameters = head.initial_parameters(start);
    std::fill_n(parameters.begin() + inputs, inputs, 1.0F);
    ddpg = std::make_unique<Ddpg>(head.actor(), options.ddpg, Seed(seed), team);
    ddpg->start_from(std::span<const float>(parameters).subspan(2 * width()));
    way = make_exploration({options, head, Seed(seed), team, *ddpg});
  }
  std::size_t width() const { return static_cast<std::size_t>(head.inputs()); }

  /// The mover of an episode that decides at once by a row of its own choice.
  std::shared_ptr<DecisionMover> mover() {
    auto out = std::dynamic_pointer_cast<DecisionMover>(way->mover(parameters, random));
    EXPECT_NE(out, nullptr);
    return out;
  }
  float decide(DecisionMover& mover, const std::vector<float>& row) const {
    std::vector<float> decision(1);
    mover.change(row, decision);
    return decision[0];
  }
  void update(const Batch& batch) {
    way->update(batch, random);
    std::ranges::copy(way->acting(), parameters.begin() + static_cast<std::ptrdiff_t>(2 * width()));
  }
  /// Updates on a bandit's rewards of uniform actions.
  void learn_bandit(const std::function<double(double)>& reward, int updates) {
    Batch batch;
    batch.outcomes_wanted = true;
    for (int k = 0; k < updates; ++k) {
      batch.clear(64, 1, 1);
      for (int b = 1; b <= 64; ++b) {
        const double action = random.uniform(-1, 1);
        batch.begin.push_back(b);
        batch.states.push_back(1);
        batch.next_states.push_back(1);
        batch.actions.push_back(static_cast<float>(action));
        batch.returns.push_back(static_cast<float>(reward(action)));
        batch.outcomes.push_back(batch.returns.back());
        batch.discounts.push_back(0);
      }
      update(batch);
    }
    way->end_round();
  }

  ThreadTeam team{1};
  DecisionsOptions options;
  DecisionHead head;
  Random random;
  std::vector<float> parameters;
  std::unique_ptr<Ddpg> ddpg;
  std::unique_ptr<Exploration> way;
};

Batch random_states(int size, int width, Random& random) {
  Batch batch;
  batch.clear(size, width, 1);
  for (int b = 1; b <= size; ++b) {
    batch.begin.push_back(b);
    batch.discounts.push_back(0);
    for (auto* numbers : {&batch.actions, &batch.returns}) numbers->push_back(static_cast<float>(random.uniform(-1, 1)));
    batch.outcomes.push_back(batch.returns.back());
    for (int i = 0; i < width; ++i) {
      batch.states.push_back(static_cast<float>(random.normal()));
      batch.next_states.push_back(static_cast<float>(random.normal()));
    }
  }
  return batch;
}

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

/// A walk on a line: s' = s + a/2, ten decisions.
Trajectory walk(double from, const std::function<double(double)>& act) {
  Trajectory t{};
  t.coordinates = t.features = t.action_size = 1;
  t.terminated = true;
  double s = from;
  t.states.push_back(static_cast<float>(s));
  for (int k = 0; k < 10; ++k) {
    const double action = act(s);
    s = std::clamp(s + 0.5 * action, -4.0, 4.0);
    t.actions.push_back(static_cast<float>(action));
    t.states.push_back(static_cast<float>(s));
    t.rewards.push_back(0);
  }
  return t;
}

/// Transitions of walks about 0.
Batch walks_about(Lab& lab, int size) {
  Batch batch = random_states(size, 1, lab.random);
  for (std::size_t i = 0; i < batch.states.size(); ++i) {
    batch.states[i] = static_cast<float>(0.3 * lab.random.normal());
    batch.next_states[i] = batch.states[i] + 0.5F * batch.actions[i];
  }
  return batch;
}

/// Mean bonuses of three walks from 0, and of one from elsewhere.
std::pair<double, double> bonuses(Lab& lab, double elsewhere) {
  std::vector<Trajectory> found;
  for (const double from : {0.0, 0.0, 0.0, elsewhere}) {
    found.push_back(walk(from, [&](double) { return lab.random.uniform(-0.1, 0.1); }));
  }
  lab.way->reward(lab.parameters, found);
  double sums[2] = {0, 0};
  for (std::size_t k = 0; k < 4; ++k) {
    for (const float r : found[k].rewards) sums[k == 3] += static_cast<double>(r) / 10;
  }
  return {sums[0] / 3, sums[1]};
}

TEST(Prediction, IsTheErrorOverTheGreatestSoFarAndOverTime) {
  Lab lab("prediction", 1, [](DecisionsOptions& o) {
    o.prediction.scale = 0.5;
    o.prediction.decay = 0.1;
  });
  std::vector<Trajectory> found{walk(1, [](double) { return 0.8; })};
  lab.way->reward(lab.parameters, found);
  EXPECT_FLOAT_EQ(found[0].rewards[0], 0.5F / 0.1F) << "the first error is the greatest so far";
  // The walk goes out to 4 and stays there; what lies farther is foreseen worse by a fresh model.
  for (int k = 1; k < 10; ++k) {
    const auto at = static_cast<std::size_t>(k);
    EXPECT_LE(found[0].rewards[at], 0.5F / 0.1F / static_cast<float>(k + 1) * 1.0001F);
    EXPECT_GT(found[0].rewards[at], 0);
  }
}

TEST(Prediction, NothingIsNewBeforeThereIsANormaliser) {
  for (const char* name : {"prediction", "exemplars"}) {
    Lab lab(name, 1, [](DecisionsOptions& o) {
      if (o.exploration == "exemplars") o.exemplars.warm_up = 0;
    });
    std::fill_n(lab.parameters.begin(), 2, 0.0F);
    std::vector<Trajectory> found{walk(1, [](double) { return 0.8; })};
    lab.way->reward(lab.parameters, found);
    EXPECT_EQ(found[0].rewards, std::vector<float>(10, 0.0F)) << name;
  }
}

TEST(Prediction, RewardsWhatTheModelHasNotSeen) {
  Lab lab("prediction", 1);
  for (int k = 0; k < 500; ++k) lab.update(walks_about(lab, 64));
  bonuses(lab, -3.5);  // the greatest error so far is now one of those
  for (int k = 0; k < 100; ++k) bonuses(lab, 0);
  const auto [here, elsewhere] = bonuses(lab, -3.5);
  EXPECT_GT(here, 0);
  EXPECT_GT(elsewhere, 10 * here);
}

TEST(Exemplars, RewardWhatIsEasilyToldFromTheReplay) {
  Lab lab("exemplars", 1, [](DecisionsOptions& o) { o.exemplars.warm_up = 100; });
  EXPECT_EQ(bonuses(lab, 3), std::pair(0.0, 0.0)) << "not before the discriminator has learnt";
  for (int k = 0; k < 1000; ++k) lab.update(walks_about(lab, 64));  // its exemplars are those walks
  const auto [here, elsewhere] = bonuses(lab, 3);
  EXPECT_NEAR(here, 0, 0.005) << "about the median";
  EXPECT_GT(elsewhere, 0.01);
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

/// How far from 0 the last rounds' episodes get, whose only reward pulls them there.
double farthest(const std::string& exploration, std::uint64_t seed) {
  Lab lab(
      exploration, 1,
      [](DecisionsOptions& o) {
        o.noise = o.noise_high = 0.1;
        o.ddpg.target_rate = 0.02;
        if (o.exploration == "prediction") o.prediction.scale = 10, o.prediction.decay = 1e-2;
        if (o.exploration == "exemplars") o.exemplars.scale = 0.1, o.exemplars.kl = 1e-3, o.exemplars.warm_up = 100;
      },
      seed);
  Replay replay(20000);
  Batch batch;
  batch.outcomes_wanted = true;
  double out = 0;
  DecisionHead::Scratch scratch;
  for (int round = 0; round < 60; ++round) {
    std::vector<Trajectory> found;
    for (int k = 0; k < 8; ++k) {
      Trajectory& t = found.emplace_back(walk(0.2 * lab.random.normal(), [&](double s) {
        const auto row = static_cast<float>(s);
        float decision = 0;
        lab.head.decide(lab.parameters.data(), &row, 1, scratch, &decision);
        return std::clamp(static_cast<double>(decision) + 0.1 * lab.random.normal(), -1.0, 1.0);
      }));
      for (std::size_t i = 0; i < 10; ++i) {
        t.rewards[i] = -0.05F * std::abs(t.states[i + 1]);
        if (round >= 20) out = std::max(out, static_cast<double>(std::abs(t.states[i + 1])));
      }
    }
    lab.way->reward(lab.parameters, found);
    for (Trajectory& t : found) replay.add(std::move(t));
    for (int k = 0; k < 40; ++k) {
      batch.clear(64, 1, 1);
      replay.sample(64, 1, 1.0F, 0, lab.random, batch);
      lab.update(batch);
    }
    lab.way->end_round();
  }
  return out;
}

TEST(Bonuses, LeaveAVisitedRegionSoonerThanNoise) {
  for (const std::uint64_t seed : {1U, 2U}) {
    const double noise = farthest("noise", seed);
    EXPECT_LT(noise, 0.5);
    EXPECT_GT(farthest("prediction", seed), 3);
    EXPECT_GT(farthest("exemplars", seed), 3 * noise);
  }
}

}  // namespace
}  // namespace scout
