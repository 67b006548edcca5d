// What the guard must tell apart: weights that something else wrote and losses that rise with reason, from divergence.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "scout/torch/learned_optimizer.h"

namespace scout {
namespace {

using Options = LearnedOptimizerOptions;

struct Net {
  torch::nn::Sequential net;
  explicit Net(std::uint64_t seed) {
    torch::manual_seed(seed);
    net = torch::nn::Sequential(torch::nn::Linear(8, 32), torch::nn::Tanh(), torch::nn::Linear(32, 1));
  }
  at::Tensor operator()(const at::Tensor& x) { return net->forward(x); }
};

/// A regression on fresh examples, whose targets grow by a factor and an offset.
at::Tensor error(Net& net, double scale) {
  const auto x = torch::randn({64, 8});
  return (net(x) - scale * (x.select(1, 0) * x.select(1, 1)).unsqueeze(1) - (scale - 1)).square().mean();
}

struct Case {
  std::string name;
  int steps;
  bool losses;  ///< whether the optimizer sees them
  /// What is shown, and what counts in the end, at a step.
  std::function<std::pair<at::Tensor, at::Tensor>(Net&, int)> loss;
};
std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

std::vector<Case> cases() {
  const auto plain = [](auto scale) {
    return [scale](Net& net, int t) {
      const auto value = error(net, scale(t));
      return std::pair(value, value);
    };
  };
  const auto shown = [](auto offset) {
    return [offset](Net& net, int t) {
      const auto value = error(net, 1);
      return std::pair(value * offset(t).second + offset(t).first, value);
    };
  };
  const auto grown = [](int t) { return t < 700 ? 1.0 : 30.0; };
  const auto attacked = [](Net& net, int t) {  // each input is moved so that the loss rises, further and further
    auto x = torch::randn({64, 8}).set_requires_grad(true);
    const auto y = (x.select(1, 0) * x.select(1, 1)).unsqueeze(1).detach();
    const auto slope = torch::autograd::grad({(net(x) - y).square().sum()}, {x})[0];
    const auto value = (net(x.detach() + 4e-4 * t * slope.sign()) - y).square().mean();
    return std::pair(value, value);
  };
  const auto stages = [](int t) { return 1.0 + 4.0 * (t / 400); };
  return {
      {"NewTargets", 2000, true, plain(grown)},
      {"NewTargetsWithoutLosses", 2000, false, plain(grown)},
      {"Stages", 2000, true, plain(stages)},
      {"LargeTargetsWithoutLosses", 2000, false, plain([](int) { return 1000.0; })},
      {"Drift", 1500, true, shown([](int t) { return std::pair(-5 + 10.0 * t / 1500, 1.0); })},
      {"Waves", 1500, true, shown([](int t) { return std::pair(4 * std::sin(t / 60.0), 1.0); })},
      {"Steps", 1500, true, shown([](int t) { return std::pair(t / 300 % 2 == 1 ? 10.0 : 0.0, 1.0); })},
      {"AWeightOfTheLoss", 1500, true, shown([](int t) { return std::pair(0.0, std::min(1.0, 1e-3 + t / 700.0)); })},
      {"AnAdversary", 1500, true, attacked},
      {"AReward", 1500, true, shown([](int t) { return std::pair(-100 * std::exp(-t / 500.0), 10.0); })},
  };
}

class RisesWithReason : public testing::TestWithParam<Case> {};

/// The mean of the last 100 losses, over seeds.
double last_losses(const Case& c, bool guard, std::string* report) {
  double sum = 0;
  for (const std::uint64_t seed : {1, 2, 3, 4, 5, 6}) {
    Net net(seed);
    LearnedOptimizer optimizer(net.net->parameters(), Options().guard(guard).horizon(c.steps).threads(1));
    for (int t = 0; t < c.steps; ++t) {
      torch::manual_seed(1000 * seed + static_cast<std::uint64_t>(t));
      double counted = 0;
      const auto closure = [&] {
        optimizer.zero_grad();
        const auto [value, counts] = c.loss(net, t);
        value.backward();
        counted = counts.item<double>();
        return value;
      };
      if (c.losses) {
        optimizer.step(closure);
      } else {
        closure();
        optimizer.step();
      }
      if (t >= c.steps - 100) sum += counted / 100;
    }
    *report += to_string(optimizer.guard_report()) + "\n";
  }
  return sum / 6;
}

TEST_P(RisesWithReason, TheGuardIsNoWorseThanNone) {
  std::string report;
  const double without = last_losses(GetParam(), false, &report);
  report.clear();
  const double with = last_losses(GetParam(), true, &report);
  EXPECT_LE(with, 1.02 * without) << report;
}

INSTANTIATE_TEST_SUITE_P(Cases, RisesWithReason, testing::ValuesIn(cases()), [](const auto& one) { return one.param.name; });

/// Two players of min over x, max over y: the loss of the one rises as the other learns.
TEST(LearnedOptimizerReasons, AnAdversaryIsNoDivergence) {
  torch::manual_seed(3);
  torch::nn::Sequential critic(torch::nn::Linear(2, 32), torch::nn::ReLU(), torch::nn::Linear(32, 1));
  torch::nn::Sequential maker(torch::nn::Linear(2, 32), torch::nn::ReLU(), torch::nn::Linear(32, 2));
  LearnedOptimizer c(critic->parameters(), Options(0.3).threads(1)), m(maker->parameters(), Options(0.3).threads(1));
  double start = 0, end = 0;
  for (int t = 0; t < 1200; ++t) {
    const auto real = torch::randn({64, 2}) * 0.5 + 2;
    c.step([&] {
      c.zero_grad();
      auto loss = critic->forward(maker->forward(torch::randn({64, 2})).detach()).mean() - critic->forward(real).mean();
      loss.backward();
      return loss;
    });
    for (const auto& p : critic->parameters()) p.detach().clamp_(-0.3, 0.3);  // as WGAN has it
    m.step([&] {
      m.zero_grad();
      const auto made = maker->forward(torch::randn({64, 2}));
      auto loss = -critic->forward(made).mean();
      loss.backward();
      (t < 100 ? start : end) += (made.detach().mean(0) - 2).norm().item<double>() / (t < 100 ? 100 : 1100);
      return loss;
    });
  }
  EXPECT_EQ(c.guard_report().interventions(), 0) << to_string(c.guard_report());
  EXPECT_EQ(m.guard_report().interventions(), 0) << to_string(m.guard_report());
  EXPECT_LT(end, 0.7 * start);
}

TEST(LearnedOptimizerReasons, WeightsThatWereLoadedStay) {
  const std::vector<std::function<void(const at::Tensor&, const at::Tensor&)>> ways{
      [](const at::Tensor& to, const at::Tensor& from) { to.copy_(from); },
      [](const at::Tensor& to, const at::Tensor& from) { to.variable_data().copy_(from); },
      [](const at::Tensor& to, const at::Tensor& from) { const_cast<at::Tensor&>(to).set_data(from.clone()); },
      [](const at::Tensor& to, const at::Tensor& from) {
        std::copy_n(from.data_ptr<float>(), from.numel(), to.data_ptr<float>());
      }};
  const auto train = [](const auto& put, const Options& options) {
    Net net(1), other(2);
    LearnedOptimizer optimizer(net.net->parameters(), options);
    const auto step = [&](int t, double scale) {
      torch::manual_seed(static_cast<std::uint64_t>(t));
      optimizer.step([&] {
        optimizer.zero_grad();
        const auto loss = error(net, scale);
        loss.backward();
        return loss;
      });
    };
    for (int t = 0; t < 320; ++t) step(t, 1);
    {
      const torch::NoGradGuard no_graph;
      for (std::size_t i = 0; i < 4; ++i) put(net.net->parameters()[i], other.net->parameters()[i].detach());
    }
    for (int t = 320; t < 345; ++t) step(t, 30);
    EXPECT_EQ(optimizer.guard_report().written, options.guard() ? 1 : 0);
    EXPECT_EQ(optimizer.guard_report().interventions(), 0) << to_string(optimizer.guard_report());
    return net;
  };
  for (const bool fused : {true, false}) {
    const Options options = Options().horizon(2000).fused(fused).threads(1);
    auto expected = train(ways[0], Options(options).guard(false)).net->parameters();
    for (const auto& put : ways) {
      const auto net = train(put, options);
      for (std::size_t i = 0; i < 4; ++i) EXPECT_TRUE(net.net->parameters()[i].equal(expected[i])) << i;
    }
  }
}

/// At a step whose loss is not finite the guard brings weights back: but not those from before something was written.
TEST(LearnedOptimizerReasons, WhatWasHeldBeforeIsVoid) {
  for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16}) {
    for (const bool fused : {true, false}) {
      for (const bool takes_part : {true, false}) {
        auto reset = torch::randn({40, 30}).to(type).set_requires_grad(true);
        auto other = torch::randn({70}).to(type).set_requires_grad(true);
        LearnedOptimizer optimizer({reset, other}, Options().fused(fused));
        const auto step = [&](double loss) {
          for (auto* p : {&reset, &other}) p->mutable_grad() = torch::randn(p->sizes()).to(type);
          if (!takes_part && loss != 1) reset.mutable_grad() = at::Tensor();
          optimizer.step([&] { return torch::tensor(loss); });
        };
        for (int t = 0; t < 30; ++t) step(1);
        {
          const torch::NoGradGuard no_graph;
          reset.select(0, 7).zero_();  // one row
        }
        const auto written = reset.detach().clone();
        for (int t = 0; t < 3; ++t) step(NAN);
        EXPECT_GT(optimizer.guard_report().restored, 0);
        EXPECT_TRUE(reset.equal(written)) << type << fused << takes_part;
      }
    }
  }
}

TEST(LearnedOptimizerReasons, WritingIsNoticedAfterAResumption) {
  auto w = torch::randn({40}).set_requires_grad(true);
  w.mutable_grad() = torch::ones({40});
  LearnedOptimizer optimizer({w});
  for (int t = 0; t < 5; ++t) optimizer.step();
  std::stringstream file;
  torch::save(optimizer, file);
  for (const bool written : {false, true}) {
    auto v = (w.detach() + (written ? 1 : 0)).clone().set_requires_grad(true);
    v.mutable_grad() = torch::ones({40});
    LearnedOptimizer resumed({v});
    file.seekg(0);
    torch::load(resumed, file);
    resumed.step();
    EXPECT_EQ(resumed.guard_report().written, written ? 1 : 0);
  }
}

TEST(LearnedOptimizerReasons, BuffersAreNamedOrMended) {
  const auto train = [](bool watch) {
    torch::manual_seed(1);
    torch::nn::Sequential net(torch::nn::Linear(8, 16), torch::nn::BatchNorm1d(16), torch::nn::ReLU(),
                              torch::nn::Linear(16, 1));
    LearnedOptimizer optimizer(net->parameters(), Options().threads(1));
    if (watch) optimizer.watch_buffers(net->buffers());
    for (int t = 0; t < 200; ++t) {
      optimizer.step([&] {
        optimizer.zero_grad();
        auto x = torch::randn({32, 8});
        if (t >= 100 && t < 110) x = torch::full({32, 8}, INFINITY);
        const auto loss = (net->forward(x) - x.select(1, 0).unsqueeze(1)).square().mean();
        loss.backward();
        return loss;
      });
    }
    net->eval();
    const torch::NoGradGuard no_graph;
    return std::pair(net->forward(torch::ones({1, 8})).isfinite().all().item<bool>(), to_string(optimizer.guard_report()));
  };
  const auto [alive, report] = train(true);
  EXPECT_TRUE(alive) << report;
  EXPECT_NE(report.find("times a buffer was not finite"), std::string::npos) << report;
  const auto [dead, unknown] = train(false);
  EXPECT_FALSE(dead) << "or there is nothing to name";
  EXPECT_NE(unknown.find("10 steps were not finite: buffers"), std::string::npos) << unknown;
}

/// A training whose running statistics something else writes after 40 steps: what they are after three steps of bad data.
class LoadedBuffers : public testing::Test {
 protected:
  struct Outcome {
    double mean, variance;  // running ones of the first feature
    std::string report;
  };
  enum class Bad { input, loss };

  static Outcome train(Bad bad, bool with_weights, bool closure) {
    torch::manual_seed(1);
    torch::nn::BatchNorm1d norm(16);
    torch::nn::Sequential net(torch::nn::Linear(8, 16), norm, torch::nn::ReLU(), torch::nn::Linear(16, 1));
    LearnedOptimizer optimizer(net->parameters(), Options().threads(1));
    optimizer.watch_buffers(net->buffers());
    for (int t = 0; t < 43; ++t) {
      if (t == 40) {
        const torch::NoGradGuard no_graph;
        norm->running_mean.fill_(100);
        norm->running_var.fill_(50);
        for (const at::Tensor& weight : net->parameters()) {
          if (with_weights) weight.mul_(1.5);
        }
      }
      const auto pass = [&] {
        optimizer.zero_grad();
        auto x = torch::randn({32, 8});
        if (t >= 40 && bad == Bad::input) x = torch::full({32, 8}, INFINITY);
        auto loss = (net->forward(x) - torch::ones({32, 1})).square().mean();
        if (t >= 40 && bad == Bad::loss) loss = loss * NAN;
        loss.backward();
        return loss;
      };
      if (closure) {
        optimizer.step(pass);
      } else {
        pass();
        optimizer.step();
      }
    }
    return {norm->running_mean[0].item<double>(), norm->running_var[0].item<double>(), to_string(optimizer.guard_report())};
  }
};

TEST_F(LoadedBuffers, ComeBackAsTheyWereLoaded) {
  for (const Bad bad : {Bad::input, Bad::loss}) {
    for (const bool with_weights : {true, false}) {
      const Outcome outcome = train(bad, with_weights, true);
      // New weights are held with the buffers of their first forward pass, if these are finite.
      const double passed = bad == Bad::loss && with_weights ? 0.9 : 1;
      EXPECT_NEAR(outcome.mean, passed * 100, 1) << outcome.report;
      EXPECT_NEAR(outcome.variance, passed * 50, 1) << outcome.report;
    }
  }
}

/// Trains with bad data in steps 100, 101 and 110, and says whether the running statistics are finite afterwards.
bool statistics_survive(const std::function<void(LearnedOptimizer&, torch::nn::Sequential&, int, const at::Tensor&)>& step) {
  torch::manual_seed(1);
  torch::nn::Sequential net(torch::nn::Linear(8, 16), torch::nn::BatchNorm1d(16), torch::nn::ReLU(),
                            torch::nn::Linear(16, 1));
  LearnedOptimizer optimizer(net->parameters(), Options().threads(1));
  optimizer.watch_buffers(net->buffers());
  for (int t = 0; t < 120; ++t) {
    step(optimizer, net, t, t == 100 || t == 101 || t == 110 ? torch::full({32, 8}, INFINITY) : torch::randn({32, 8}));
  }
  for (const at::Tensor& buffer : net->buffers()) {
    if (!buffer.isfinite().all().item<bool>()) return false;
  }
  return true;
}

at::Tensor pass(torch::nn::Sequential& net, const at::Tensor& x) {
  auto loss = (net->forward(x) - 1).square().mean();
  loss.backward();
  return loss;
}

TEST(LearnedOptimizerReasons, BuffersThatTheTrainingItselfSpoiledComeBack) {
  EXPECT_TRUE(statistics_survive([](auto& optimizer, auto& net, int t, const at::Tensor& x) {
    optimizer.step([&] {  // which takes no step on bad data, but for the last
      for (auto& w : net->parameters()) w.mutable_grad() = at::Tensor();
      const auto loss = (net->forward(x) - 1).square().mean();
      if (t == 110 || loss.isfinite().template item<bool>()) loss.backward();
      return loss;
    });
  })) << "closures without gradients";
  EXPECT_TRUE(statistics_survive([](auto& optimizer, auto& net, int t, const at::Tensor& x) {
    optimizer.zero_grad();
    if (t == 50) net->eval();  // one step finds them as they were
    const auto loss = pass(net, x);
    optimizer.step([&] { return loss; });
    net->train();
  })) << "passes outside of closures";
  EXPECT_TRUE(statistics_survive([](auto& optimizer, auto& net, int, const at::Tensor& x) {
    optimizer.zero_grad();
    pass(net, x);
    optimizer.step();
    const torch::NoGradGuard no_graph;
    for (auto& w : net->parameters()) w.clamp_(-0.3, 0.3);
  })) << "weights that are clamped after each step";
}

TEST_F(LoadedBuffers, WithoutAClosureTheyAreNotTheLastStages) {
  // The forward pass has written them since: there is none of them to bring back.
  const Outcome outcome = train(Bad::input, true, false);
  EXPECT_FALSE(std::isfinite(outcome.mean)) << outcome.report;
  EXPECT_NE(outcome.report.find("buffers are not finite and there are none to bring back"), std::string::npos)
      << outcome.report;
}

}  // namespace
}  // namespace scout
