// The actors of the rules.
#include "scout/policy/rule/actor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "scout/policy/coordinate/coordinatewise_observer.h"
#include "scout/policy/rule/action.h"
#include "scout/policy/rules.h"
#include "scout/policy/weight/weight_rule.h"

namespace scout {
namespace {

RuleOptions coordinate(std::vector<int> hidden, bool proposals) {
  return {.hidden = std::move(hidden), .proposals = proposals};
}
RuleOptions joint(std::vector<int> hidden) { return {.rule = "joint", .dimension = 3, .hidden = std::move(hidden)}; }
Actor actor_of(const RuleOptions& options) { return *make_rule(options)->actor(); }

class ActorWithoutProposals : public testing::TestWithParam<RuleOptions> {
 protected:
  std::vector<float> normal(std::size_t count, double deviation) {
    std::vector<float> out(count);
    for (float& x : out) x = static_cast<float>(deviation * random_.normal());
    return out;
  }

  Random random_{Seed(3)};
};

TEST_P(ActorWithoutProposals, BackwardAgreesWithFiniteDifferences) {
  const Actor actor = actor_of(GetParam());
  const int rows = 6;
  const auto count = static_cast<std::size_t>(rows * actor.actions());
  std::vector<float> parameters = normal(actor.parameter_count(), 0.25);
  const auto features = normal(static_cast<std::size_t>(rows * actor.features()), 0.4);
  const auto weights = normal(count, 1);  // L = Σ weights · actions
  Actor::Trace trace;
  std::vector<float> actions(count);
  auto loss = [&] {
    actor.forward(parameters.data(), features.data(), rows, trace, actions.data());
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += static_cast<double>(weights[i] * actions[i]);
    return sum;
  };
  const double here = loss();
  for (float a : actions) ASSERT_LT(std::abs(a), 0.99F) << "the finite differences below need actions off their bounds";
  std::vector<float> gradient(actor.parameter_count(), 0.0F);
  actor.backward(parameters.data(), features.data(), weights.data(), trace, gradient.data());
  double largest = 0;
  for (float g : gradient) largest = std::max(largest, static_cast<double>(std::abs(g)));
  ASSERT_GT(largest, 0.1);
  const double tolerance = 2e-3 * largest + 1e-3;
  int kinks = 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const float kept = parameters[i];
    const float h = 2e-3F;
    parameters[i] = kept + h;
    const double above = loss();
    parameters[i] = kept - h;
    const double below = loss();
    parameters[i] = kept;
    if (std::abs(above - 2 * here + below) / static_cast<double>(h) > tolerance) {
      ++kinks;  // of a ReLU, between the two points
      continue;
    }
    EXPECT_NEAR((above - below) / (2.0 * static_cast<double>(h)), gradient[i], tolerance) << "parameter " << i;
  }
  EXPECT_LT(kinks, static_cast<int>(parameters.size() / 10));
}

TEST(ActorOfTheRuleForWeights, BackwardAgreesWithFiniteDifferences) {
  const Actor actor = actor_of({.rule = "weight", .hidden = {5}});
  ASSERT_EQ(actor.features(), kernel::kFeatures + WeightRule::kContext);
  ASSERT_EQ(actor.actions(), 1);
  Random random(Seed(5));
  const int rows = 8;
  std::vector<float> parameters(actor.parameter_count());
  for (float& x : parameters) x = static_cast<float>(0.3 * random.normal());
  std::vector<float> features(static_cast<std::size_t>(rows * actor.features()));
  for (float& x : features) x = static_cast<float>(random.uniform(-0.9, 0.9));
  Actor::Trace trace;
  std::vector<float> actions(rows), weights(rows, 1.0F);
  auto loss = [&] {
    actor.forward(parameters.data(), features.data(), rows, trace, actions.data());
    return static_cast<double>(std::accumulate(actions.begin(), actions.end(), 0.0F));
  };
  loss();
  std::vector<float> gradient(parameters.size(), 0.0F);
  actor.backward(parameters.data(), features.data(), weights.data(), trace, gradient.data());
  int kinks = 0;  // of ReLU, and of the bound on what a unit of output may do to an action
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const float kept = parameters[i];
    const float h = 2e-3F;
    parameters[i] = kept + h;
    const double above = loss();
    parameters[i] = kept - h;
    const double below = loss();
    parameters[i] = kept;
    kinks += std::abs((above - below) / (2.0 * static_cast<double>(h)) - static_cast<double>(gradient[i])) > 5e-3;
  }
  EXPECT_LT(kinks, static_cast<int>(parameters.size() / 10));
}

INSTANTIATE_TEST_SUITE_P(Rules, ActorWithoutProposals, testing::Values(coordinate({7, 5}, false), joint({7, 5})),
                         [](const auto& options) { return options.param.rule; });

/// An actor with proposals whose outputs come from random biases and a random head, and a row of random features.
struct Composed {
  explicit Composed(Random& random)
      : actor(actor_of(coordinate({4}, true))),
        parameters(actor.parameter_count(), 0.0F),
        features(static_cast<std::size_t>(actor.features())) {
    const Linear& last = actor.network().layers().back();
    bias = last.offset + static_cast<std::size_t>(last.in) * static_cast<std::size_t>(last.out);
    head = actor.network().parameter_count();
    head_bias = parameters.size() - static_cast<std::size_t>(last.out) + 1;  // it leaves the first output alone
    for (std::size_t k = bias; k < parameters.size(); ++k) parameters[k] = static_cast<float>(0.6 * random.normal());
    for (float& x : features) x = static_cast<float>(random.uniform(-0.9, 0.9));
  }
  double action() {
    float a = 0;
    actor.forward(parameters.data(), features.data(), 1, trace, &a);
    return static_cast<double>(a);
  }
  /// What parameter k, from `bias` on, multiplies in its output.
  double factor(std::size_t k) const {
    if (k < head || k >= head_bias) return 1;
    const auto context = CoordinatewiseObserver::context_features();
    return static_cast<double>(features[static_cast<std::size_t>(context[(k - head) % context.size()])]);
  }

  Actor actor;
  std::vector<float> parameters, features;
  Actor::Trace trace;
  std::size_t bias = 0, head = 0, head_bias = 0;
};

/// The projection of z onto the simplex by bisection for the threshold at which the weights add up to 1.
std::vector<double> simplex_projection(const std::vector<double>& z) {
  double low = *std::min_element(z.begin(), z.end()) - 1;
  double high = *std::max_element(z.begin(), z.end());
  std::vector<double> weights(z.size());
  for (int k = 0; k < 200; ++k) {
    const double threshold = 0.5 * (low + high);
    double sum = 0;
    for (std::size_t i = 0; i < z.size(); ++i) sum += weights[i] = std::max(0.0, z[i] - threshold);
    (sum > 1 ? low : high) = threshold;
  }
  return weights;
}

TEST(ActorWithProposals, ForwardMixesProposals) {
  Random random(Seed(6));
  const auto proposals = CoordinatewiseObserver::proposal_features();
  int inside = 0;
  int mixed = 0;
  for (int trial = 0; trial < 100; ++trial) {
    Composed composed(random);
    const std::size_t outputs = proposals.size() + 1;
    const std::size_t inputs = (composed.head_bias - composed.head) / (outputs - 1);
    std::vector<double> u(outputs);
    for (std::size_t o = 0; o < outputs; ++o) {
      u[o] = static_cast<double>(composed.parameters[composed.bias + o]);
      if (o == 0) continue;
      u[o] += static_cast<double>(composed.parameters[composed.head_bias + o - 1]);
      for (std::size_t j = 0; j < inputs; ++j) {
        const std::size_t k = composed.head + (o - 1) * inputs + j;
        u[o] += static_cast<double>(composed.parameters[k]) * composed.factor(k);
      }
    }
    auto feature = [&](std::size_t k) { return composed.features[static_cast<std::size_t>(proposals[k])]; };
    std::vector<double> z;
    for (std::size_t o = 2; o < outputs; ++o) z.push_back(3 * u[o]);
    const auto weights = simplex_projection(z);
    double step = weights[0] * std::exp(u[1]) * static_cast<double>(decode_action(0.5F * (feature(0) + feature(1))));
    for (std::size_t k = 1; k < weights.size(); ++k) step += weights[k] * static_cast<double>(decode_action(feature(k + 1)));
    step *= std::exp(u[0]);
    const auto expected = static_cast<double>(encode_step(static_cast<float>(std::clamp(step, -1.0, 1.0))));
    EXPECT_NEAR(composed.action(), expected, 2e-3);
    inside += std::abs(expected) < 1 ? 1 : 0;
    mixed += std::count_if(weights.begin(), weights.end(), [](double w) { return w > 0; }) > 1 ? 1 : 0;
  }
  EXPECT_GT(inside, 50);
  EXPECT_GT(mixed, 10);
}

// Where the action is steep in an output, the gradient at that output is bounded by 1.
TEST(ActorWithProposals, BackwardAgreesWithFiniteDifferencesUpToItsBound) {
  Random random(Seed(5));
  int of_network = 0;
  int of_head = 0;
  int bounded = 0;
  for (int trial = 0; trial < 100; ++trial) {
    Composed composed(random);
    std::vector<float>& parameters = composed.parameters;
    const double here = composed.action();
    if (std::abs(here) > 0.99) continue;  // at a bound gradients are one-sided: see below
    const float one = 1;
    std::vector<float> gradient(parameters.size(), 0.0F);
    composed.actor.backward(parameters.data(), composed.features.data(), &one, composed.trace, gradient.data());
    for (std::size_t k = composed.bias; k < parameters.size(); ++k) {
      const float kept = parameters[k];
      parameters[k] = kept + 0.01F;
      const double above = composed.action();
      parameters[k] = kept - 0.01F;
      const double below = composed.action();
      parameters[k] = kept;
      if (std::abs(above - 2 * here + below) > 1e-4) continue;  // the action bends too much for the difference to be true
      const double slope = (above - below) / 0.02;
      const double bound = std::abs(composed.factor(k));
      EXPECT_NEAR(gradient[k], std::clamp(slope, -bound, bound), 0.01) << "parameter " << k;
      if (std::abs(slope) > bound + 0.01) {
        ++bounded;
      } else if (std::abs(slope) > 0.02) {
        ++(k < composed.head ? of_network : of_head);
      }
    }
  }
  EXPECT_GT(of_network, 100);
  EXPECT_GT(of_head, 400);
  EXPECT_GT(bounded, 0);
}

TEST(Actor, AtABoundOnlyGradientsThatLeadInsidePass) {
  for (const Actor& actor : {actor_of(coordinate({4}, true)), actor_of(coordinate({4}, false)), actor_of(joint({4}))}) {
    std::vector<float> parameters(actor.parameter_count(), 0.0F);
    const Linear& last = actor.network().layers().back();
    const std::size_t bias = last.offset + static_cast<std::size_t>(last.in) * static_cast<std::size_t>(last.out);
    // The action itself, or the logarithm of the factor of a step that is all ones.
    parameters[bias] = 1.5F;
    const std::vector<float> features(static_cast<std::size_t>(actor.features()), 1.0F);
    std::vector<float> actions(static_cast<std::size_t>(actor.actions()));
    Actor::Trace trace;
    actor.forward(parameters.data(), features.data(), 1, trace, actions.data());
    EXPECT_EQ(actions[0], 1.0F);
    for (const float d : {-1.0F, 1.0F}) {
      std::vector<float> gradient(parameters.size(), 0.0F);
      actor.backward(parameters.data(), features.data(), std::vector<float>(actions.size(), d).data(), trace,
                     gradient.data());
      EXPECT_EQ(gradient[bias] > 0, d > 0);
      EXPECT_GE(gradient[bias], 0);
    }
  }
}

}  // namespace
}  // namespace scout
