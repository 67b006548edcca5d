// The guard in trainings: what it does to bad policies and bad data, and that it does nothing to good ones.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <functional>
#include <limits>
#include <sstream>

#include "scout/policy/test_policy.h"
#include "scout/torch/learned_optimizer.h"

namespace scout {
namespace {

using Options = LearnedOptimizerOptions;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// The base policy with another step, and a number added to an output.
std::shared_ptr<const Policy> policy_with(double step_scale, std::size_t output = 0, float bias = 0) {
  const auto base = untrained_network_policy();
  PolicyDescription description = base->description();
  description.rule.step_scale = step_scale;
  std::vector<float> parameters = base->parameters();
  const Linear head = base->rule()->context_head();
  parameters[static_cast<std::size_t>(head.bias(parameters.data()) - parameters.data()) + output] += bias;
  return std::make_shared<Policy>(description, parameters);
}
std::shared_ptr<const Policy> huge_steps() { return policy_with(3.0); }
std::shared_ptr<const Policy> uphill() { return policy_with(0.03, 0, -30.0F); }
std::shared_ptr<const Policy> no_steps() { return policy_with(0.03, 1, -60.0F); }

/// A perceptron that learns products of inputs from batches of fresh examples.
struct Training {
  torch::nn::Sequential net;
  std::unique_ptr<LearnedOptimizer> optimizer;
  bool losses = true;                                         ///< whether the optimizer sees them
  std::function<void(int, at::Tensor&, Training&)> sabotage;  ///< changes the loss and the gradients of a step

  explicit Training(Options options, std::uint64_t seed = 5, at::ScalarType type = at::kFloat) {
    torch::manual_seed(seed);
    net = torch::nn::Sequential(torch::nn::Linear(6, 32), torch::nn::Tanh(), torch::nn::Linear(32, 3));
    net->to(type);
    optimizer = std::make_unique<LearnedOptimizer>(net->parameters(), options);
  }
  at::Tensor loss(std::int64_t examples) {
    const auto type = net->parameters()[0].scalar_type();
    const auto x = torch::randn({examples, 6});
    const auto y = (x.slice(1, 0, 3) * x.slice(1, 3, 6)).argmax(1);
    return torch::nn::functional::cross_entropy(net->forward(x.to(type)).to(at::kFloat), y);
  }
  void step(int t) {
    torch::manual_seed(1000 + static_cast<std::uint64_t>(t));
    const auto closure = [&] {
      optimizer->zero_grad();
      at::Tensor value = loss(64);
      value.backward();
      if (sabotage) sabotage(t, value, *this);
      return value;
    };
    if (losses) {
      optimizer->step(closure);
    } else {
      closure();
      optimizer->step();
    }
  }
  Training& run(int from, int to) {
    for (int t = from; t < to; ++t) step(t);
    return *this;
  }
  double final_loss() {
    const torch::NoGradGuard no_graph;
    torch::manual_seed(7);
    return loss(4096).item<double>();
  }
  bool finite() {
    for (const auto& p : net->parameters()) {
      if (!p.isfinite().all().item<bool>()) return false;
    }
    return true;
  }
};

constexpr int kSteps = 600;

/// What the plain gradient method reaches on its own.
double plain_loss() {
  static const double loss =
      Training(Options().policy(policy_with(0.01)).horizon(kSteps).guard(false)).run(0, kSteps).final_loss();
  return loss;
}

void expect_equal(Training& a, Training& b) {
  const auto p = a.net->parameters(), q = b.net->parameters();
  for (std::size_t i = 0; i < p.size(); ++i) EXPECT_TRUE(p[i].equal(q[i])) << "parameter " << i;
}

TEST(LearnedOptimizerGuard, DoesNothingToAGoodTraining) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    for (const double lr : {0.3, 1.0}) {
      for (const bool losses : {true, false}) {
        const auto train = [&](bool guard) {
          Training training(Options(lr).guard(guard), seed);
          training.losses = losses;
          training.sabotage = [](int t, at::Tensor& loss, Training& now) {  // a batch now and then that is all wrong
            if (t % 97 == 96) loss = loss * 30;
            for (const auto& p : now.net->parameters()) {
              if (t % 97 == 96) p.grad().mul_(30);
              if (t % 131 == 130) p.grad().fill_(kNaN);
            }
          };
          torch::optim::StepLR schedule(*training.optimizer, 250, 0.1);
          for (int t = 0; t < kSteps; ++t) {
            training.step(t);
            schedule.step();
          }
          return training;
        };
        auto with = train(true), without = train(false);
        expect_equal(with, without);
        EXPECT_EQ(with.optimizer->guard_report().interventions(), 0)
            << "seed " << seed << ", lr " << lr << ": " << to_string(with.optimizer->guard_report());
      }
    }
  }
}

TEST(LearnedOptimizerGuard, BadPoliciesEndNearThePlainMethod) {
  for (const auto& policy : {huge_steps(), uphill()}) {
    const Options options = Options().policy(policy).horizon(kSteps);
    Training without(Options(options).guard(false));
    EXPECT_GT(without.run(0, kSteps).final_loss(), 3 * plain_loss()) << "or it is not bad";
    for (const bool fused : {true, false}) {
      Training training(Options(options).fused(fused));
      training.run(0, kSteps);
      const GuardReport& report = training.optimizer->guard_report();
      EXPECT_TRUE(training.finite());
      EXPECT_LT(training.final_loss(), 1.2 * plain_loss()) << to_string(report);
      EXPECT_GT(report.loss_rose, 0);
      EXPECT_EQ(report.restored, report.interventions());
    }
  }
}

TEST(LearnedOptimizerGuard, APolicyThatStallsIsHelped) {
  const auto train = [](bool guard) {
    Training training(Options(3).policy(no_steps()).horizon(2 * kSteps).guard(guard));
    training.run(0, 2 * kSteps);
    EXPECT_EQ(training.optimizer->guard_report().stalls_ended > 0, guard);
    return training.final_loss();
  };
  EXPECT_LT(train(true), 0.8 * train(false));
}

TEST(LearnedOptimizerGuard, WorksInOtherPrecisions) {
  for (const auto type : {at::kDouble, at::kBFloat16}) {
    for (const bool fused : {true, false}) {
      Training training(Options().policy(huge_steps()).horizon(kSteps).fused(fused), 5, type);
      training.run(0, kSteps);
      EXPECT_TRUE(training.finite());
      EXPECT_LT(training.final_loss(), 1.2 * plain_loss()) << to_string(training.optimizer->guard_report());
    }
  }
}

TEST(LearnedOptimizerGuard, WithoutLossesWeightsThatGrowAreNoticed) {
  Training training(Options().policy(huge_steps()).horizon(kSteps));
  training.losses = false;
  training.run(0, kSteps);
  EXPECT_LT(training.final_loss(), 1.2 * plain_loss()) << to_string(training.optimizer->guard_report());
  EXPECT_GT(training.optimizer->guard_report().weights_grew, 0);
}

TEST(LearnedOptimizerGuard, BadDataForAWhileDoNoHarm) {
  const double good = Training(Options().horizon(kSteps)).run(0, kSteps).final_loss();
  const auto loss_is_nan = [](int t, at::Tensor& loss, Training&) {
    if (t >= 300 && t < 340) loss = torch::tensor(kNaN);
  };
  const auto gradients_are_nan = [](int t, at::Tensor&, Training& now) {
    if (t < 300 || t >= 340) return;
    for (const auto& p : now.net->parameters()) p.grad().fill_(kNaN);
  };
  const auto both_explode = [](int t, at::Tensor& loss, Training& now) {
    if (t < 300 || t >= 310) return;
    loss = loss * 1e20;
    for (const auto& p : now.net->parameters()) p.grad().normal_().mul_(1e20);
  };
  for (const auto& sabotage : std::vector<decltype(Training::sabotage)>{loss_is_nan, gradients_are_nan, both_explode}) {
    Training training(Options().horizon(kSteps));
    training.sabotage = sabotage;
    training.run(0, kSteps);
    EXPECT_TRUE(training.finite());
    EXPECT_LT(training.final_loss(), 1.4 * good) << to_string(training.optimizer->guard_report());
    EXPECT_GT(training.optimizer->guard_report().restored, 0);
    EXPECT_LE(training.optimizer->guard_report().restored, 2);
  }
}

TEST(LearnedOptimizerGuard, RestoringBringsBackTheWeightsThatWereHeld) {
  Training training{Options()};
  std::vector<at::Tensor> start;
  for (const auto& p : training.net->parameters()) start.push_back(p.detach().clone());
  training.sabotage = [](int t, at::Tensor& loss, Training&) {
    if (t >= 10) loss = torch::tensor(kNaN);
  };
  training.run(0, 12);
  EXPECT_FALSE(training.net->parameters()[0].equal(start[0]));
  training.step(12);
  for (std::size_t i = 0; i < start.size(); ++i) EXPECT_TRUE(training.net->parameters()[i].equal(start[i]));
  EXPECT_EQ(training.optimizer->guard_report().restored, 1);
  EXPECT_EQ(training.optimizer->steps(), 13);
}

TEST(LearnedOptimizerGuard, ResumedEqualsUninterrupted) {
  const Options options = Options().policy(huge_steps()).horizon(kSteps);
  bool while_fallback = false;
  for (const int stop : {3, 40, 200}) {
    Training first(options), second(options, 99);
    first.run(0, stop);
    std::stringstream weights, state;
    torch::save(first.net, weights);
    torch::save(*first.optimizer, state);
    torch::load(second.net, weights);
    torch::load(*second.optimizer, state);
    while_fallback = while_fallback || second.optimizer->guard_report().fallback_steps > 0;
    first.run(stop, 300);
    second.run(stop, 300);
    expect_equal(first, second);
    EXPECT_EQ(to_string(first.optimizer->guard_report()), to_string(second.optimizer->guard_report()));
  }
  EXPECT_TRUE(while_fallback);
}

TEST(LearnedOptimizerGuard, CostsACopyOfTheWeights) {
  constexpr std::int64_t kWeights = 6 * 32 + 32 + 32 * 3 + 3;
  const auto bytes = [](bool guard, at::ScalarType type) {
    return Training(Options().guard(guard), 5, type).run(0, 2).optimizer->state_bytes();
  };
  EXPECT_EQ(bytes(false, at::kFloat), 8 * kWeights);
  EXPECT_EQ(bytes(true, at::kFloat), (8 + 4) * kWeights);
  EXPECT_EQ(bytes(true, at::kDouble), (8 + 8) * kWeights);
  EXPECT_EQ(Training(Options()).optimizer->state_bytes(), 0) << "before the first step";
}

}  // namespace
}  // namespace scout
