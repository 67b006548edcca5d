// What every update rule has to keep to, put to each row of the table.
#include "scout/policy/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "scout/policy/test_policy.h"

namespace scout {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr int kDimension = 5;

RuleOptions small(const RuleEntry& entry) {
  return {.rule = entry.name,
          .dimension = kDimension,
          .hidden = {6},
          .step_scale = 0.3,
          .decisions = 4,
          .decision_hidden = {5},
          .layers = {4, 3}};
}

/// Random parameters around the initial ones, so that every part of the rule matters.
std::shared_ptr<const Stepper> random_stepper(const UpdateRule& rule) {
  Random random(Seed(2));
  std::vector<float> parameters = rule.initial_parameters(random);
  for (float& w : parameters) w += 0.2F * static_cast<float>(random.normal());
  return rule.with(parameters);
}

/// A run on Σ (θ_i - i)² (1 + i) + 3 sin(4 θ_i), with whatever its driver needs.
class Episode {
 public:
  Episode(std::shared_ptr<const Stepper> stepper, std::uint64_t seed)
      : stepper_(std::move(stepper)), run_(stepper_->new_run(kDimension)) {
    Random random{Seed(seed)};
    for (double& x : theta_) x = 3 * random.normal();
    evaluate();
    run_->start(seen(), {.scale = 2.0, .horizon = 40, .lower = lower_, .upper = upper_, .tensors = tensors_, .calls = 80});
  }

  RuleRun& run() { return *run_; }
  /// Takes the place of the run, as a program that goes on from a file would.
  void replace_run(const Bytes& bytes) {
    run_ = stepper_->new_run(kDimension);
    ArchiveReader archive(bytes);
    run_->restore(archive);
    archive.finish();
  }
  void finish_step(double spoil = 0) {
    run_->apply(theta_);
    evaluate();
    if (spoil != 0) gradient_[1] = f_ = spoil;
    run_->observe(seen());
  }
  const std::vector<double>& theta() const { return theta_; }

 private:
  void evaluate() {
    f_ = 0;
    for (std::size_t i = 0; i < kDimension; ++i) {
      const auto c = static_cast<double>(i);
      f_ += (1 + c) * (theta_[i] - c) * (theta_[i] - c) + 3 * std::sin(4 * theta_[i]);
      gradient_[i] = 2 * (1 + c) * (theta_[i] - c) + 12 * std::cos(4 * theta_[i]);
    }
  }
  Observation seen() const { return {theta_, gradient_, f_}; }

  std::shared_ptr<const Stepper> stepper_;
  std::unique_ptr<RuleRun> run_;
  std::vector<double> theta_ = std::vector<double>(kDimension), gradient_ = theta_, lower_{-5, -5, -5, -5, -5},
                      upper_{5, 6, 7, 8, 9};
  std::vector<TensorShape> tensors_{{4, 2, 2}, {0, 1, 0}, {1, 0, 1}};
  double f_ = 0;
};

Bytes saved(const RuleRun& run) {
  ArchiveWriter archive;
  run.save(archive);
  return archive.take();
}

class Rules : public testing::TestWithParam<RuleEntry> {
 protected:
  std::shared_ptr<const UpdateRule> rule_ = make_rule(small(GetParam()));
  std::shared_ptr<const Stepper> stepper_ = random_stepper(*rule_);
  ProposalScratch scratch_;

  void step(Episode& episode, double spoil = 0) {
    RuleRun* const alone = &episode.run();
    stepper_->decide({&alone, 1}, scratch_);
    stepper_->propose({&alone, 1}, scratch_);
    episode.finish_step(spoil);
  }
};

TEST_P(Rules, GoOnFromASavedRunBitByBit) {
  for (const bool proposed : {false, true}) {
    Episode whole(stepper_, 1), parts(stepper_, 1);
    for (int t = 0; t < 30; ++t) {
      for (Episode* each : {&whole, &parts}) {
        if (each == &parts && !proposed) parts.replace_run(saved(parts.run()));
        RuleRun* const alone = &each->run();
        stepper_->decide({&alone, 1}, scratch_);
        stepper_->propose({&alone, 1}, scratch_);
        if (each == &parts && proposed) parts.replace_run(saved(parts.run()));
        each->finish_step();
      }
      ASSERT_EQ(whole.theta(), parts.theta()) << "step " << t;
      ASSERT_EQ(saved(whole.run()), saved(parts.run())) << "step " << t;
    }
  }
}

TEST_P(Rules, RefuseADamagedState) {
  Episode episode(stepper_, 1);
  step(episode);
  const Bytes bytes = saved(episode.run());
  const auto run = stepper_->new_run(kDimension);
  for (std::size_t size = 0; size < bytes.size(); size += 7) {
    ArchiveReader archive({bytes.data(), size});
    EXPECT_THROW(run->restore(archive), std::runtime_error);
  }
}

TEST_P(Rules, BatchesChangeNothing) {
  std::vector<Episode> together, apart;
  for (std::uint64_t seed = 0; seed < 7; ++seed) {
    together.emplace_back(stepper_, seed);
    apart.emplace_back(stepper_, seed);
  }
  for (int t = 0; t < 10; ++t) {
    std::vector<RuleRun*> runs;
    for (Episode& e : together) runs.push_back(&e.run());
    stepper_->decide(runs, scratch_);
    stepper_->propose(runs, scratch_);
    for (Episode& e : together) e.finish_step();
    for (Episode& e : apart) step(e);
    for (std::size_t k = 0; k < apart.size(); ++k) ASSERT_EQ(together[k].theta(), apart[k].theta()) << "step " << t;
  }
}

TEST_P(Rules, ActionsStayInTheirBounds) {
  Episode episode(stepper_, 3);
  if (episode.run().asks()) return;  // it has no actions
  for (int t = 0; t < 30; ++t) {
    RuleRun* const alone = &episode.run();
    stepper_->decide({&alone, 1}, scratch_);
    stepper_->propose({&alone, 1}, scratch_);
    std::vector<std::size_t> rows(alone->rows());
    for (std::size_t r = 0; r < rows.size(); ++r) rows[r] = r;
    std::vector<float> actions(kDimension);
    alone->write_actions(rows, actions.data());
    for (std::size_t i = 0; i < kDimension; ++i) {
      EXPECT_LE(std::fabs(alone->actions()[i]), 1.0001F * alone->largest_action(i));
      EXPECT_LE(std::fabs(actions[i]), 1.0F);
    }
    episode.finish_step();
  }
}

// What the actor makes of the features is what the run says that it did, up to the roundings of the kernel.
TEST_P(Rules, ActionsAreTheActorsOnTheFeatures) {
  const Actor* actor = rule_->actor();
  if (actor == nullptr) return;
  Random random(Seed(2));
  std::vector<float> parameters = rule_->initial_parameters(random);
  for (float& w : parameters) w += 0.2F * static_cast<float>(random.normal());
  Episode episode(stepper_, 3);
  for (int t = 0; t < 20; ++t) {
    RuleRun* const alone = &episode.run();
    std::vector<std::size_t> rows(alone->rows());
    for (std::size_t r = 0; r < rows.size(); ++r) rows[r] = r;
    std::vector<float> features(rows.size() * static_cast<std::size_t>(actor->features()));
    stepper_->decide({&alone, 1}, scratch_);
    alone->write_features(rows, features.data());
    stepper_->propose({&alone, 1}, scratch_);
    std::vector<float> actions(kDimension), expected(kDimension);
    alone->write_actions(rows, actions.data());
    Actor::Trace trace;
    actor->forward(parameters.data(), features.data(), static_cast<int>(rows.size()), trace, expected.data());
    EXPECT_THAT(actions, testing::Pointwise(testing::FloatNear(2e-3F), expected)) << "step " << t;
    episode.finish_step();
  }
}

TEST_P(Rules, ForWeightsPassOverWhatIsNotFinite) {
  if (!rule_->for_weights()) return;  // the drivers of the others do not show it to them
  Episode episode(stepper_, 4);
  for (int t = 0; t < 12; ++t) {
    step(episode, t % 3 == 0 ? std::numeric_limits<double>::quiet_NaN() : t % 3 == 1 ? HUGE_VAL : 0);
    for (double x : episode.theta()) ASSERT_TRUE(std::isfinite(x)) << "step " << t;
  }
}

TEST_P(Rules, HaveAsManyParametersAsTheySay) {
  Random a(Seed(1)), b(Seed(1));
  const std::vector<float> parameters = rule_->initial_parameters(a);
  EXPECT_EQ(parameters.size(), rule_->parameter_count());
  EXPECT_EQ(parameters, rule_->initial_parameters(b));
  for (float w : parameters) EXPECT_TRUE(std::isfinite(w));
  if (rule_->actor() != nullptr) {
    const std::size_t head = rule_->decisions() != nullptr ? rule_->decisions()->parameter_count() : 0;
    EXPECT_EQ(rule_->actor()->parameter_count() + head, parameters.size());
    EXPECT_EQ(stepper_->new_run(kDimension)->features(), static_cast<std::size_t>(rule_->actor()->features()));
  }
  const Linear head = rule_->context_head();
  EXPECT_TRUE(head.out == 0 || head.offset + head.size() == rule_->actor()->parameter_count());
  EXPECT_THAT([&] { rule_->with(std::vector<float>(parameters.size() + 1)); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("needs " + std::to_string(parameters.size()))));
}

TEST_P(Rules, AreKeptByAPolicyFile) {
  const auto policy = untrained(small(GetParam()), 20);
  const auto loaded = Policy::from_bytes(policy->to_bytes());
  EXPECT_EQ(loaded->to_bytes(), policy->to_bytes());
  EXPECT_EQ(loaded->rule()->signature(), rule_->signature());
  EXPECT_EQ(loaded->rule()->step_scale(), 0.3);
  EXPECT_EQ(loaded->rule()->for_weights(), rule_->for_weights());
}

TEST_P(Rules, SayWhichOptionsTheyUse) {
  for (const std::string& key : GetParam().options) EXPECT_TRUE(to_json(RuleOptions()).contains(key)) << key;
  EXPECT_STRNE(GetParam().summary, "");
}

INSTANTIATE_TEST_SUITE_P(Table, Rules, testing::ValuesIn(rule_table()),
                         [](const auto& entry) { return std::string(entry.param.name); });

TEST(RuleTable, NamesWhatIsWrong) {
  EXPECT_THAT([] { make_rule({.rule = "wieght"}); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("did you mean 'weight'?")));
  EXPECT_THAT([] { make_rule({.rule = "joint"}); },
              ThrowsMessage<std::invalid_argument>("option 'dimension' is 0: must be at least 1"));
  EXPECT_THAT([] { make_rule({.hidden = {0}}); }, ThrowsMessage<std::invalid_argument>(HasSubstr("'hidden' is 0")));
  EXPECT_THAT([] { make_rule({.step_scale = -1}); }, ThrowsMessage<std::invalid_argument>(HasSubstr("'step_scale' is -1")));
}

}  // namespace
}  // namespace scout
