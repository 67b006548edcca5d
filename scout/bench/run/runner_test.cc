#include "scout/bench/run/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <fstream>
#include <iterator>

#include "scout/base/json_lines.h"
#include "scout/bench/run/execute.h"
#include "scout/problem/catalog/family.h"

namespace scout::bench {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

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

TEST_F(RunnerTest, ABudgetThatCoversNothingIsAnError) {
  Suite suite = small_suite();
  suite.budgets = {1};
  suite.optimizers = {"descent"};
  run_benchmark(suite, out_, resolve);
  for (const auto& record : read_records(out_)) {
    EXPECT_EQ(record.outcome.status, "error");
    EXPECT_EQ(record.outcome.message, "the budget of 1 does not cover its first question");
  }
}

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

TEST_F(RunnerTest, RecordsOfOtherSuitesAreSetAsideAndNeverOverwritten) {
  const auto run = [&](const std::vector<std::string>& problems, int instances) {
    Suite suite = small_suite();
    suite.optimizers = {"stops"};
    suite.problems = problems;
    suite.instances = instances;
    std::string said;
    const auto summary = run_benchmark(suite, out_, resolve, [&](const std::string& line) { said += line + "\n"; });
    return std::pair(summary.set_aside, said);
  };
  EXPECT_EQ(run({"sphere"}, 3).first, 0);
  const std::string first = text("records.jsonl");
  const auto [others, said] = run({"rastrigin"}, 3);
  EXPECT_EQ(others, 6);
  EXPECT_THAT(said, HasSubstr("6 lines of records.jsonl that this suite does not ask for are now in " +
                              (out_ / "records.previous.jsonl").string() + "\n"));
  EXPECT_EQ(text("records.previous.jsonl"), first);
  const std::string second = text("records.jsonl");
  EXPECT_EQ(run({"rastrigin"}, 1).first, 4) << "fewer instances";
  EXPECT_EQ(run({"sphere"}, 1).first, 2);
  EXPECT_THAT(text("records.previous.jsonl"), StartsWith(first));
  EXPECT_EQ(text("records.previous.jsonl").size(), first.size() + second.size()) << "each line once";
}

TEST_F(RunnerTest, ARecordWithoutItsNewlineCounts) {
  run_benchmark(small_suite(), out_, resolve);
  const std::string whole = text("records.jsonl");
  fs::resize_file(out_ / "records.jsonl", whole.size() - 1);
  const auto summary = run_benchmark(small_suite(), out_, resolve);
  EXPECT_EQ(summary.reused, 48);
  EXPECT_EQ(summary.ran, 0);
  EXPECT_EQ(text("records.jsonl"), whole);
}

TEST_F(RunnerTest, ANameOrAnErrorThatIsNotUtf8DoesNotStopIt) {
  Suite suite = small_suite();
  suite.problems = {"sphere"};
  suite.optimizers = {"caf\xe9=throws"};
  const auto resolver = [](std::string_view name) {
    auto out = resolve(name);
    out.name = "policy:caf\xe9.scout";
    return out;
  };
  EXPECT_EQ(run_benchmark(suite, out_, resolver).ran, 6);
  EXPECT_EQ(read_records(out_).front().optimizer, "caf\uFFFD");
  EXPECT_EQ(run_benchmark(suite, out_, resolver).reused, 6) << "the same records again";
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

/// Gradient descent on gradients alone; `rate` in its settings is "lr".
class Descent : public Optimizer {
 public:
  explicit Descent(double rate) : rate_(rate) {}
  Ending run(Oracle& oracle, std::span<const double> start, Seed) const override {
    ++runs;
    std::vector<double> x(start.begin(), start.end()), gradient(x.size());
    for (;;) {
      oracle.gradient(x, gradient);
      for (std::size_t i = 0; i < x.size(); ++i) x[i] -= rate_ * gradient[i];
    }
  }

 private:
  double rate_;
};

/// Rates 2^-8 ... 2^4, in no order, each with two values of a setting that does nothing.
Contestant resolve_rates(std::string_view name) {
  Contestant out{.name = std::string(name), .fingerprint = "", .grid = {}, .make = {}, .training_cost = {{"seconds", 3}}};
  for (int i = 0; i < 13; ++i) {
    for (const char* schedule : {"constant", "other"}) {
      out.grid.push_back({{"lr", std::exp2((i * 5) % 13 - 8)}, {"schedule", schedule}});
    }
  }
  out.make = [](const nlohmann::json& settings) { return std::make_unique<Descent>(settings.at("lr").get<double>()); };
  return out;
}

Suite network_suite() {
  Suite suite;
  suite.name = "networks";
  suite.problems = {"mlp-blobs:hidden=4,batch=8"};
  suite.budgets = {30};
  suite.instances = 1;
  suite.validation = 1;
  suite.seeds = 2;
  suite.optimizers = {"descent=rates:schedule=constant"};
  suite.threads = 1;
  return suite;
}

TEST_F(RunnerTest, ATrainingRunIsJudgedByWhereItEnds) {
  run_benchmark(network_suite(), out_, resolve_rates);
  const auto records = read_records(out_);
  ASSERT_EQ(records.size(), 2u);
  const auto& record = records.front();
  EXPECT_TRUE(record.stochastic);
  EXPECT_EQ(record.training_cost.at("seconds"), 3);
  EXPECT_EQ(record.outcome.gradients, 30);
  EXPECT_LE(record.outcome.best, record.outcome.final);
  EXPECT_LE(record.outcome.objective_seconds, record.outcome.seconds);
  ASSERT_EQ(record.outcome.metrics.size(), 4u);
  EXPECT_EQ(record.outcome.metrics[0].name, "held-out-accuracy");

  const auto instance = family("mlp-blobs:hidden=4,batch=8")->sample(Split::test, 0, 0);
  Oracle oracle(*instance, 30);
  try {
    Descent(record.settings.at("lr")).run(oracle, start_of(*instance, record.task, Split::test, 0, 0), Seed(0));
  } catch (const BudgetExhausted&) {
  }
  EXPECT_NEAR(record.outcome.final, instance->true_value(oracle.last_point()), 1e-5);
}

TEST_F(RunnerTest, TheSearchFindsWhatTheGridFinds) {
  Suite suite = network_suite();
  suite.optimizers = {"descent=rates"};
  run_benchmark(suite, out_, resolve_rates);
  const auto whole = nlohmann::json::parse(text("tuning.json")).front();
  EXPECT_EQ(whole.at("scores").size(), 26u);
  fs::remove_all(out_);
  suite.tuning = "search";
  run_benchmark(suite, out_, resolve_rates);
  const auto found = nlohmann::json::parse(text("tuning.json")).front();
  EXPECT_EQ(found.at("settings"), whole.at("settings"));
  EXPECT_EQ(found.at("score"), whole.at("score"));
  EXPECT_LE(found.at("scores").size(), 2 * 8u) << "of 13: 4 first, then at most 2 and 2";
}

TEST_F(RunnerTest, PinsNarrowTheGrid) {
  Suite suite = network_suite();
  suite.optimizers = {"descent=rates:schedule=constant,lr>=0.5,lr<=2"};
  run_benchmark(suite, out_, resolve_rates);
  const auto tuned = nlohmann::json::parse(text("tuning.json")).front();
  ASSERT_EQ(tuned.at("grid").size(), 3u);
  for (const auto& settings : tuned.at("grid")) EXPECT_EQ(settings.at("schedule"), "constant");

  const auto message = [&](const std::string& entry) -> std::string {
    suite.optimizers = {entry};
    try {
      run_benchmark(suite, out_, resolve_rates);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(message("rates:schedule=cosine"), AllOf(HasSubstr("schedule=cosine"), HasSubstr("\"constant\", \"other\"")));
  EXPECT_THAT(message("rates:speed=1"), HasSubstr("has no 'speed'"));
}

TEST_F(RunnerTest, AnArchiveIsReused) {
  const fs::path archive = out_ / "archive", here = out_ / "here";
  run_benchmark(network_suite(), archive, resolve_rates);
  runs = 0;
  std::string last;
  Suite suite = network_suite();
  suite.optimizers.push_back("slow=rates:lr<=0.004,schedule=constant");
  const auto summary = run_benchmark(
      suite, here, resolve_rates, [&](const std::string& line) { last = line; }, archive);
  EXPECT_EQ(summary.archived, 2);
  EXPECT_EQ(summary.ran, 2) << "what the archive does not hold";
  EXPECT_EQ(runs, 2 + 2) << "two probes and the new runs";
  EXPECT_THAT(last, HasSubstr("2 from the archive"));
  EXPECT_EQ(read_records(here).size(), 4u);

  const auto again = run_benchmark(
      suite, here, resolve_rates, [](const auto&) {}, archive);
  EXPECT_EQ(again.archived, 0) << "now the folder holds them itself";
  EXPECT_EQ(again.reused, 4);
  EXPECT_FALSE(fs::exists(here / "records.previous.jsonl"));
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
                    .final = 2.75,
                    .metrics = {{"accuracy", 0.5}},
                    .curve = {{1, 0, INFINITY}, {7, 5, 2.5}},
                    .seconds = 0.5,
                    .objective_seconds = 0.25,
                    .path = {},
                    .best_point = {}};
  const auto line = record_to_json(record);
  EXPECT_EQ(record_to_json(record_from_json(nlohmann::json::parse(line.dump()))), line);
  EXPECT_EQ(record_from_json(line).outcome.best, INFINITY);
  EXPECT_FALSE(line.contains("stochastic"));

  record.stochastic = true;
  record.training_cost = {{"seconds", 12}};
  record.outcome.final = 1.0 / 3;
  const auto rounded = record_to_json(record);
  EXPECT_EQ(rounded.at("final"), 0.333333);
  EXPECT_EQ(record_to_json(record_from_json(rounded)), rounded);
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
