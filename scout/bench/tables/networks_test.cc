#include "scout/bench/tables/networks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <iterator>

#include "scout/bench/report/report.h"

namespace scout::bench {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

/// A run of 100 steps from loss 4 that halves its distance to `loss` at each judged step, and reaches it at step `at`.
Record make_record(const std::string& optimizer, const std::string& init, int seed, double loss, std::int64_t at = 100) {
  Record record;
  record.task = {"mlp-blobs:hidden=8,init=" + init + ",batch=16", 117, 100};
  record.seed = seed;
  record.optimizer = optimizer;
  record.method = optimizer == "mine" ? "policy:mine.scout" : optimizer.substr(0, optimizer.find('-'));
  record.settings = {{"lr", 0.1}, {"schedule", optimizer == "adam-cosine" ? "cosine" : "constant"}};
  if (optimizer == "mine") {
    record.settings = nlohmann::json::object();
    record.training_cost = {{"evaluations", 6000}, {"seconds", 12.0}};
  }
  record.stochastic = true;
  record.outcome.status = "done";
  record.outcome.gradients = 100;
  record.outcome.start_value = 4.0;
  record.outcome.best = loss;
  record.outcome.final = loss;
  record.outcome.metrics = {{"held-out-accuracy", optimizer == "mine" ? 0.75 : 0.5}};
  record.outcome.curve = {{0, 1, 4.0}, {0, at, loss}, {0, 100, loss}};
  record.outcome.seconds = 2.0;
  record.outcome.objective_seconds = 1.5;
  return record;
}

/// Adam ends at 1 with he after 80 steps and at 2 with large after 100; the policy passes these at 40 and never.
std::vector<Record> records() {
  std::vector<Record> out;
  for (int seed = 0; seed < 3; ++seed) {
    out.push_back(make_record("adam", "he", seed, 1.0, 80));
    out.push_back(make_record("adam", "large", seed, 2.0));
    out.push_back(make_record("adam-cosine", "he", seed, 0.9, 100));
    out.push_back(make_record("adam-cosine", "large", seed, 1.5, 100));
    out.push_back(make_record("mine", "he", seed, 0.8, 40));
    out.push_back(make_record("mine", "large", seed, 2.5));
  }
  return out;
}

std::size_t row_of(const Results& results, const std::string& label) {
  for (std::size_t r = 0; r < results.rows.size(); ++r) {
    if (results.rows[r].label == label) return r;
  }
  throw std::out_of_range(label);
}

TEST(Axis, IsReadAndCutOut) {
  EXPECT_EQ(axis_value("mlp-blobs:hidden=8,init=he,batch=16", "init"), "he");
  EXPECT_EQ(axis_value("mlp-blobs:hidden=8,init=he,batch=16", "batch"), "16");
  EXPECT_EQ(axis_value("mlp-blobs:hidden=8", "init"), "");
  EXPECT_EQ(axis_value("mlp-blobs", "init"), "");
  EXPECT_EQ(without_axis("mlp-blobs:hidden=8,init=he,batch=16", "init"), "mlp-blobs:hidden=8,batch=16");
  EXPECT_EQ(without_axis("mlp-blobs:init=he,batch=16", "init"), "mlp-blobs:batch=16");
  EXPECT_EQ(without_axis("mlp-blobs:hidden=8,init=he", "init"), "mlp-blobs:hidden=8");
  EXPECT_EQ(without_axis("mlp-blobs:init=he", "init"), "mlp-blobs");
}

TEST(Networks, AreJudgedByWhereTheyEnd) {
  auto all = records();
  all.front().outcome.best = 0.1;  // passed on the way
  const Results results = collect(all, {});
  EXPECT_TRUE(results.training);
  EXPECT_DOUBLE_EQ(median_gap(results.rows[row_of(results, "adam")].cells[0]), 1.0);
  EXPECT_DOUBLE_EQ(*median_metric(results.rows[row_of(results, "mine")].cells[0], "held-out-accuracy"), 0.75);
  EXPECT_FALSE(median_metric(results.rows[0].cells[0], "held-out-loss"));
  EXPECT_DOUBLE_EQ(wall_clock(results.rows[0].cells[0]).own_share, 0.25);
}

TEST(Networks, MilestoneIsTheBestConstantAdam) {
  auto all = records();
  for (int seed = 0; seed < 3; ++seed) all.push_back(make_record("adam-slow", "he", seed, 3.0));
  const Results results = collect(all, {});
  const Milestone he = milestone(results, 0);
  ASSERT_TRUE(he.rival);
  EXPECT_EQ(he.rival->label, "adam");
  EXPECT_DOUBLE_EQ(he.loss, 1.0);
  EXPECT_DOUBLE_EQ(he.rival_steps, 80);
  EXPECT_DOUBLE_EQ(he.steps[row_of(results, "mine")], 40);
  EXPECT_DOUBLE_EQ(he.samples[row_of(results, "mine")], 640);
  EXPECT_DOUBLE_EQ(he.speed_up(row_of(results, "mine")), 2);
  EXPECT_EQ(he.steps[row_of(results, "adam-slow")], INFINITY);
  const Milestone large = milestone(results, 1);
  EXPECT_EQ(large.steps[row_of(results, "mine")], INFINITY);
  EXPECT_EQ(large.speed_up(row_of(results, "mine")), 0);
  EXPECT_THAT(networks_headline(results), HasSubstr("on 1 of 2 problems"));
  EXPECT_THAT(networks_headline(results), HasSubstr("2.00 times fewer"));
}

TEST(Networks, SamplesAreUnknownWhereBatchesDiffer) {
  Record record = make_record("adam", "he", 0, 1.0, 80);
  record.task.problem = "mlp-blobs:hidden=8,batch=16|32";
  const Results results = collect({record}, {});
  const Milestone mixed = milestone(results, 0);
  EXPECT_EQ(mixed.samples[row_of(results, "adam")], INFINITY);
  EXPECT_EQ(mixed.steps[row_of(results, "adam")], 80);
}

TEST(Networks, WithoutAdamThereIsNoMilestone) {
  const Results results = collect({make_record("sgd", "he", 0, 1.0)}, {});
  EXPECT_FALSE(milestone(results, 0).rival);
  EXPECT_THAT(networks_text(results), Not(HasSubstr("Adam")));
  EXPECT_THAT(networks_headline(results), HasSubstr("sgd leads"));
}

TEST(Networks, RobustnessOverInitialisations) {
  const Results results = collect(records(), {});
  const auto groups = initialisation_groups(results);
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].problem, "mlp-blobs:hidden=8,batch=16");
  const Robustness adam = robustness(results.rows[row_of(results, "adam")], groups[0], results);
  EXPECT_DOUBLE_EQ(adam.best, 1);
  EXPECT_DOUBLE_EQ(adam.worst, 2);
  EXPECT_EQ(adam.worst_initialisation, "large");
  EXPECT_TRUE(initialisation_groups(collect({make_record("adam", "he", 0, 1.0)}, {})).empty());
}

TEST(Networks, PaybackIsCostOverWhatAUseSaves) {
  const Results results = collect(records(), {});
  const Payback mine = payback(results, row_of(results, "mine"));
  EXPECT_DOUBLE_EQ(*mine.by_steps, 6000 / ((80.0 - 40) / 2)) << "nothing is saved where the loss is not reached";
  EXPECT_DOUBLE_EQ(*mine.by_seconds, 12.0 / ((80.0 - 40) * 0.02 / 2));
  EXPECT_FALSE(payback(results, row_of(results, "adam")).by_steps);

  auto slow = records();
  for (auto& record : slow) {
    if (record.optimizer == "mine") record.outcome.curve[1].gradients = 90;
  }
  const Results later = collect(slow, {});
  EXPECT_EQ(*payback(later, row_of(later, "mine")).by_steps, INFINITY);
}

/// Steps on the first task: the policy takes four times Adam's time and half as much memory again.
StepCosts step_costs() {
  StepCosts costs;
  costs.task = make_record("adam", "he", 0, 1).task;
  costs.weights = 100;
  costs.tensors = 4;
  costs.adam = {"adam", 2e-5, 800};
  costs.costs = {{"adam", 2.1e-5, 800}, {"mine", 8e-5, 1200}};
  return costs;
}

TEST(Networks, StepsAreComparedWithTorchAdamOnTheSameWeights) {
  Results results = collect(records(), {});
  EXPECT_FALSE(step_ratio(results, row_of(results, "mine"), 0));
  results.step_costs = {step_costs()};
  const auto mine = step_ratio(results, row_of(results, "mine"), 0);
  ASSERT_TRUE(mine);
  EXPECT_DOUBLE_EQ(mine->time, 4);
  EXPECT_DOUBLE_EQ(mine->bytes, 12);
  EXPECT_DOUBLE_EQ(mine->memory, 1.5);
  EXPECT_FALSE(step_ratio(results, row_of(results, "adam-cosine"), 0)) << "not measured";
  EXPECT_FALSE(step_ratio(results, row_of(results, "mine"), 1)) << "not on that task";
}

class NetworksReport : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(directory_);
    fs::create_directories(directory_);
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::string html(const std::vector<Record>& all) const {
    std::string text;
    for (const auto& record : all) text += record_to_json(record).dump() + "\n";
    std::ofstream(directory_ / "records.jsonl") << text;
    std::ifstream in(write_report(directory_));
    return {std::istreambuf_iterator<char>(in), {}};
  }

  fs::path directory_ = fs::path(testing::TempDir()) / ("networks_report." + std::to_string(getpid()));
};

TEST_F(NetworksReport, HasItsOwnTables) {
  const std::string page = html(records());
  for (const char* part : {"Final train loss", "Accuracy on unseen", "75.0", "2.00&nbsp;×", "never", "Robustness", "(large)",
                           "25.0&nbsp;%", "paid back after 300 uses", "<svg"}) {
    EXPECT_THAT(page, HasSubstr(part));
  }
  for (const char* absent : {"textbook", "Performance profile", "nan", ">inf"}) EXPECT_THAT(page, Not(HasSubstr(absent)));
  const std::string text = report_text(directory_);
  for (const char* part : {"Median final train loss", "40 2.00x*", "never", "75.0*", "0.9 1.5 (large)"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST_F(NetworksReport, ShowsStepTimeAndMemoryFromTheRecords) {
  EXPECT_THAT(html(records()), Not(HasSubstr("Step time and memory")));
  std::ofstream(directory_ / "steps.jsonl") << step_costs_to_json(step_costs()).dump() << '\n';
  const std::string page = html(records());
  for (const char* part : {"Step time and memory", "100&nbsp;weights in 4&nbsp;tensors", "0.0800&nbsp;ms, 4.00&nbsp;×",
                           "12&nbsp;B, 1.50&nbsp;×", "0.0210&nbsp;ms, 1.05&nbsp;×"}) {
    EXPECT_THAT(page, HasSubstr(part));
  }
  const std::string text = report_text(directory_);
  for (const char* part : {"80 4.00x", "12 1.50x", "8 1.00x"}) EXPECT_THAT(text, HasSubstr(part));
}

TEST_F(NetworksReport, SurvivesRunsWithoutAFiniteLoss) {
  auto all = records();
  for (auto& record : all) {
    if (record.optimizer != "adam-cosine") continue;
    record.outcome.status = "non-finite";
    record.outcome.best = record.outcome.final = INFINITY;
    record.outcome.curve = {{0, 1, INFINITY}};
    record.outcome.metrics.clear();
  }
  const std::string page = html(all);
  EXPECT_THAT(page, Not(HasSubstr("nan")));
  EXPECT_THAT(page, HasSubstr("3 × non-finite"));
}

TEST_F(NetworksReport, SaysWhyAndWhenRunsFailed) {
  auto all = records();
  for (auto& record : all) {
    if (record.optimizer != "adam") continue;
    record.outcome.status = "failed";
    record.outcome.non_finite = 1;
    record.outcome.gradients = 40 + record.seed;
  }
  const std::string page = html(all);
  EXPECT_THAT(page, HasSubstr("3 × failed: diverged, f or its gradient was not finite, after 40 to 42 calls"));
  EXPECT_THAT(page, Not(HasSubstr("nan")));
}

TEST_F(NetworksReport, UnknownCostIsLeftOut) {
  auto all = records();
  for (auto& record : all) record.training_cost = nlohmann::json::object();
  EXPECT_THAT(html(all), Not(HasSubstr("Meta-training")));
}

}  // namespace
}  // namespace scout::bench
