// What LearnedOptimizer owes to every rule for weights, put to each such row of the table.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <sstream>

#include "scout/policy/rules.h"
#include "scout/policy/test_policy.h"
#include "scout/policy/weight/weight_run.h"
#include "scout/torch/learned_optimizer.h"

namespace scout {
namespace {

using Options = LearnedOptimizerOptions;

std::vector<RuleEntry> weight_rules() {
  std::vector<RuleEntry> out;
  for (const RuleEntry& entry : rule_table()) {
    if (make_rule({.rule = entry.name, .dimension = 1, .hidden = {4}})->for_weights()) out.push_back(entry);
  }
  return out;
}

/// Parameters of 0 to 5 dimensions, one of no weights and one of many.
std::vector<at::Tensor> some_parameters(at::ScalarType type = at::kFloat) {
  torch::manual_seed(1);
  std::vector<at::Tensor> out;
  for (const std::vector<std::int64_t>& shape :
       std::vector<std::vector<std::int64_t>>{{}, {7}, {300, 200}, {3, 4, 5}, {8, 3, 3, 3}, {2, 3, 2, 2, 2}, {0, 4}}) {
    out.push_back(torch::randn(shape).to(type).set_requires_grad(true));
    out.back().mutable_grad() = torch::zeros_like(out.back());
  }
  return out;
}

class WeightRules : public testing::TestWithParam<RuleEntry> {
 protected:
  /// The step scale that makes steps of about 1, at first: learning rates begin between 1e-6 and 1e-2.
  static double unit() { return GetParam().name == std::string("hierarchical_rnn") ? 2000 : 1; }
  /// Random parameters, so that every part of the rule matters.
  std::shared_ptr<const Policy> policy(double step_scale = 0.02) const {
    const auto base =
        untrained({.rule = GetParam().name, .hidden = {6}, .step_scale = unit() * step_scale, .layers = {4}}, 30);
    Random random(Seed(3));
    std::vector<float> parameters = base->parameters();
    for (float& w : parameters) w += 0.2F * static_cast<float>(random.normal());
    return std::make_shared<Policy>(base->description(), parameters);
  }

  static void draw_gradients(const std::vector<at::Tensor>& parameters, int step) {
    torch::manual_seed(static_cast<std::uint64_t>(100 + step));
    for (const at::Tensor& p : parameters) p.grad().copy_(torch::randn(p.sizes()) + p.detach());
  }
  /// That of Σ θ², noise apart.
  static at::Tensor loss_of(const std::vector<at::Tensor>& parameters) {
    at::Tensor sum = torch::zeros({}, at::kDouble);
    for (const at::Tensor& p : parameters) sum += p.detach().to(at::kDouble).square().sum();
    return sum;
  }
  static void advance(LearnedOptimizer& optimizer, const std::vector<at::Tensor>& parameters, int from, int to) {
    for (int t = from; t < to; ++t) {
      draw_gradients(parameters, t);
      optimizer.step([&] { return loss_of(parameters); });
    }
  }
  static void expect_equal(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i].equal(b[i])) << "parameter " << i;
  }
};

TEST_P(WeightRules, TrainANetwork) {
  for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16}) {
    torch::manual_seed(5);
    torch::nn::Sequential net(torch::nn::Linear(8, 32), torch::nn::ReLU(), torch::nn::Linear(32, 4));
    net->to(type);
    const auto x = torch::randn({256, 8}).to(type);
    const auto y = (x.slice(1, 0, 4) * x.slice(1, 4, 8)).argmax(1);
    const auto loss = [&] { return torch::nn::functional::cross_entropy(net->forward(x).to(at::kFloat), y); };
    const double start = loss().item<double>();
    const auto base = untrained({.rule = GetParam().name, .hidden = {6}, .step_scale = unit() * 0.02, .layers = {4}}, 30);
    LearnedOptimizer optimizer(net->parameters(), Options().policy(base).horizon(200));
    for (int t = 0; t < 200; ++t) {
      optimizer.step([&] {
        optimizer.zero_grad();
        const auto value = loss();
        value.backward();
        return value;
      });
    }
    const double share = unit() > 1 ? 0.7 : 0.5;  // its first directions are random in part
    EXPECT_LT(loss().item<double>(), share * start) << "type " << type;
    EXPECT_EQ(optimizer.guard_report().interventions(), 0) << to_string(optimizer.guard_report());
  }
}

TEST_P(WeightRules, ResumedEqualsUninterrupted) {
  for (const double step_scale : {0.02, 30.0}) {  // with the second the guard has to act
    const Options options = Options().policy(policy(step_scale)).horizon(80).weight_decay(1e-4).clip_norm(20);
    auto parameters = some_parameters(), resumed = some_parameters();
    LearnedOptimizer whole(parameters, options), second(resumed, options);
    advance(whole, parameters, 0, 35);
    std::stringstream file;
    torch::save(whole, file);
    torch::load(second, file);
    {
      const torch::NoGradGuard no_graph;
      for (std::size_t i = 0; i < resumed.size(); ++i) resumed[i].copy_(parameters[i]);
    }
    EXPECT_EQ(second.steps(), 35);
    EXPECT_EQ(second.state_bytes(), whole.state_bytes());
    advance(whole, parameters, 35, 80);
    advance(second, resumed, 35, 80);
    expect_equal(parameters, resumed);
    EXPECT_EQ(to_string(whole.guard_report()), to_string(second.guard_report()));
    EXPECT_EQ(whole.guard_report().interventions() > 0, step_scale > 1) << to_string(whole.guard_report());
  }
}

TEST_P(WeightRules, ThreadsDoNotChangeTheResult) {
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    auto one = some_parameters(type), three = some_parameters(type);
    LearnedOptimizer a(one, Options().policy(policy()).threads(1)), b(three, Options().policy(policy()).threads(3));
    advance(a, one, 0, 6);
    advance(b, three, 0, 6);
    expect_equal(one, three);
  }
}

/// A run without LibTorch on the same gradients.
TEST_P(WeightRules, AreThePlainRunsOnTheSameData) {
  for (const double step_scale : {0.02, 30.0}) {
    auto parameters = some_parameters(at::kDouble);
    LearnedOptimizer optimizer(parameters, Options().policy(policy(step_scale)).horizon(60));
    std::vector<TensorShape> shapes;
    std::vector<double> theta, gradient;
    const auto append = [](std::vector<double>& to, const at::Tensor& tensor) {
      const at::Tensor flat = tensor.detach().contiguous();
      to.insert(to.end(), flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel());
    };
    for (const at::Tensor& p : parameters) {
      if (p.numel() == 0) continue;
      shapes.push_back({p.numel(), static_cast<int>(p.dim()), p.dim() > 0 ? p.size(0) : 1});
      append(theta, p);
    }
    const auto stepper = std::dynamic_pointer_cast<const WeightStepper>(policy(step_scale)->stepper());
    GuardedRun run(stepper, shapes, theta.size(), 60);
    for (int t = 0; t < 60; ++t) {
      draw_gradients(parameters, t);
      gradient.clear();
      for (const at::Tensor& p : parameters) append(gradient, p.grad());
      const at::Tensor loss = loss_of(parameters);
      run.step(theta, gradient, loss.item<double>());
      optimizer.step([&] { return loss; });
      std::vector<double> now;
      for (const at::Tensor& p : parameters) append(now, p);
      // Sums over a large tensor are formed in another order.
      double largest = 0;
      for (std::size_t i = 0; i < now.size(); ++i) {
        largest = std::max(largest, std::abs(now[i] - theta[i]) / (std::abs(theta[i]) + 1e-3));
      }
      ASSERT_LT(largest, 1e-4) << "step " << t;
    }
    EXPECT_EQ(to_string(run.report()), to_string(optimizer.guard_report()));
    EXPECT_EQ(run.report().interventions() > 0, step_scale > 1) << to_string(run.report());
    for (double x : theta) ASSERT_TRUE(std::isfinite(x));
  }
}

TEST_P(WeightRules, StateIsWhatTheLayoutSays) {
  const auto stepper = std::dynamic_pointer_cast<const WeightStepper>(policy()->stepper());
  auto weight = torch::ones({10, 3}, torch::requires_grad());
  weight.mutable_grad() = torch::ones_like(weight);
  LearnedOptimizer optimizer({weight}, Options().policy(policy()).guard(false));
  optimizer.step();
  EXPECT_EQ(optimizer.state_bytes(), static_cast<std::int64_t>(stepper->layout().bytes(30)));
}

INSTANTIATE_TEST_SUITE_P(Table, WeightRules, testing::ValuesIn(weight_rules()),
                         [](const auto& entry) { return std::string(entry.param.name); });

// The textbook's formulas on scalars, as torch::optim::Adam has them.
TEST(AdamRule, IsTorchsAdam) {
  auto a = torch::ones({50}, torch::requires_grad()), b = torch::ones({50}, torch::requires_grad());
  LearnedOptimizer ours({a}, Options().policy(untrained({.rule = "adam", .step_scale = 1e-2}, 30)).guard(false));
  torch::optim::Adam theirs({b}, torch::optim::AdamOptions(1e-2));
  for (int t = 0; t < 50; ++t) {
    torch::manual_seed(static_cast<std::uint64_t>(t));
    a.mutable_grad() = torch::randn({50}) + a.detach();
    b.mutable_grad() = a.grad().clone();
    ours.step();
    theirs.step();
    EXPECT_TRUE(a.allclose(b, 1e-5, 1e-6)) << "step " << t;
  }
}

}  // namespace
}  // namespace scout
