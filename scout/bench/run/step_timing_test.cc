#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <set>

#include "scout/bench/run/runner.h"

namespace scout::bench {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

/// Says that its steps took 1, 2, 3 ... times `unit`, and that it keeps `bytes`.
class Metronome : public StepMeter {
 public:
  Metronome(double unit, std::int64_t bytes, std::vector<double>* turns = nullptr)
      : unit_(unit), bytes_(bytes), turns_(turns) {}
  double step() override {
    if (turns_) turns_->push_back(unit_);
    return unit_ * ++steps_;
  }
  std::int64_t state_bytes() const override { return bytes_; }

 private:
  double unit_;
  std::int64_t bytes_;
  std::vector<double>* turns_;
  int steps_ = 0;
};

TEST(StepCosts, AreMediansOfStepsInTurnsAfterTheWarmUp) {
  std::vector<double> turns;
  Metronome adam(1, 8, &turns);
  std::vector<Metered> metered;
  metered.push_back({"mine", std::make_unique<Metronome>(3, 12, &turns)});
  metered.push_back({"sgd", std::make_unique<Metronome>(0.5, 0, &turns)});
  const StepCosts costs = measure_steps(adam, metered, 2, 3);
  EXPECT_EQ(costs.adam.seconds, 4) << "of the steps 3, 4 and 5";
  EXPECT_EQ(costs.adam.state_bytes, 8);
  ASSERT_TRUE(costs.of("mine"));
  EXPECT_EQ(costs.of("mine")->seconds, 12);
  EXPECT_EQ(costs.of("mine")->state_bytes, 12);
  EXPECT_EQ(costs.of("sgd")->seconds, 2);
  EXPECT_FALSE(costs.of("lbfgs"));
  ASSERT_EQ(turns.size(), 5u * 3);
  std::set<std::vector<double>> orders;
  for (auto round = turns.begin(); round != turns.end(); round += 3) {
    EXPECT_THAT(std::vector(round, round + 3), UnorderedElementsAre(1, 3, 0.5));
    orders.emplace(round, round + 3);
  }
  EXPECT_GT(orders.size(), 1u) << "not always in the same order";
}

TEST(StepCosts, SurviveJson) {
  StepCosts costs;
  costs.task = {"mlp-blobs", 117, 100};
  costs.key = "00ff";
  costs.weights = 117;
  costs.tensors = 4;
  costs.adam = {"adam", 1e-5, 936};
  costs.costs = {{"mine", 4.5e-5, 1404}, {"sgd", 2e-6, 0}};
  costs.machine = {{"cpu", "abacus"}};
  const auto line = step_costs_to_json(costs);
  EXPECT_EQ(step_costs_to_json(step_costs_from_json(nlohmann::json::parse(line.dump()))), line);
  EXPECT_EQ(step_costs_from_json(line).of("mine")->seconds, 4.5e-5);
  try {
    step_costs_from_json({{"problem", "mlp-blobs"}});
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("dimension"));
  }
}

int measurements = 0;

/// Gradient descent; "unmetered" cannot be measured. The shapes that are metered have to be the network's.
class Toy : public Optimizer {
 public:
  explicit Toy(std::string name) : name_(std::move(name)) {}

  Ending run(Oracle& oracle, std::span<const double> start, Seed) const override {
    std::vector<double> x(start.begin(), start.end()), gradient(x.size());
    for (;;) {
      oracle.gradient(x, gradient);
      for (std::size_t i = 0; i < x.size(); ++i) x[i] -= 0.01 * gradient[i];
    }
  }
  std::unique_ptr<StepMeter> step_meter(const std::vector<TensorShape>& tensors, std::int64_t horizon) const override {
    if (name_ == "unmetered") return nullptr;
    ++measurements;
    EXPECT_EQ(horizon, 30);
    std::int64_t weights = 0;
    for (const auto& tensor : tensors) weights += tensor.size;
    return std::make_unique<Metronome>(name_ == "adam" ? 1e-6 : 3e-6, (name_ == "adam" ? 8 : 12) * weights);
  }

 private:
  std::string name_;
};

Contestant resolve(std::string_view name) {
  const std::string known(name);
  return {.name = known, .fingerprint = "1", .grid = {nlohmann::json::object()}, .make = [known](const auto&) {
            return std::make_unique<Toy>(known);
          }};
}

class StepCostsOfASuite : public testing::Test {
 protected:
  void SetUp() override {
    out_ = fs::path(testing::TempDir()) /
           ("steps_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(out_);
    suite_.name = "small";
    suite_.problems = {"mlp-blobs:hidden=4,batch=8"};
    suite_.budgets = {30};
    suite_.instances = suite_.validation = suite_.seeds = suite_.threads = 1;
    suite_.optimizers = {"mine", "unmetered"};
    measurements = 0;
  }
  void TearDown() override { fs::remove_all(out_); }
  std::string text() const {
    std::ifstream in(out_ / "steps.jsonl");
    return {std::istreambuf_iterator<char>(in), {}};
  }

  fs::path out_;
  Suite suite_;
};

TEST_F(StepCostsOfASuite, AreMeasuredForNetworksBesideAdam) {
  run_benchmark(suite_, out_, resolve);
  const auto all = read_step_costs(out_);
  ASSERT_EQ(all.size(), 1u);
  const StepCosts& costs = all.front();
  EXPECT_EQ(costs.task, suite_.tasks().front());
  EXPECT_EQ(costs.weights, costs.task.dimension);
  EXPECT_EQ(costs.tensors, 4) << "two matrices and two vectors";
  EXPECT_EQ(costs.adam.state_bytes, 8 * costs.weights);
  ASSERT_EQ(costs.costs.size(), 1u);
  EXPECT_EQ(costs.of("mine")->state_bytes, 12 * costs.weights);
  EXPECT_DOUBLE_EQ(costs.of("mine")->seconds, 3 * costs.adam.seconds);
  EXPECT_FALSE(costs.machine.empty());
}

TEST_F(StepCostsOfASuite, AreReusedUntilTheOptimizersChange) {
  run_benchmark(suite_, out_, resolve);
  const std::string first = text();
  const auto added = [&] {
    const auto costs = read_step_costs(out_);
    return costs.size() == 1 && costs.front().of("yours") != nullptr;
  };
  EXPECT_FALSE(added());
  run_benchmark(suite_, out_, resolve);
  EXPECT_EQ(text(), first);
  suite_.optimizers.push_back("yours");
  run_benchmark(suite_, out_, resolve);
  EXPECT_TRUE(added()) << "all anew, in one run";
}

TEST_F(StepCostsOfASuite, AreNotMeasuredOnFunctions) {
  suite_.problems = {"sphere"};
  suite_.dimensions = {2};
  run_benchmark(suite_, out_, resolve);
  EXPECT_EQ(measurements, 0);
  EXPECT_FALSE(fs::exists(out_ / "steps.jsonl"));
}

}  // namespace
}  // namespace scout::bench
