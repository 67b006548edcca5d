// For tests only: a way of exploring, alone, on problems of a few numbers.
#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "scout/train/decisions/exploration.h"

namespace scout {

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

inline Batch random_states(int size, int width, Random& random) {
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

}  // namespace scout
