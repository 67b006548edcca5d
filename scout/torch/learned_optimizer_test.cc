#include "scout/torch/learned_optimizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <limits>
#include <sstream>
#include <stdexcept>

#include "scout/policy/shipped.h"
#include "scout/policy/test_policy.h"

namespace scout {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;
using Options = LearnedOptimizerOptions;

/// A policy for networks with random outputs and context head, so that every part of it matters.
std::shared_ptr<const Policy> random_policy() {
  const auto base = untrained_network_policy();
  Random random(Seed(3));
  std::vector<float> parameters = base->parameters();
  for (float& w : parameters) w += 0.3F * static_cast<float>(random.normal());
  return std::make_shared<Policy>(base->description(), parameters);
}

at::Tensor normal(std::vector<std::int64_t> shape, at::ScalarType type = at::kFloat) { return torch::randn(shape).to(type); }

/// Parameters of 0 to 5 dimensions with zero gradients.
std::vector<at::Tensor> some_parameters(at::ScalarType type = at::kFloat) {
  torch::manual_seed(1);
  std::vector<at::Tensor> out{normal({}, type),        normal({7}, type),          normal({33, 40}, type),
                              normal({3, 4, 5}, type), normal({8, 3, 3, 3}, type), normal({2, 3, 2, 2, 2}, type),
                              torch::zeros({40}, type)};
  for (at::Tensor& p : out) {
    p.set_requires_grad(true);
    p.mutable_grad() = torch::zeros_like(p);
  }
  return out;
}

void draw_gradients(const std::vector<at::Tensor>& parameters, int step) {
  torch::manual_seed(100 + step);
  for (const at::Tensor& p : parameters) p.grad().copy_(torch::randn(p.sizes()));
}

std::vector<at::Tensor> copies(const std::vector<at::Tensor>& parameters) {
  std::vector<at::Tensor> out;
  for (const at::Tensor& p : parameters) {
    out.push_back(p.detach().clone().set_requires_grad(true));
    out.back().mutable_grad() = p.grad().clone();
  }
  return out;
}

void expect_equal(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i].equal(b[i])) << "parameter " << i;
}

/// Trains a small net on generated data; returns the last loss.
double train(Options options, int steps) {
  torch::manual_seed(5);
  torch::nn::Sequential net(torch::nn::Linear(8, 32), torch::nn::ReLU(), torch::nn::Linear(32, 4));
  const auto x = torch::randn({256, 8});
  const auto y = (x.slice(1, 0, 4) * x.slice(1, 4, 8) > 0).to(at::kLong).sum(1).clamp_max(3);
  LearnedOptimizer optimizer(net->parameters(), options.horizon(steps));
  double loss = 0;
  for (int t = 0; t < steps; ++t) {
    optimizer.zero_grad();
    const auto value = torch::nn::functional::cross_entropy(net->forward(x), y);
    value.backward();
    optimizer.step();
    loss = value.item<double>();
  }
  return loss;
}

TEST(LearnedOptimizer, TheBasePolicyTrainsANetwork) {
  EXPECT_LT(train({}, 300), 0.7 * train({}, 1));
  EXPECT_LT(train(Options().fused(false), 300), 0.7 * train({}, 1));
}

TEST(LearnedOptimizer, LibTorchOperationsAgreeWithTheKernel) {
  for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16}) {
    auto a = some_parameters(type);
    auto b = copies(a);
    const Options options = Options(0.7).policy(random_policy()).weight_decay(1e-3).horizon(20).clip_norm(5.0);
    LearnedOptimizer fused(a, options);
    LearnedOptimizer batched(b, Options(options).fused(false));
    for (int t = 0; t < 10; ++t) {
      draw_gradients(a, t);
      if (t == 4) a[2].grad().select(0, 3).select(0, 5).fill_(std::numeric_limits<float>::infinity());
      for (std::size_t i = 0; i < a.size(); ++i) b[i].grad().copy_(a[i].grad());
      fused.step([&] { return torch::tensor(3.0 - 0.1 * t); });
      batched.step([&] { return torch::tensor(3.0 - 0.1 * t); });
      for (std::size_t i = 0; i < a.size(); ++i) {
        const double tolerance = type == at::kBFloat16 ? 0.05 : 2e-4;
        const auto error = ((a[i] - b[i]).abs() / (b[i].abs() + 0.1)).max().item<double>();
        ASSERT_LT(error, tolerance) << "parameter " << i << ", step " << t << ", type " << type;
      }
    }
    EXPECT_EQ(fused.non_finite_gradients(), 1);
    EXPECT_EQ(batched.non_finite_gradients(), 1);
  }
}

TEST(LearnedOptimizer, TypesAgree) {
  auto single = some_parameters(at::kFloat);
  auto wide = some_parameters(at::kDouble);
  LearnedOptimizer a(single, Options().policy(random_policy()));
  LearnedOptimizer b(wide, Options().policy(random_policy()));
  for (int t = 0; t < 10; ++t) {
    draw_gradients(single, t);
    draw_gradients(wide, t);
    a.step();
    b.step();
  }
  for (std::size_t i = 0; i < single.size(); ++i) {
    EXPECT_LT((single[i] - wide[i]).abs().max().item<double>(), 1e-4) << "parameter " << i;
  }
}

TEST(LearnedOptimizer, SmallStepsInBfloat16AreNotLost) {
  // Steps of a hundredth of the spacing of bfloat16 move the mean of many weights all the same.
  const double step = 1.5 * 1e-3 * untrained_network_policy()->rule()->step_scale();
  auto weight = torch::full({40000}, 1.5, torch::requires_grad().dtype(at::kBFloat16));
  weight.mutable_grad() = torch::ones_like(weight);
  LearnedOptimizer optimizer({weight}, Options(1e-3).policy(policy("network-base")));
  for (int t = 0; t < 100; ++t) optimizer.step();
  EXPECT_NEAR(weight.to(at::kDouble).mean().item<double>(), 1.5 - 100 * step, 10 * step);
}

TEST(LearnedOptimizer, ThreadsDoNotChangeTheResult) {
  torch::manual_seed(1);
  std::vector<at::Tensor> one{normal({300, 301}).set_requires_grad(true), normal({70001}).set_requires_grad(true)};
  for (auto& p : one) p.mutable_grad() = torch::zeros_like(p);
  auto three = copies(one);
  LearnedOptimizer a(one, Options().policy(random_policy()).threads(1));
  LearnedOptimizer b(three, Options().policy(random_policy()).threads(3));
  for (int t = 0; t < 4; ++t) {
    draw_gradients(one, t);
    draw_gradients(three, t);
    a.step();
    b.step();
  }
  expect_equal(one, three);
}

TEST(LearnedOptimizer, LayoutDoesNotMatter) {
  torch::manual_seed(1);
  const auto values = normal({6, 4, 5, 5});
  auto plain = values.clone().set_requires_grad(true);
  auto last = values.clone(at::MemoryFormat::ChannelsLast).set_requires_grad(true);
  auto transposed = torch::empty({5, 5, 4, 6}).permute({3, 2, 1, 0}).copy_(values).set_requires_grad(true);
  ASSERT_FALSE(transposed.is_contiguous());
  const std::vector<at::Tensor> all{plain, last, transposed};
  for (const at::Tensor& p : all) {
    LearnedOptimizer optimizer({p}, Options().policy(random_policy()));
    p.mutable_grad() = torch::zeros_like(p);
    for (int t = 0; t < 3; ++t) {
      draw_gradients({p}, t);
      optimizer.step();
    }
  }
  expect_equal({plain, plain}, {last, transposed});
}

TEST(LearnedOptimizer, ResumedEqualsUninterrupted) {
  auto parameters = some_parameters();
  const Options options = Options().policy(random_policy()).horizon(12).weight_decay(1e-4);
  auto groups = [&](const std::vector<at::Tensor>& p) {
    return std::vector<torch::optim::OptimizerParamGroup>{
        {std::vector<at::Tensor>(p.begin(), p.begin() + 3)},
        {std::vector<at::Tensor>(p.begin() + 3, p.end()), std::make_unique<Options>(Options(0.5))}};
  };
  const auto advance = [](LearnedOptimizer& optimizer, const std::vector<at::Tensor>& p, int from, int to) {
    for (int t = from; t < to; ++t) {
      draw_gradients(p, t);
      optimizer.step([&] { return torch::tensor(1.0 / (1 + t)); });
    }
  };
  LearnedOptimizer whole(groups(parameters), options);
  advance(whole, parameters, 0, 5);
  static_cast<Options&>(whole.param_groups()[1].options()).lr(0.25);  // as a schedule does
  auto resumed = copies(parameters);
  std::stringstream file;
  torch::save(whole, file);
  LearnedOptimizer second(groups(resumed), options);
  torch::load(second, file);
  EXPECT_EQ(second.steps(), 5);
  advance(whole, parameters, 5, 10);
  advance(second, resumed, 5, 10);
  expect_equal(parameters, resumed);
}

TEST(LearnedOptimizer, RefusesAStateThatDoesNotFit) {
  auto parameters = some_parameters();
  LearnedOptimizer optimizer(parameters);
  optimizer.step();
  const auto loading = [&](std::vector<at::Tensor> other, Options options) {
    return [&optimizer, other, options] {
      std::stringstream file;
      torch::save(optimizer, file);
      LearnedOptimizer reader(other, options);
      torch::load(reader, file);
    };
  };
  EXPECT_THAT(loading(parameters, Options().policy(random_policy())),
              ThrowsMessage<std::runtime_error>(HasSubstr("belongs to another policy")));
  EXPECT_THAT(loading({parameters[0]}, {}), ThrowsMessage<std::runtime_error>(HasSubstr("7 parameters in group 0")));
  auto reversed = parameters;
  std::reverse(reversed.begin(), reversed.end());
  EXPECT_THAT(loading(reversed, {}), ThrowsMessage<std::runtime_error>(HasSubstr("does not fit parameter 0 of group 0")));
  EXPECT_THAT(
      [&] {
        std::stringstream file;
        torch::optim::SGD sgd(parameters, torch::optim::SGDOptions(0.1));
        torch::save(sgd, file);
        torch::load(optimizer, file);
      },
      ThrowsMessage<std::runtime_error>(HasSubstr("not one of LearnedOptimizer's")));
}

TEST(LearnedOptimizer, LeavesAloneWhatHasNoGradient) {
  auto parameters = some_parameters();
  parameters[1].mutable_grad() = at::Tensor();
  const auto before = parameters[1].detach().clone();
  LearnedOptimizer optimizer(parameters);
  draw_gradients({parameters[2]}, 0);
  optimizer.step();
  EXPECT_TRUE(parameters[1].equal(before));
  parameters[1].mutable_grad() = torch::ones_like(before);  // joins later
  optimizer.step();
  EXPECT_FALSE(parameters[1].equal(before));
  LearnedOptimizer none({torch::ones({3}, torch::requires_grad())});
  EXPECT_FALSE(none.step().defined());
  EXPECT_EQ(none.steps(), 0);
}

TEST(LearnedOptimizer, NonFiniteGradientsAreCountedAndDoNoHarm) {
  auto parameters = some_parameters();
  LearnedOptimizer optimizer(parameters, Options().policy(random_policy()));
  for (int t = 0; t < 20; ++t) {
    draw_gradients(parameters, t);
    parameters[2].grad().fill_(std::numeric_limits<float>::quiet_NaN());
    if (t % 3 == 0) parameters[4].grad().mul_(1e38);
    optimizer.step();
  }
  for (const at::Tensor& p : parameters) EXPECT_TRUE(p.isfinite().all().item<bool>());
  EXPECT_GE(optimizer.non_finite_gradients(), 20 * 33 * 40);
}

TEST(LearnedOptimizer, WeightsAtTheEndsOfTheirRangeStayFinite) {
  const auto adam = untrained({.rule = "adam", .step_scale = 1e-2}, 30);
  for (const auto& policy : {random_policy(), scout::policy("network"), adam}) {
    for (const bool fused : {true, false}) {
      for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kBFloat16}) {
        for (const double size : {0.0, 1e-45, 1e-38, 1e-30, 1e30, 3.3e38}) {
          auto w = (at::linspace(-1, 1, 20, at::kDouble) * size).to(type).set_requires_grad(true);
          LearnedOptimizer optimizer({w}, Options(100).policy(policy).fused(fused).guard(false));
          const at::Tensor before = w.detach().clone();
          for (int t = 0; t < 10; ++t) {
            w.mutable_grad() = at::linspace(1, -1, 20, at::kDouble).to(type);  // away from 0
            optimizer.step();
          }
          EXPECT_TRUE(w.isfinite().all().item<bool>()) << size << " " << type << " " << fused;
          if (size <= 1e-38) {
            EXPECT_FALSE(w.equal(before)) << size << " " << type << ": too small to move";
          }
        }
      }
    }
  }
}

TEST(LearnedOptimizer, StepsScaleWithLrAndIgnoreTheGradientsUnit) {
  const auto moved = [](double lr, double unit, bool fused) {
    auto parameters = some_parameters();
    const auto before = copies(parameters);
    LearnedOptimizer optimizer(parameters, Options(lr).policy(random_policy()).fused(fused));
    draw_gradients(parameters, 0);
    for (auto& p : parameters) p.grad().mul_(unit);
    optimizer.step();
    return (parameters[2] - before[2]).norm().item<double>();
  };
  for (bool fused : {true, false}) {
    EXPECT_NEAR(moved(0.5, 1, fused), 0.5 * moved(1, 1, fused), 1e-5 * moved(1, 1, fused));
    EXPECT_NEAR(moved(1, 0x1p-60, fused), moved(1, 1, fused), 1e-5 * moved(1, 1, fused));
    EXPECT_EQ(moved(0, 1, fused), 0);
  }
}

TEST(LearnedOptimizer, WeightDecayIsDecoupled) {
  auto weight = torch::ones({10}, torch::requires_grad());
  weight.mutable_grad() = torch::zeros_like(weight);
  LearnedOptimizer optimizer({weight}, Options(0.5).weight_decay(0.1).policy(policy("network-base")));
  optimizer.step();
  EXPECT_TRUE(weight.allclose(torch::full({10}, 0.95)));
}

TEST(LearnedOptimizer, ClippingBoundsTheNormOfAllGradients) {
  // After a first step without clipping, a gradient a hundred times as large is clipped to the same norm and so moves alike.
  const auto run = [](double factor, double clip) {
    auto parameters = some_parameters();
    LearnedOptimizer optimizer(parameters, Options().clip_norm(clip));
    draw_gradients(parameters, 0);
    for (auto& p : parameters) p.grad().mul_(0.01);
    optimizer.step();
    draw_gradients(parameters, 1);
    for (auto& p : parameters) p.grad().mul_(factor);
    optimizer.step();
    return parameters;
  };
  const auto large = run(100, 1), small = run(1, 1), free = run(100, 0);
  for (std::size_t i = 0; i < large.size(); ++i) EXPECT_TRUE(large[i].allclose(small[i], 1e-5, 1e-6));
  EXPECT_FALSE(large[2].allclose(free[2], 1e-5, 1e-6));
}

TEST(LearnedOptimizer, FollowsATorchSchedule) {
  auto parameters = some_parameters();
  LearnedOptimizer optimizer(parameters);
  torch::optim::StepLR schedule(optimizer, 1, 0.5);
  for (int t = 0; t < 3; ++t) {
    optimizer.step();
    schedule.step();
  }
  EXPECT_DOUBLE_EQ(optimizer.param_groups()[0].options().get_lr(), 0.25);
}

TEST(LearnedOptimizer, UsesTheLossOfAClosureAndReturnsIt) {
  const auto run = [](bool falling) {
    auto parameters = some_parameters();
    LearnedOptimizer optimizer(parameters, Options().policy(random_policy()));
    for (int t = 0; t < 5; ++t) {
      draw_gradients(parameters, t);
      const auto loss = optimizer.step([&] {
        EXPECT_TRUE(torch::GradMode::is_enabled());
        return torch::tensor(falling ? 5.0 - t : 5.0 + t);
      });
      EXPECT_EQ(loss.item<double>(), falling ? 5.0 - t : 5.0 + t);
    }
    return parameters;
  };
  EXPECT_FALSE(run(true)[2].equal(run(false)[2]));
}

TEST(LearnedOptimizer, NamesWhatItCannotDo) {
  auto embedding = torch::ones({5, 3}, torch::requires_grad());
  embedding.mutable_grad() = torch::ones({5, 3}).to_sparse();
  LearnedOptimizer sparse({embedding});
  EXPECT_THAT([&] { sparse.step(); },
              ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("parameter 0 of group 0"), HasSubstr("sparse"))));
  auto half = torch::ones({3}, at::kHalf).set_requires_grad(true);
  half.mutable_grad() = torch::ones_like(half);
  LearnedOptimizer halves({half});
  EXPECT_THAT([&] { halves.step(); }, ThrowsMessage<std::invalid_argument>(HasSubstr("Half")));
  auto weight = torch::ones({3}, torch::requires_grad());
  weight.mutable_grad() = torch::ones({3});
  LearnedOptimizer resized({weight});
  resized.step();
  weight.set_data(torch::ones({4}));
  weight.mutable_grad() = torch::ones({4});
  EXPECT_THAT([&] { resized.step(); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("was of shape [3] and type Float and is now of shape [4]")));
  EXPECT_THAT([&] { LearnedOptimizer({half}, Options(-1)); },
              ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("'lr'"), HasSubstr("-1"))));
  for (const auto& [lr, weight_decay] : {std::pair{1.0, -0.1}, {1.0, 1.1}, {0.5, 1.1}, {4.0, 0.3}}) {
    EXPECT_THAT([&] { LearnedOptimizer({weight}, Options(lr).weight_decay(weight_decay)); },
                ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("'weight_decay'"), HasSubstr("in [0, 1]"))))
        << lr << ", " << weight_decay;
  }
  EXPECT_NO_THROW(LearnedOptimizer({weight}, Options(4.0).weight_decay(0.25)));
  EXPECT_THAT([&] { LearnedOptimizer({half}, Options().policy(untrained_policy())); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("\"coordinate\"")));
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(std::vector<at::Tensor>{half}, std::make_unique<torch::optim::SGDOptions>(0.1));
  EXPECT_THAT([&] { LearnedOptimizer optimizer(groups); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("options of another optimizer")));
}

}  // namespace
}  // namespace scout
