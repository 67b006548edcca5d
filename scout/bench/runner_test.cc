#include "scout/bench/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <fstream>
#include <iterator>

namespace scout::bench {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::atomic<int> runs{0};

/// Gradient descent with one setting; the mode says how it misbehaves.
class Toy : public Optimizer {
 public:
  Toy(double rate, std::string mode) : rate_(rate), mode_(std::move(mode)) {}

  Ending run(Oracle& oracle, std::span<const double> start, Seed) const override {
    ++runs;
    std::vector<double> x(start.begin(), start.end()), gradient(x.size());
    if (mode_ == "silent") return Ending::failed;
    for (int step = 0; mode_ != "stops" || step < 3; ++step) {
      oracle.value_and_gradient(x, gradient);
      if (mode_ == "throws") throw std::runtime_error("the toy broke");
      for (std::size_t i = 0; i < x.size(); ++i) x[i] = mode_ == "explodes" ? NAN : x[i] - rate_ * gradient[i];
    }
    return Ending::converged;
  }

 private:
  double rate_;
  std::string mode_;
};

/// Names are modes; "descent" has a grid, of which 0.5 solves a unit sphere in one step.
Contestant resolve(std::string_view name) {
  const std::string mode(name);
  Contestant out{.name = mode, .fingerprint = "1", .grid = {{{"rate", 1e-3}}}, .make = {}};
  if (mode == "descent") out.grid = {{{"rate", 1e-9}}, {{"rate", 1e-3}}, {{"rate", 1e-6}}};
  out.make = [mode](const nlohmann::json& settings) {
    return std::make_unique<Toy>(settings.at("rate").get<double>(), mode);
  };
  return out;
}

Suite small_suite() {
  Suite suite;
  suite.name = "small";
  suite.problems = {"sphere", "rastrigin"};
  suite.dimensions = {3};
  suite.budgets = {40};
  suite.instances = 3;
  suite.validation = 4;
  suite.seeds = 2;
  suite.optimizers = {"descent", "throws", "silent", "stops"};
  suite.threads = 1;
  return suite;
}

class RunnerTest : public testing::Test {
 protected:
  void SetUp() override {
    out_ = fs::path(testing::TempDir()) /
           ("runner_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(out_);
  }
  void TearDown() override { fs::remove_all(out_); }

  std::string text(const char* file) const {
    std::ifstream in(out_ / file);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  /// The records without what depends on the clock.
  std::vector<std::string> results() const {
    std::vector<std::string> lines;
    for (auto line : read_json_lines(out_ / "records.jsonl")) {
      line.erase("seconds");
      line.erase("objective_seconds");
      lines.push_back(line.dump());
    }
    return lines;
  }

  fs::path out_;
};

TEST_F(RunnerTest, EveryRunIsARowWhateverHappens) {
  const auto summary = run_benchmark(small_suite(), out_, resolve);
  const auto records = read_records(out_);
  EXPECT_EQ(records.size(), 2u * 4 * 3 * 2);
  EXPECT_EQ(summary.ran, 48);
  EXPECT_EQ(summary.failures, 24);
  for (const auto& record : records) {
    const auto& run = record.outcome;
    EXPECT_LE(run.values + run.gradients, 40);
    EXPECT_TRUE(record.optimum.has_value());
    EXPECT_FALSE(record.machine.at("cpu").get<std::string>().empty());
    if (record.optimizer == "descent") {
      EXPECT_EQ(run.status, "done");
      EXPECT_EQ(run.values + run.gradients, 40);
      EXPECT_LE(run.best, run.start_value);
    } else if (record.optimizer == "throws") {
      EXPECT_EQ(run.status, "error");
      EXPECT_EQ(run.message, "the toy broke");
      EXPECT_DOUBLE_EQ(run.best, run.start_value);
    } else if (record.optimizer == "silent") {
      EXPECT_EQ(run.status, "failed");
      EXPECT_EQ(run.best, INFINITY);
    } else {
      EXPECT_EQ(run.status, "converged");
      EXPECT_EQ(run.values + run.gradients, 6);
    }
  }
}

TEST_F(RunnerTest, NonFiniteAnswersAreCountedAndTheBestStands) {
  Suite suite = small_suite();
  suite.optimizers = {"explodes"};
  run_benchmark(suite, out_, resolve);
  for (const auto& record : read_records(out_)) {
    EXPECT_GT(record.outcome.non_finite, 0);
    EXPECT_DOUBLE_EQ(record.outcome.best, record.outcome.start_value);
  }
}

TEST_F(RunnerTest, TuningPicksTheBestSettingAndIsReused) {
  Suite suite = small_suite();
  suite.problems = {"sphere"};
  suite.optimizers = {"descent"};
  run_benchmark(suite, out_, resolve);
  for (const auto& record : read_records(out_)) EXPECT_EQ(record.settings.at("rate"), 1e-3);
  const std::string cache = text("tuning.json");

  fs::remove(out_ / "records.jsonl");
  runs = 0;
  run_benchmark(suite, out_, resolve);
  EXPECT_EQ(runs, 1 + 6) << "one probe and the test runs: nothing was tuned again";
  EXPECT_EQ(text("tuning.json"), cache);

  suite.budgets = {20};
  runs = 0;
  run_benchmark(suite, out_, resolve);
  EXPECT_EQ(runs, 1 + 3 * 4 + 6) << "another budget is tuned anew";
}

TEST_F(RunnerTest, AKilledRunIsContinued) {
  run_benchmark(small_suite(), out_, resolve);
  const auto whole = results();
  std::ifstream in(out_ / "records.jsonl");
  std::string kept, line;
  for (int i = 0; i < 20 && std::getline(in, line); ++i) kept += line + "\n";
  in.close();
  std::ofstream(out_ / "records.jsonl") << kept << line.substr(0, line.size() / 2);

  const auto summary = run_benchmark(small_suite(), out_, resolve);
  EXPECT_EQ(summary.reused, 20);
  EXPECT_EQ(summary.ran, 28);
  EXPECT_EQ(results(), whole);
}

TEST_F(RunnerTest, AChangedMethodIsRunAgain) {
  run_benchmark(small_suite(), out_, resolve);
  const auto summary = run_benchmark(small_suite(), out_, [](std::string_view name) {
    auto out = resolve(name);
    if (name == "stops") out.fingerprint = "2";
    return out;
  });
  EXPECT_EQ(summary.ran, 12);
  EXPECT_EQ(summary.reused, 36);
  EXPECT_EQ(read_records(out_).size(), 48u);
  EXPECT_TRUE(fs::exists(out_ / "records.previous.jsonl"));
}

TEST_F(RunnerTest, ResultsDoNotDependOnTheNumberOfThreads) {
  run_benchmark(small_suite(), out_, resolve);
  const auto one = results();
  fs::remove_all(out_);
  Suite suite = small_suite();
  suite.threads = 3;
  run_benchmark(suite, out_, resolve);
  EXPECT_EQ(results(), one);
}

TEST_F(RunnerTest, AnUnknownOptimizerIsAnError) {
  EXPECT_THROW(run_benchmark(small_suite(), out_,
                             [](std::string_view name) -> Contestant { throw std::invalid_argument(std::string(name)); }),
               std::invalid_argument);
}

TEST(Record, SurvivesJson) {
  Record record;
  record.task = {"sphere", 2, 100};
  record.instance = 3;
  record.seed = 1;
  record.optimizer = "mine";
  record.method = "policy:x";
  record.settings = {{"lr", 0.1}};
  record.key = "00ff";
  record.optimum = -1.5;
  record.outcome = {.status = "error",
                    .message = "why",
                    .values = 7,
                    .gradients = 5,
                    .non_finite = 1,
                    .start_value = 10,
                    .best = INFINITY,
                    .curve = {{1, 0, INFINITY}, {7, 5, 2.5}},
                    .seconds = 0.5,
                    .objective_seconds = 0.25,
                    .path = {},
                    .best_point = {}};
  const auto line = record_to_json(record);
  EXPECT_EQ(record_to_json(record_from_json(nlohmann::json::parse(line.dump()))), line);
  EXPECT_EQ(record_from_json(line).outcome.best, INFINITY);
}

TEST(Record, MissingFieldsAreNamed) {
  try {
    record_from_json({{"problem", "sphere"}});
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("dimension"));
  }
}

TEST(Record, ThinKeepsTheEndsAndTheBestInOrder) {
  std::vector<CurvePoint> curve;
  for (int i = 1; i <= 1000; ++i) curve.push_back({i, 0, 1000.0 - i});
  const auto thinned = thin(curve, 64);
  EXPECT_LE(thinned.size(), 64u);
  EXPECT_GE(thinned.size(), 40u);
  EXPECT_EQ(thinned.front().values, 1);
  EXPECT_EQ(thinned.back().values, 1000);
  for (std::size_t i = 1; i < thinned.size(); ++i) {
    EXPECT_LT(thinned[i].best, thinned[i - 1].best);
    EXPECT_EQ(thinned[i].best, 1000.0 - static_cast<double>(thinned[i].values));
  }
  EXPECT_EQ(thin({{1, 0, 2.0}, {2, 0, 1.0}}, 64).size(), 2u);
}

}  // namespace
}  // namespace scout::bench
