#include "scout/policy/actor.h"

#include <gtest/gtest.h>

#include <cmath>

namespace scout {
namespace {

const ObserverOptions kCoordinatewise;
const ObserverOptions kJoint{.form = "joint", .dimension = 3};

class ActorWithoutProposals : public testing::TestWithParam<ObserverOptions> {
 protected:
  std::vector<float> normal(std::size_t count, double deviation) {
    std::vector<float> out(count);
    for (float& x : out) x = static_cast<float>(deviation * random_.normal());
    return out;
  }

  Random random_{Seed(3)};
};

TEST_P(ActorWithoutProposals, BackwardAgreesWithFiniteDifferences) {
  const Actor actor(GetParam(), {7, 5}, false);
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

INSTANTIATE_TEST_SUITE_P(Forms, ActorWithoutProposals, testing::Values(kCoordinatewise, kJoint),
                         [](const auto& options) { return options.param.form; });

// Where the action is steep in an output, the gradient is bounded instead: the same sign, and not more than the true one.
TEST(ActorWithProposals, BackwardAgreesWithFiniteDifferencesUpToItsBound) {
  const Actor actor(kCoordinatewise, {4}, true);
  const Linear& last = actor.network().layers().back();
  const std::size_t bias = last.offset + static_cast<std::size_t>(last.in) * static_cast<std::size_t>(last.out);
  Random random(Seed(5));
  int exact = 0;
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<float> parameters(actor.parameter_count(), 0.0F);
    for (std::size_t k = bias; k < parameters.size(); ++k) parameters[k] = static_cast<float>(random.normal());
    std::vector<float> features(static_cast<std::size_t>(actor.features()));
    for (float& x : features) x = static_cast<float>(random.uniform(-0.9, 0.9));
    Actor::Trace trace;
    auto action = [&] {
      float a = 0;
      actor.forward(parameters.data(), features.data(), 1, trace, &a);
      return static_cast<double>(a);
    };
    const double here = action();
    const float one = 1;
    std::vector<float> gradient(parameters.size(), 0.0F);
    actor.backward(parameters.data(), features.data(), &one, trace, gradient.data());
    for (std::size_t k = bias; k < parameters.size(); ++k) {
      const float kept = parameters[k];
      parameters[k] = kept + 0.01F;
      const double above = action();
      parameters[k] = kept - 0.01F;
      const double below = action();
      parameters[k] = kept;
      if (std::abs(above - 2 * here + below) > 1e-4) continue;  // the action bends too much for the difference to be true
      const double slope = (above - below) / 0.02;
      if (std::abs(slope) < 0.9) {
        ++exact;
        EXPECT_NEAR(gradient[k], slope, 0.01);
      } else {
        EXPECT_GT(gradient[k] * slope, 0);
        EXPECT_LT(std::abs(gradient[k]), std::abs(slope) + 0.05);
      }
    }
  }
  EXPECT_GT(exact, 100);
}

TEST(Actor, AtABoundOnlyGradientsThatLeadInsidePass) {
  for (const Actor& actor :
       {Actor(kCoordinatewise, {4}, true), Actor(kCoordinatewise, {4}, false), Actor(kJoint, {4}, false)}) {
    std::vector<float> parameters(actor.parameter_count(), 0.0F);
    const Linear& last = actor.network().layers().back();
    const std::size_t bias = last.offset + static_cast<std::size_t>(last.in) * static_cast<std::size_t>(last.out);
    parameters[bias] = 5.0F;
    const std::vector<float> features(static_cast<std::size_t>(actor.features()), 0.0F);
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
