// Benchmarks of fixed problems with known answers: no tuning, own dimensions, the table of success.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "scout/bench/report/report.h"
#include "scout/bench/run/runner.h"
#include "scout/bench/tables/success.h"

namespace scout::bench {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// Follows the gradient, with steps that grow while they pay; or looks at the start alone.
class Toy : public Optimizer {
 public:
  explicit Toy(bool descends) : descends_(descends) {}
  Ending run(Oracle& oracle, std::span<const double> start, Seed) const override {
    std::vector<double> x(start.begin(), start.end()), g(x.size()), next(x.size()), g_next(x.size());
    double f = oracle.value_and_gradient(x, g), length = 1e-3;
    while (descends_) {
      for (std::size_t i = 0; i < x.size(); ++i) next[i] = x[i] - length * g[i];
      const double f_next = oracle.value_and_gradient(next, g_next);
      length *= f_next < f ? 1.5 : 0.3;
      if (!(f_next < f)) continue;
      x = next, g = g_next, f = f_next;
    }
    return Ending::converged;
  }

 private:
  bool descends_;
};

Contestant resolve(std::string_view name) {
  Contestant out{.name = std::string(name), .fingerprint = "1", .grid = {{{"rate", 1}}, {{"rate", 2}}}, .make = {}};
  out.make = [name = out.name](const nlohmann::json&) { return std::make_unique<Toy>(name == "descent"); };
  return out;
}

class FixedProblems : public testing::Test {
 protected:
  void SetUp() override {
    out_ = fs::path(testing::TempDir()) /
           ("fixed_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(out_);
    suite_.name = "real";
    suite_.problems = {"lennard-jones", "nist", "phase-retrieval"};
    suite_.budgets = {2000};
    suite_.instances = 11;  // lennard-jones has ten
    suite_.seeds = 2;
    suite_.optimizers = {"descent:rate=1", "stays:rate=1"};
    suite_.threads = 1;
    suite_.success = 1e-4;
  }
  void TearDown() override { fs::remove_all(out_); }

  fs::path out_;
  Suite suite_;
};

TEST_F(FixedProblems, AreRunAndReportedWithSuccess) {
  const auto tasks = suite_.tasks();
  ASSERT_EQ(tasks.size(), 3u);
  EXPECT_EQ(to_string(tasks[1]), "nist, 2000 calls");
  const auto summary = run_benchmark(suite_, out_, resolve);
  EXPECT_EQ(summary.ran, 2 * 2 * (10 + 11 + 11));
  EXPECT_EQ(run_benchmark(suite_, out_, resolve).reused, summary.ran);
  for (const auto& record : read_records(out_)) {
    ASSERT_TRUE(record.own_dimension);
    if (record.task.problem == "lennard-jones") {
      EXPECT_EQ(*record.own_dimension, 3 * (4 + record.instance));
    }
  }
  const Results results = read_results(out_);
  ASSERT_EQ(results.rows.size(), 2u);
  const std::size_t descent = results.rows[0].label == "descent:rate=1" ? 0 : 1;
  EXPECT_EQ(successes(results, descent, 0).runs, 20u);
  EXPECT_GE(successes(results, descent, 0).found, 3u) << "four and five atoms";
  EXPECT_GT(successes(results, descent, 2).found, 4u);
  EXPECT_GT(successes(results, descent, 0).calls, 10);
  EXPECT_EQ(successes(results, 1 - descent, 3).found, 0u);
  EXPECT_EQ(successes(results, 1 - descent, 3).runs, 64u);
  EXPECT_THAT(report_text(out_), AllOf(HasSubstr("0.0001 |f*|"), HasSubstr("0/20"), HasSubstr("0/64")));
  write_report(out_);
  std::ifstream in(out_ / "report.html");
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  EXPECT_THAT(page, AllOf(HasSubstr("The known least value"), HasSubstr("0/22"), HasSubstr("nobody was tuned")));
}

TEST_F(FixedProblems, NobodyIsTunedOnThem) {
  suite_.optimizers = {"descent"};
  try {
    run_benchmark(suite_, out_, resolve);
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("descent"), HasSubstr("lennard-jones"), HasSubstr("judging alone")));
    EXPECT_FALSE(fs::exists(out_)) << "what is refused leaves nothing";
  }
  EXPECT_FALSE(fs::exists(out_ / "records.jsonl"));
}

Record record_of(double optimum, double best, double unit) {
  Record record;
  record.task = {"nist", 0, 100};
  record.optimizer = record.method = "adam";
  record.optimum = optimum;
  record.unit = unit;
  record.outcome.status = "done";
  record.outcome.values = 9;
  record.outcome.start_value = 1e6;
  record.outcome.best = best;
  record.outcome.curve = {{1, 0, 1e6}, {7, 0, best}, {9, 0, best}};
  return record;
}

TEST(Success, IsAShareOfTheLeastValueOrOfTheSquareOfTheUnit) {
  ReportOptions options;
  options.success = 1e-4;
  const auto calls = [&](double optimum, double best, double unit) {
    return collect({record_of(optimum, best, unit)}, options).rows[0].cells[0][0].to_success.to_target;
  };
  for (const double unit : {1.0, 1e5}) {
    EXPECT_EQ(calls(2, 2.0001, unit), 7);
    EXPECT_EQ(calls(2, 2.0003, unit), INFINITY);
    EXPECT_EQ(calls(-2, -1.9999, unit), 7);
    EXPECT_EQ(calls(-2, -1.9997, unit), INFINITY);
    EXPECT_EQ(calls(0, 0.9e-8 * unit, unit), 7);
    EXPECT_EQ(calls(0, 1.1e-8 * unit, unit), INFINITY);
  }
  options.success = 0;
  EXPECT_EQ(success_text(collect({record_of(2, 2, 1)}, options)), "") << "a suite without it";
}

TEST(Success, RecordsKeepTheDimensionOfTheirProblem) {
  Record record = record_of(0, 1, 1);
  EXPECT_FALSE(record_from_json(record_to_json(record)).own_dimension) << "as archived";
  record.own_dimension = 7;
  EXPECT_EQ(record_from_json(record_to_json(record)).own_dimension, 7);
  record.outcome.gradients = 2;
  const auto run = collect({record}, {}).rows[0].cells[0][0];
  EXPECT_EQ(run.to_target[static_cast<int>(Cost::evaluations)][0].in_all, 9 + 2 * 7);
}

}  // namespace
}  // namespace scout::bench
