#include "scout/policy/transformer/transformer_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "scout/policy/policy.h"

namespace scout {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

RuleOptions shape(int context = 128) {
  RuleOptions options{.rule = "transformer", .step_scale = 0.5, .layers = {5, 4}};
  options.width = 6;
  options.context = context;
  return options;
}

/// A run on Σ a_i (θ_i - c_i)² in the box [-2, 2], with scale 1.
class Descent {
 public:
  Descent(const RuleOptions& options, std::vector<float> parameters, std::vector<double> curvature,
          std::vector<double> centre, double factor = 1, std::int64_t horizon = 30)
      : rule_(options),
        parameters_(std::move(parameters)),
        stepper_(rule_.with(parameters_)),
        run_(stepper_->new_run(static_cast<int>(curvature.size()))),
        curvature_(std::move(curvature)),
        centre_(std::move(centre)),
        theta_(curvature_.size()),
        gradient_(curvature_.size()),
        factor_(factor) {
    const std::vector<double> lower(theta_.size(), -2.0), upper(theta_.size(), 2.0);
    evaluate();
    run_->start({theta_, gradient_, f_}, {.horizon = horizon, .lower = lower, .upper = upper});
  }

  TransformerRun& run() { return static_cast<TransformerRun&>(*run_); }
  void propose() {
    RuleRun* const alone = run_.get();
    stepper_->propose({&alone, 1}, scratch_);
  }
  void go_on() {
    run_->apply(theta_);
    evaluate();
    run_->observe({theta_, gradient_, f_});
  }
  void step() { propose(), go_on(); }
  const std::vector<double>& theta() const { return theta_; }
  const std::vector<double>& gradient() const { return gradient_; }
  const TransformerRule& rule() const { return rule_; }

 private:
  void evaluate() {
    f_ = 7 * factor_;
    for (std::size_t i = 0; i < theta_.size(); ++i) {
      f_ += factor_ * curvature_[i] * (theta_[i] - centre_[i]) * (theta_[i] - centre_[i]);
      gradient_[i] = 2 * factor_ * curvature_[i] * (theta_[i] - centre_[i]);
    }
  }

  TransformerRule rule_;
  std::vector<float> parameters_;
  std::shared_ptr<const Stepper> stepper_;
  std::unique_ptr<RuleRun> run_;
  std::vector<double> curvature_, centre_, theta_, gradient_;
  double factor_, f_ = 0;
  ProposalScratch scratch_;
};

std::vector<float> some_parameters(const RuleOptions& options) {
  Random random(Seed(1));
  std::vector<float> out = TransformerRule(options).initial_parameters(random);
  for (float& w : out) w += 0.2F * static_cast<float>(random.normal());
  return out;
}

/// A network whose output is always u.
std::vector<float> constant(const RuleOptions& options, float u) {
  std::vector<float> out(TransformerRule(options).parameter_count(), 0.0F);
  out.back() = u;
  return out;
}

TEST(TransformerRule, IsGradientDescentWithTheStepSizesOfItsOutputs) {
  Descent descent(shape(), constant(shape(), -0.25F), {1, 3}, {1, -0.5});
  const double root_mean_square = std::sqrt(0.5 * (2 * 2 + 3 * 3));
  for (int t = 0; t < 4; ++t) {
    const std::vector<double> before = descent.theta(), gradient = descent.gradient();
    descent.step();
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_NEAR(descent.theta()[i] - before[i], -0.1 * gradient[i] / root_mean_square, 1e-5) << "step " << t;
    }
  }
}

TEST(TransformerRule, StepsAreAtMostTheScale) {
  Descent descent(shape(), constant(shape(), 5), {1, 3}, {1, -0.5});
  descent.propose();
  EXPECT_EQ(descent.run().outputs()[0], 5);
  EXPECT_THAT(std::vector<float>(descent.run().actions().begin(), descent.run().actions().end()),
              testing::ElementsAre(1.0F, -1.0F));
}

TEST(TransformerRule, NeitherTheScaleOfFNorReflectionsMatter) {
  const std::vector<float> parameters = some_parameters(shape());
  Descent one(shape(), parameters, {1, 3}, {1, -0.5}), scaled(shape(), parameters, {1, 3}, {1, -0.5}, 1024),
      reflected(shape(), parameters, {1, 3}, {-1, -0.5}), permuted(shape(), parameters, {3, 1}, {-0.5, 1});
  for (int t = 0; t < 20; ++t) {
    for (Descent* each : {&one, &scaled, &reflected, &permuted}) each->step();
    EXPECT_EQ(scaled.theta(), one.theta());
    EXPECT_EQ(reflected.theta(), (std::vector<double>{-one.theta()[0], one.theta()[1]}));
    EXPECT_NEAR(permuted.theta()[0], one.theta()[1], 1e-5);
    EXPECT_NEAR(permuted.theta()[1], one.theta()[0], 1e-5);
  }
}

// What a learner differentiates is what the run does: also beyond its context, and when it was not asked for some steps.
TEST(TransformerRule, OutputsAreTheNetworksOnTheTokens) {
  for (const int context : {4, 128}) {
    for (const std::int64_t said : {30, 3}) {  // the horizon
      const std::vector<float> parameters = some_parameters(shape(context));
      Descent descent(shape(context), parameters, {1, 3}, {1, -0.5}, 1, said);
      const std::vector<std::size_t> rows{1};
      std::vector<float> tokens, expected(12);
      std::vector<float> outputs;
      for (int t = 0; t < 12; ++t) {
        tokens.resize(tokens.size() + TransformerRule::kInputs);
        descent.run().write_features(rows, &tokens[tokens.size() - TransformerRule::kInputs]);
        if (t != 5 && t != 6) descent.propose();
        outputs.push_back(descent.run().outputs()[1]);
        descent.go_on();
      }
      Transformer::Trace<float> trace;
      descent.rule().network().forward(parameters.data(), tokens.data(), 12, expected.data(), trace);
      for (std::size_t t = 0; t < 12; ++t) {
        if (t == 5 || t == 6) continue;
        EXPECT_EQ(outputs[t], expected[t]) << t << ", context " << context;
      }
    }
  }
}

TEST(TransformerRule, ItsOptionsAreCheckedAndKept) {
  const auto refuses = [](const char* what, auto change) {
    RuleOptions options = shape();
    change(options);
    EXPECT_THAT([&] { make_rule(options); }, ThrowsMessage<std::invalid_argument>(HasSubstr(what)));
  };
  refuses("'context' is 2000", [](RuleOptions& o) { o.context = 2000; });
  refuses("'context' is 0", [](RuleOptions& o) { o.context = 0; });
  refuses("option 'width' is 7: must be a multiple of heads = 2", [](RuleOptions& o) { o.width = 7; });
  refuses("'heads' is 0", [](RuleOptions& o) { o.heads = 0; });
  refuses("'layers' is 0", [](RuleOptions& o) { o.layers = {0}; });
  const RuleOptions options = shape(9);
  const Policy policy({options, 100}, some_parameters(options));
  const auto loaded = Policy::from_bytes(policy.to_bytes());
  EXPECT_EQ(loaded->description().rule.context, 9);
  EXPECT_EQ(loaded->description().rule.width, 6);
  EXPECT_EQ(loaded->parameters(), policy.parameters());
}

}  // namespace
}  // namespace scout
