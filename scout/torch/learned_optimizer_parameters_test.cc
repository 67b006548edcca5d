// What state belongs to: parameters as objects, in this process and through a file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "scout/policy/test_policy.h"
#include "scout/torch/test_parameters.h"

namespace scout {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::ThrowsMessage;
using Options = LearnedOptimizerOptions;
using torch::optim::OptimizerParamGroup;

/// Of a step that must throw std::invalid_argument and change neither weights nor state.
std::string refusal(LearnedOptimizer& optimizer, const std::vector<at::Tensor>& weights) {
  std::vector<at::Tensor> before;
  for (const auto& w : weights) before.push_back(w.detach().clone());
  const auto steps = optimizer.steps(), bytes = optimizer.state_bytes();
  std::string what = "nothing thrown";
  try {
    optimizer.step();
  } catch (const std::invalid_argument& error) {
    what = error.what();
  }
  EXPECT_EQ(optimizer.steps(), steps);
  EXPECT_EQ(optimizer.state_bytes(), bytes);
  for (std::size_t i = 0; i < weights.size(); ++i) EXPECT_TRUE(weights[i].equal(before[i])) << i << ": " << what;
  return what;
}

TEST(LearnedOptimizerParameters, ATensorInThePlaceOfAnotherBeginsAnew) {
  // A rule whose steps depend on the state of the parameter alone.
  const Options options = Options().policy(untrained({.rule = "adam", .step_scale = 1e-2}, 30));
  LearnedOptimizer optimizer({leaf({1000})}, options);
  optimizer.step();
  const auto bytes = optimizer.state_bytes();
  auto& place = optimizer.param_groups()[0].params()[0];
  for (int n = 0; n < 100; ++n) {  // new tensors get the addresses of old ones
    place = at::Tensor();
    place = leaf({n % 2 == 0 ? 1000 : 1001 + n});
    optimizer.step();
  }
  place = leaf({1000});
  const auto alone = copy(place);
  LearnedOptimizer fresh({alone}, options);
  optimizer.step();
  fresh.step();
  EXPECT_TRUE(place.equal(alone)) << "it had momenta of another tensor";
  EXPECT_EQ(optimizer.state_bytes(), bytes);
  place = at::Tensor();
  EXPECT_NO_THROW(optimizer.step());
  EXPECT_EQ(optimizer.state_bytes(), 0);
}

struct Tied : torch::nn::Module {
  Tied() : layer(torch::nn::Linear(300, 300)) {
    register_module("encoder", layer);
    register_module("decoder", layer);
  }
  torch::nn::Linear layer;
};

TEST(LearnedOptimizerParameters, TiedOnesStepOnce) {
  const auto run = [](bool tied, int threads) {
    torch::manual_seed(1);
    Tied model;
    for (const auto& p : model.parameters()) p.mutable_grad() = torch::randn(p.sizes());
    LearnedOptimizer optimizer(tied ? model.parameters() : model.layer->parameters(), Options().threads(threads));
    for (int t = 0; t < 5; ++t) optimizer.step();
    return model.layer->weight.detach().clone();
  };
  const auto expected = run(false, 1);
  for (const int threads : {1, 2, 2, 3}) EXPECT_TRUE(run(true, threads).equal(expected)) << threads;
}

TEST(LearnedOptimizerParameters, OnesThatShareTheirWeightsStepOnceWithAllGradients) {
  for (const bool fused : {true, false}) {
    auto encoder = leaf({300, 301}), decoder = leaf({300, 301});
    auto alone = copy(encoder);
    alone.mutable_grad() = encoder.grad() + decoder.grad();
    decoder.set_data(encoder.detach());
    LearnedOptimizer optimizer({encoder, decoder}, Options().threads(3).fused(fused));
    LearnedOptimizer expected({alone}, Options().fused(fused));
    for (int t = 0; t < 3; ++t) {
      optimizer.step();
      expected.step();
    }
    EXPECT_TRUE(encoder.equal(alone) && decoder.equal(alone));
  }
  auto whole = leaf({10}), half = leaf({5});
  half.set_data(whole.detach().narrow(0, 2, 5));
  LearnedOptimizer optimizer({whole, half});
  EXPECT_THAT(refusal(optimizer, {whole}), HasSubstr("parameter 1 of group 0 shares weights with parameter 0 of group 0"));
  auto columns = leaf({4, 4}), left = leaf({4, 2}), middle = leaf({4, 2}), again = leaf({4, 2});
  left.set_data(columns.detach().narrow(1, 0, 2));
  again.set_data(columns.detach().narrow(1, 0, 2));
  middle.set_data(columns.detach().narrow(1, 1, 2));
  LearnedOptimizer overlapping({left, middle});
  EXPECT_THAT(refusal(overlapping, {columns}), HasSubstr("parameter 1 of group 0 shares weights with parameter 0"));
  middle.set_data(columns.detach().narrow(1, 2, 2));
  LearnedOptimizer apart({left, middle, again});
  auto sum = copy(left), other = copy(middle);
  sum.mutable_grad() = left.grad() + again.grad();
  LearnedOptimizer expected({sum, other});
  apart.step();
  expected.step();
  EXPECT_TRUE(left.equal(sum) && middle.equal(other)) << "of one matrix, but no weight of both";
  auto windows = leaf({3, 2});
  windows.set_data(torch::randn({4}).as_strided({3, 2}, {1, 1}));
  LearnedOptimizer sliding({windows});
  EXPECT_THAT(refusal(sliding, {windows}), HasSubstr("repeats its weights"));
  auto repeated = torch::zeros({1}).expand({4}).set_requires_grad(true);
  repeated.mutable_grad() = torch::ones({4});
  LearnedOptimizer expanded({repeated});
  EXPECT_THAT(refusal(expanded, {repeated}), HasSubstr("repeats its weights"));
}

TEST(LearnedOptimizerParameters, OneInTwoGroupsIsRefused) {
  auto w = leaf({4}), v = leaf({4});
  const auto too = ThrowsMessage<std::invalid_argument>(HasSubstr("is in group 0 too"));
  LearnedOptimizer optimizer({w});
  EXPECT_THAT([&] { optimizer.add_param_group(OptimizerParamGroup({w})); }, too);
  optimizer.step();
  EXPECT_THAT([&] { optimizer.add_param_group(OptimizerParamGroup({v, w})); }, too);
  EXPECT_EQ(optimizer.param_groups().size(), 1U);
  optimizer.add_param_group(OptimizerParamGroup({v}));
  optimizer.step();
  EXPECT_THAT([&] { LearnedOptimizer({OptimizerParamGroup({w}), OptimizerParamGroup({w})}); }, too);
  torch::optim::Optimizer& base = optimizer;  // whose function does not see it
  base.add_param_group(OptimizerParamGroup({w}));
  EXPECT_THAT(refusal(optimizer, {w, v}), HasSubstr("parameter 0 of group 2 is in group 0 too"));
}

TEST(LearnedOptimizerParameters, AnotherShapeOrTypeIsRefusedBeforeAnythingChanges) {
  for (const bool guard : {true, false}) {
    for (const bool gradient : {true, false}) {
      auto w = leaf({3, 4}), other = leaf({5});
      LearnedOptimizer optimizer({other, w}, Options().guard(guard));
      optimizer.step();
      w.set_data(torch::randn({4, 3}));
      w.mutable_grad() = gradient ? torch::randn({4, 3}) : at::Tensor();
      EXPECT_THAT(refusal(optimizer, {other, w}), HasSubstr("parameter 1 of group 0 was of shape [3, 4] and type Float and "
                                                            "is now of shape [4, 3] and type Float"));
      w.set_data(torch::randn({3, 4}).to(at::kDouble));
      w.mutable_grad() = gradient ? torch::randn({3, 4}).to(at::kDouble) : at::Tensor();
      EXPECT_THAT(refusal(optimizer, {other, w}), HasSubstr("is now of shape [3, 4] and type Double"));
      w.set_data(torch::randn({3, 4}));
      w.mutable_grad() = torch::randn({3, 4});
      EXPECT_NO_THROW(optimizer.step());
    }
  }
}

TEST(LearnedOptimizerParameters, FrozenOnesStay) {
  auto frozen = leaf({20}), other = leaf({20});
  LearnedOptimizer optimizer({frozen, other}, Options().weight_decay(1e-3));
  for (int t = 0; t < 5; ++t) optimizer.step();
  frozen.set_requires_grad(false);
  const auto before = frozen.detach().clone(), moving = other.detach().clone();
  for (int t = 0; t < 20; ++t) {
    frozen.grad().normal_();
    optimizer.step([&] { return torch::tensor(t < 10 ? 1.0 : NAN); });  // so that the guard brings weights back, too
  }
  EXPECT_EQ(optimizer.guard_report().restored, 1);
  EXPECT_TRUE(frozen.equal(before));
  EXPECT_FALSE(other.equal(moving));
  frozen.set_requires_grad(true);
  optimizer.step();
  EXPECT_FALSE(frozen.equal(before));
}

TEST(LearnedOptimizerParameters, OptimizersAreValues) {
  static_assert(std::is_move_constructible_v<LearnedOptimizer>);
  static_assert(!std::is_copy_constructible_v<LearnedOptimizer>);
  auto w = leaf({6}), v = copy(w);
  LearnedOptimizer stays({v});
  std::vector<LearnedOptimizer> all;
  all.push_back(LearnedOptimizer({w}));
  for (int t = 0; t < 3; ++t) {
    all.front().step();
    stays.step();
    all.push_back(LearnedOptimizer({leaf({2})}));
  }
  EXPECT_EQ(all.front().steps(), 3);
  EXPECT_TRUE(w.equal(v));
}

TEST(LearnedOptimizerParameters, AChildOfForkGoesOn) {
  const int before = at::get_num_threads();
  at::set_num_threads(2);
  auto a = leaf({70000}), b = leaf({64});
  auto c = copy(a), d = copy(b);
  LearnedOptimizer optimizer({a, b}, Options().threads(2)), other({c, d}, Options().threads(1));
  optimizer.step();
  other.step();
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    for (int t = 0; t < 60; ++t) {  // copies of the weights are made meanwhile
      optimizer.step();
      other.step();
    }
    const auto bytes = [](const at::Tensor& x) {
      return std::span(x.data_ptr<float>(), static_cast<std::size_t>(x.numel()));
    };
    _exit(std::ranges::equal(bytes(a), bytes(c)) && std::ranges::equal(bytes(b), bytes(d)) ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "it hung";
  EXPECT_EQ(WEXITSTATUS(status), 0);
  optimizer.step();
  other.step();
  EXPECT_TRUE(a.equal(c) && b.equal(d));
  at::set_num_threads(before);
}

TEST(LearnedOptimizerParameters, AChildOfForkSavesLoadsAndWatches) {
  const int before = at::get_num_threads();
  at::set_num_threads(2);
  auto w = leaf({300, 300});
  auto buffer = torch::ones({300, 300});
  LearnedOptimizer optimizer({w});
  for (int t = 0; t < 3; ++t) optimizer.step();
  buffer.mul_(2);  // by LibTorch's threads, which a child has not
  const std::string state = saved(optimizer);
  const std::vector<std::function<bool()>> uses{[&] { return saved(optimizer) == state; },
                                                [&] {
                                                  load(optimizer, state);
                                                  return optimizer.steps() == 3;
                                                },
                                                [&] {
                                                  optimizer.watch_buffers({buffer});
                                                  return optimizer.guard_report().buffers == 1;
                                                }};
  for (std::size_t k = 0; k < uses.size(); ++k) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      _exit(uses[k]() ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status)) << "use " << k << " hung";
    EXPECT_EQ(WEXITSTATUS(status), 0) << k;
  }
  at::set_num_threads(before);
}

TEST(LearnedOptimizerParameters, AClosureReturnsOneNumberOrNothing) {
  auto w = leaf({3});
  LearnedOptimizer optimizer({w});
  EXPECT_FALSE(optimizer.step([] { return at::Tensor(); }).defined());
  EXPECT_EQ(optimizer.steps(), 1);
  optimizer.step([] { return torch::ones({1, 1}, at::kLong); });
  const auto before = w.detach().clone();
  EXPECT_THAT(
      [&] { optimizer.step([] { return torch::ones({2}); }); },
      ThrowsMessage<std::invalid_argument>(HasSubstr("returned of shape [2] and type Float: must be one real number")));
  EXPECT_THROW(optimizer.step([] { return torch::ones({}, at::kComplexFloat); }), std::invalid_argument);
  EXPECT_TRUE(w.equal(before));
  w.mutable_grad() = at::Tensor();
  EXPECT_THROW(optimizer.step([] { return torch::ones({2}); }), std::invalid_argument)
      << "whether or not there is a gradient";
}

TEST(LearnedOptimizerParameters, ALearningRateInPlaceOfTheFactorIsRemarkedOn) {
  const auto said = [](double lr) {
    testing::internal::CaptureStderr();
    LearnedOptimizer({leaf({3})}, lr);
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_THAT(said(1e-3), HasSubstr("no learning rate: 1 is usual"));
  for (const double lr : {1.0, 0.1, 0.0}) EXPECT_THAT(said(lr), Not(HasSubstr("learning rate"))) << lr;
}

}  // namespace
}  // namespace scout
