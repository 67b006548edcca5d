#include "scout/policy/weight/weight_run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "scout/policy/weight/weight_rule.h"

namespace scout {
namespace {

/// Of zero outputs, or with these parameters.
std::shared_ptr<const WeightStepper> stepper(double step_scale = 0.03, std::vector<float> parameters = {}) {
  const WeightRule rule({16, 16}, step_scale);
  Random random(Seed(1));
  if (parameters.empty()) parameters = rule.initial_parameters(random);
  return std::make_shared<FusedStepper>(rule, parameters);
}

GuardedRun training(std::vector<TensorShape> tensors, std::int64_t horizon, double step_scale = 0.03, bool guarded = false) {
  std::int64_t size = 0;
  for (const TensorShape& tensor : tensors) size += tensor.size;
  return {stepper(step_scale), tensors, static_cast<std::size_t>(size), horizon, guarded};
}

/// Runs `steps` on f = Σ c_i θ_i², c_i = 1 + i mod 7, and returns θ.
std::vector<double> run_quadratic(std::size_t size, int steps, double unit = 1) {
  GuardedRun run = training({{static_cast<std::int64_t>(size), 1, 1}}, steps);
  std::vector<double> theta(size, 1.0);
  std::vector<double> gradient(size);
  for (int t = 0; t < steps; ++t) {
    double f = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const double c = 1.0 + static_cast<double>(i % 7);
      f += unit * c * theta[i] * theta[i];
      gradient[i] = unit * 2 * c * theta[i];
    }
    run.step(theta, gradient, f);
  }
  return theta;
}

TEST(WeightRun, DescendsWhateverTheSizeAndTheUnitOfGradients) {
  for (std::size_t size : {1U, 3U, 16U, 17U, 1000U}) {
    const auto theta = run_quadratic(size, 200);
    for (double x : theta) EXPECT_LT(std::abs(x), 0.2) << size;
    EXPECT_EQ(run_quadratic(size, 200, 1024), theta) << "a power of two is exact";
  }
}

TEST(WeightRun, PassesOverWhatIsNotFinite) {
  GuardedRun run = training({{2, 1, 2}}, 10);
  std::vector<double> theta{1, 1};
  run.step(theta, std::vector<double>{1, std::numeric_limits<double>::quiet_NaN()}, std::numeric_limits<double>::infinity());
  EXPECT_LT(theta[0], 1);
  EXPECT_EQ(theta[1], 1);
}

TEST(WeightRun, MeasuresTensorsApart) {
  // Two tensors of different scale: a step is a share of each one's own.
  const std::vector<TensorShape> shapes{{3, 1, 3}, {4, 2, 2}};
  const PlainTensors tensors(*stepper(), shapes, 7);
  EXPECT_EQ(tensors.tensor_of(2), 0U);
  EXPECT_EQ(tensors.tensor_of(3), 1U);
  EXPECT_EQ(tensors.begin_of(1), 3U);
  EXPECT_THROW(PlainTensors(*stepper(), shapes, 8), std::invalid_argument);
  GuardedRun run = training(shapes, 0);
  std::vector<double> theta{100, 100, 100, 1, 1, 1, 1};
  const std::vector<double> before = theta;
  run.step(theta, std::vector<double>{5, 5, 5, 1e-3, 1e-3, 1e-3, 1e-3});
  const double first = before[0] - theta[0];
  const double second = before[3] - theta[3];
  EXPECT_GT(second, 0);
  // The smaller tensor is measured by 0.3 of the rms of all weights, 65.5.
  EXPECT_NEAR(first / second, 100 / (0.3 * std::sqrt((30000.0 + 4) / 7)), 1e-3);
}

TEST(WeightRun, TellsWhatTheNetworkSees) {
  const WeightRule rule({16, 16}, 0.05);
  Random random(Seed(4));
  std::vector<float> parameters(rule.parameter_count());
  for (float& w : parameters) w = 0.3F * static_cast<float>(random.normal());
  const auto stepper = rule.with(parameters);
  const std::unique_ptr<RuleRun> run = stepper->new_run(11);
  const std::vector<TensorShape> tensors{{5, 2, 1}, {6, 1, 6}};
  std::vector<double> theta(11), gradient(11);
  std::vector<std::size_t> rows(11);
  for (std::size_t i = 0; i < 11; ++i) rows[i] = i;
  const auto width = static_cast<std::size_t>(rule.actor()->features());
  std::vector<float> features(11 * width), actions(11), expected_actions(11);
  ProposalScratch scratch;
  Actor::Trace trace;
  for (int t = 0; t < 20; ++t) {
    for (std::size_t i = 0; i < 11; ++i) {
      if (t == 0) theta[i] = random.normal();
      gradient[i] = theta[i] + random.normal();
    }
    const Observation seen{theta, gradient, 3.0 - 0.1 * t};
    if (t == 0) {
      run->start(seen, {.horizon = 50, .tensors = tensors});
    } else {
      run->observe(seen);
    }
    run->write_features(rows, features.data());
    RuleRun* const alone = run.get();
    stepper->propose({&alone, 1}, scratch);
    run->write_actions(rows, actions.data());
    rule.actor()->forward(parameters.data(), features.data(), 11, trace, expected_actions.data());
    for (std::size_t i = 0; i < 11; ++i) {
      // The formulas of weight_step.h from the features alone.
      const float* x = features.data() + i * width;
      Mlp::Trace network_trace;
      std::vector<float> u(kernel::kOutputs), head(kernel::kOutputs);
      const auto network = rule.network().forward(parameters.data(), x, 1, network_trace);
      rule.context_head().forward(parameters.data(), x + kernel::kFeatures, 1, head.data());
      for (std::size_t k = 0; k < u.size(); ++k) u[k] = 0.3F * (network[k] + head[k]);
      const auto expand = [&](int k, float c) { return c * x[k] / (1 - std::fabs(x[k])); };
      const float direction =
          expand(1, 1) + u[0] * x[1] + u[2] * x[0] + u[3] * expand(2, 0.3F) + u[4] * expand(3, 0.1F) + u[5] * x[4];
      const float size = run->largest_action(i) / 32 * std::clamp(std::exp(u[1]) * direction, -32.0F, 32.0F);
      const float delta = run->actions()[i];
      EXPECT_NEAR(std::fabs(delta), std::fabs(size), 2e-3F * std::fabs(size) + 1e-6F) << "step " << t << ", weight " << i;
      // The sign is the momentum's, which the features do not tell: at the first step it is the gradient's.
      if (t == 0) {
        EXPECT_NEAR(delta, -std::copysign(size, static_cast<float>(gradient[i]) * size), 2e-3F * std::fabs(size) + 1e-6F);
      }
      EXPECT_NEAR(actions[i], expected_actions[i], 2e-3F) << "step " << t << ", weight " << i;
    }
    run->apply(theta);
  }
}

TEST(WeightRun, AGuardChangesNothingUntilItHasTo) {
  const auto train = [](double base_step, bool guarded) {
    GuardedRun run = training({{30, 2, 5}}, 0, base_step, guarded);
    std::vector<double> theta(30, 1.0), gradient(30);
    double f = 0;
    for (int t = 0; t < 400; ++t) {
      f = 0;
      for (std::size_t i = 0; i < 30; ++i) {
        f += 0.5 * theta[i] * theta[i];
        gradient[i] = theta[i];
      }
      run.step(theta, gradient, f);
    }
    return std::tuple{theta, f, run.report().interventions()};
  };
  const auto [plain, f_plain, none] = train(0.01, false);
  const auto [watched, f_watched, healthy] = train(0.01, true);
  EXPECT_EQ(plain, watched);
  EXPECT_EQ(healthy, 0);
  const auto [wild, f_wild, no_guard] = train(20, false);
  const auto [rescued, f_rescued, interventions] = train(20, true);
  EXPECT_GT(interventions, 0);
  EXPECT_GT(f_wild, 15) << "the start's";
  EXPECT_LT(f_rescued, 15);
}

class NoPlan : public TensorPlan {
 public:
  float rate = 0;
};

/// A rule that uses all of the state there is: each weight keeps an average of its gradients; its tensor an average of the
/// sizes of those; the run one over the tensors, by which all steps are measured.
class LayeredStepper : public WeightStepper {
 public:
  StateLayout layout() const override { return {StateLayout::Type::float32, 1, 1, 2, 1}; }
  std::unique_ptr<TensorPlan> new_plan() const override { return std::make_unique<NoPlan>(); }
  void plan(RunRecord& run, TensorRecord& tensor, const TensorShape&, const kernel::TensorSums&,
            const StepSettings& settings, TensorPlan& plan) const override {
    ++tensor.step;
    static_cast<NoPlan&>(plan).rate =
        static_cast<float>(settings.rate * 0.3 / (1 + 0.1 * (run.own.at(0) + tensor.own.at(0))));
  }
  kernel::StepSums step(const TensorPlan& plan, const WeightPiece& piece, std::size_t n, double* own_sums) const override {
    auto* mean = static_cast<float*>(piece.state);
    for (std::size_t i = 0; i < n; ++i) {
      mean[i] += 0.2F * (piece.gradient[i] - mean[i]);
      piece.delta[i] = -static_cast<const NoPlan&>(plan).rate * mean[i];
      *own_sums += std::fabs(static_cast<double>(mean[i]));
    }
    return {};
  }
  void end(RunRecord& run, TensorRecord& tensor, const TensorShape& shape, const kernel::StepSums&,
           std::span<const double> own_sums) const override {
    tensor.own.at(0) += 0.5 * (own_sums[0] / static_cast<double>(shape.size) - tensor.own.at(0));
    run.own.at(1) += tensor.own.at(0);
  }
  void end(RunRecord& run) const override {
    run.own.at(0) = 0.9 * run.own.at(0) + 0.1 * run.own.at(1);
    run.own.at(1) = 0;
    WeightStepper::end(run);
  }
  std::shared_ptr<const WeightStepper> fallback() const override { return std::make_shared<LayeredStepper>(); }
  float largest_step(const TensorPlan&) const override { return 1; }
};

TEST(WeightRun, KeepsTheStateOfEveryLevel) {
  const auto stepper = std::make_shared<LayeredStepper>();
  const std::vector<TensorShape> shapes{{6, 2, 2}, {1, 0, 1}, {4, 1, 4}};
  std::vector<double> theta(11), gradient(11), plain;
  for (std::size_t i = 0; i < 11; ++i) theta[i] = static_cast<double>(i) - 5;
  plain = theta;
  const auto slope = [&](const std::vector<double>& at) {
    for (std::size_t i = 0; i < 11; ++i) gradient[i] = (1 + static_cast<double>(i % 3)) * at[i];
  };
  GuardedRun training(stepper, shapes, 11, 0);
  std::unique_ptr<RuleRun> run = stepper->new_run(11);
  ProposalScratch scratch;
  slope(theta);
  run->start({theta, gradient}, {.tensors = shapes});
  for (int t = 0; t < 40; ++t) {
    slope(plain);
    training.step(plain, gradient);
    ArchiveWriter saved;
    run->save(saved);
    const Bytes bytes = saved.take();
    run = stepper->new_run(11);
    ArchiveReader reader(bytes);
    run->restore(reader);
    RuleRun* const alone = run.get();
    stepper->propose({&alone, 1}, scratch);
    run->apply(theta);
    slope(theta);
    run->observe({theta, gradient});
    ASSERT_EQ(theta, plain) << "step " << t;
  }
  EXPECT_LT(std::fabs(theta[0]), 2.5);
  EXPECT_EQ(training.report().interventions(), 0);
}

TEST(WeightRun, RefusesShapesThatCannotBe) {
  const auto rule = stepper();
  const std::unique_ptr<RuleRun> run = rule->new_run(4);
  const auto refused = [&](const std::vector<std::int64_t>& shapes) {
    ArchiveWriter archive;
    archive(shapes);
    const Bytes bytes = archive.take();
    ArchiveReader reader(bytes);
    try {
      run->restore(reader);
    } catch (const std::exception& error) {
      return std::string(error.what()).find("no possible shape") != std::string::npos;
    }
    return false;
  };
  constexpr std::int64_t kHuge = std::int64_t{1} << 62;
  EXPECT_TRUE(refused({kHuge, 1, 1, kHuge, 1, 1, kHuge, 1, 1, kHuge, 1, 1, 4, 1, 4})) << "whose sum is 4, run over";
  EXPECT_TRUE(refused({6, 1, 1, -2, 1, 1}));
  EXPECT_TRUE(refused({4, 2, 0})) << "not even a row";
  EXPECT_TRUE(refused({4, 2, -1}));
  EXPECT_TRUE(refused({4, 2, 5}));
  EXPECT_TRUE(refused({4, kHuge, 1}));
  EXPECT_TRUE(refused({4, 2, 2, 0})) << "not three numbers a tensor";
  EXPECT_FALSE(refused({4, 2, 2})) << "what is missing then is the rest";
}

TEST(WeightRun, RefusesAValueOfALossThatIsNotKnown) {
  const auto rule = stepper();
  const std::vector<TensorShape> shapes{{4, 2, 2}};
  const std::vector<double> theta{1, 2, 3, 4};
  const std::unique_ptr<RuleRun> run = rule->new_run(4);
  run->start({theta, theta}, {.tensors = shapes});
  ArchiveWriter whole, before;
  run->save(whole);
  before(std::vector<std::int64_t>{4, 2, 2}, rule->new_run_record(0), std::vector<TensorRecord>{rule->new_record()}, true);
  Bytes bytes = whole.take();
  const std::size_t loss = before.take().size();
  const auto restore = [&] {
    ArchiveReader reader(bytes);
    run->restore(reader);
  };
  bytes.at(loss - 1) = std::byte{0};  // not known
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(loss), 8, std::byte{0});
  EXPECT_NO_THROW(restore());
  bytes.at(loss) = std::byte{0x20};
  EXPECT_ANY_THROW(restore());
}

TEST(GuardedStep, RefusesCountsThatNoTrainingReaches) {
  const auto rule = stepper();
  GuardedStep step(rule, 100, true);
  const auto restore = [&](std::int64_t length) {
    const RunRecord run = rule->new_run_record(100);
    GuardRecord record;
    record.length = length;
    ArchiveWriter archive;
    archive(run, run, true, record, std::int64_t{0});
    const Bytes bytes = archive.take();
    ArchiveReader reader(bytes);
    step.restore(reader);
  };
  EXPECT_NO_THROW(restore(3200));
  for (const int bit : {50, 59, 62}) EXPECT_ANY_THROW(restore(std::int64_t{1} << bit)) << "ten times it would run over";
}

}  // namespace
}  // namespace scout
