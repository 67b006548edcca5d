#include "scout/bench/report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>

#include "scout/bench/report/figures.h"
#include "scout/bench/report/page.h"
#include "scout/bench/run/trajectory.h"
#include "scout/bench/tables/results.h"
#include "scout/problem/catalog/family.h"

namespace scout::bench {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

/// A run that starts at gap 10 and ends, after 20 calls, at `gap`.
Record make_record(const std::string& optimizer, const std::string& problem, int instance, int seed, double gap) {
  Record record;
  record.task = {problem, 2, 20};
  record.instance = instance;
  record.seed = seed;
  record.optimizer = optimizer;
  record.method = optimizer == "mine" ? "policy:mine.scout" : optimizer;
  record.settings = {{"lr", 0.1}};
  record.key = "k";
  record.optimum = 1.0;
  record.outcome.status = "done";
  record.outcome.values = 10;
  record.outcome.gradients = 10;
  record.outcome.start_value = 11.0;
  record.outcome.best = 1.0 + gap;
  record.outcome.curve = {{1, 1, 11.0}, {5, 5, 1.0 + gap}, {10, 10, 1.0 + gap}};
  record.machine = {{"cpu", "a <fast> one"}, {"cores", 2}};
  record.versions = {{"scout", "9.8.7"}};
  return record;
}

std::vector<Record> records() {
  std::vector<Record> out;
  for (const char* problem : {"sphere", "rastrigin"}) {
    for (int instance = 0; instance < 3; ++instance) {
      for (int seed = 0; seed < 2; ++seed) {
        out.push_back(make_record("adam", problem, instance, seed, 1.0 + instance));
        out.push_back(make_record("mine", problem, instance, seed, 0.01 * (1 + instance)));
      }
    }
  }
  out.back().outcome.status = "error";
  out.back().outcome.message = "it <broke>";
  return out;
}

class ReportTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::path(testing::TempDir()) /
                 ("report_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(directory_);
    fs::create_directories(directory_);
  }
  void TearDown() override { fs::remove_all(directory_); }

  void write(const char* file, const std::string& text) const { std::ofstream(directory_ / file) << text; }
  void write_records(const std::vector<Record>& all) const {
    std::string text;
    for (const auto& record : all) text += record_to_json(record).dump() + "\n";
    write("records.jsonl", text);
  }
  std::string html() const {
    std::ifstream in(write_report(directory_));
    return {std::istreambuf_iterator<char>(in), {}};
  }

  fs::path directory_;
};

Suite suite_with_targets(std::vector<double> targets) {
  Suite suite;
  suite.targets = std::move(targets);
  return suite;
}

TEST(Results, GapsRanksAndScores) {
  const Results results = collect(records(), suite_with_targets({0.1, 0.001}));
  ASSERT_EQ(results.rows.size(), 2u);
  EXPECT_EQ(results.rows[0].label, "mine");
  EXPECT_TRUE(results.rows[0].policy);
  EXPECT_DOUBLE_EQ(results.rows[0].mean_rank, 1);
  EXPECT_NEAR(median_gap(results.rows[0].cells[0]), 0.02, 1e-12);
  EXPECT_NEAR(median_relative(results.rows[1].cells[0]), 0.2, 1e-12);
  // Twelve runs: 4 each at 0.1, 0.2 and 0.3; the middle six are 1 × 0.1, 4 × 0.2, 1 × 0.3.
  EXPECT_NEAR(results.rows[1].score.estimate, 0.2, 1e-12);
  EXPECT_EQ(results.instances, 3);
  EXPECT_EQ(results.seeds, 2);
  ASSERT_EQ(results.failures.size(), 1u);
  EXPECT_THAT(results.failures[0], HasSubstr("it <broke>"));
  EXPECT_THAT(headline(results), HasSubstr("on 2 of 2 problems"));
  EXPECT_THAT(summary_table(results), HasSubstr("2.00e-02*"));
}

TEST(Results, ValuesBelowTheKnownOptimumAreDoubted) {
  auto all = records();
  EXPECT_THAT(collect(all, suite_with_targets({0.1})).doubts, testing::IsEmpty());
  all[0].outcome.best = 1.0 - 1e-9;  // rounding
  EXPECT_THAT(collect(all, suite_with_targets({0.1})).doubts, testing::IsEmpty());
  all[0].outcome.best = -3;
  EXPECT_THAT(
      collect(all, suite_with_targets({0.1})).doubts,
      testing::ElementsAre(HasSubstr("adam on sphere, 2-D, 20 calls: 1 × a value below the known optimum, by up to 4")));
}

TEST(Results, CostsOfTargetsOnBothAxes) {
  const Results results = collect({make_record("adam", "sphere", 0, 0, 0.5)}, suite_with_targets({0.1, 0.001}));
  const bench::Run& run = results.rows[0].cells[0][0];
  EXPECT_EQ(run.to_target[static_cast<int>(Cost::calls)][0].to_target, 10);
  EXPECT_EQ(run.to_target[static_cast<int>(Cost::evaluations)][0].to_target, 15) << "5 values and 5 gradients in 2-D";
  EXPECT_EQ(run.to_target[static_cast<int>(Cost::calls)][1].to_target, INFINITY);
  EXPECT_EQ(run.to_target[static_cast<int>(Cost::evaluations)][1].in_all, 30);
  EXPECT_DOUBLE_EQ(relative_at(run, Cost::calls, 2, 1), 1);
  EXPECT_DOUBLE_EQ(relative_at(run, Cost::calls, 2, 10), 0.05);
}

TEST(Results, AnUnknownOptimumIsTheBestThatAnyRunFound) {
  auto all = std::vector{make_record("adam", "sphere", 0, 0, 3.0), make_record("mine", "sphere", 0, 0, 1.0)};
  for (auto& record : all) record.optimum.reset();
  const Results results = collect(all, {});
  EXPECT_EQ(results.rows[0].label, "mine");
  EXPECT_DOUBLE_EQ(median_gap(results.rows[0].cells[0]), 0);
  EXPECT_DOUBLE_EQ(median_gap(results.rows[1].cells[0]), 2);
}

TEST(Results, RunsWithoutAFiniteValueRankLast) {
  auto broken = make_record("adam", "sphere", 0, 0, 0);
  broken.outcome.best = INFINITY;
  broken.outcome.curve = {{10, 10, INFINITY}};
  broken.outcome.status = "non-finite";
  const Results results = collect({broken, make_record("mine", "sphere", 0, 0, 5.0)}, {});
  EXPECT_EQ(results.rows[1].label, "adam");
  EXPECT_EQ(median_gap(results.rows[1].cells[0]), INFINITY);
  EXPECT_NO_THROW(summary_table(results));
}

TEST_F(ReportTest, IsOneFileWithEverything) {
  write_records(records());
  write("suite.json", R"({"name": "small", "title": "A & B", "targets": [0.1, 1e-5]})");
  const std::string page = html();
  for (const char* part : {"A &amp; B", "mine", "adam", "rastrigin", "<svg", "0.0200", "10<sup>−5</sup>", "it &lt;broke&gt;",
                           "a &lt;fast&gt; one", "9.8.7"}) {
    EXPECT_THAT(page, HasSubstr(part));
  }
  EXPECT_THAT(page, Not(HasSubstr("src=\"http")));
  EXPECT_THAT(page, Not(HasSubstr("<link")));
  EXPECT_THAT(page, Not(HasSubstr("nan")));
  EXPECT_THAT(report_text(directory_), HasSubstr("mine has a lower median final gap"));
}

TEST_F(ReportTest, OldRecordsWithoutLaterFieldsAreDrawn) {
  std::string text;
  for (const auto& record : records()) {
    auto line = record_to_json(record);
    for (const char* field :
         {"method", "settings", "key", "non_finite", "seconds", "objective_seconds", "machine", "versions"}) {
      line.erase(field);
    }
    text += line.dump() + "\n";
  }
  write("records.jsonl", text);
  EXPECT_THAT(html(), HasSubstr("adam"));
}

TEST_F(ReportTest, DrawsPathsAndExplorers) {
  write_records(records());
  const auto instance = family("rastrigin")->sample(Split::test, 0, 2);
  const std::string name = instance_name("rastrigin", Split::test, 0);
  EXPECT_EQ(name, "rastrigin/test/0");
  write(
      "trajectories.jsonl",
      contour_line(name, *instance, 11).dump() + "\n" +
          R"({"kind":"path","instance":"rastrigin/test/0","optimizer":"mine","method":"policy:x","settings":{},"status":"done",)" +
          R"("budget":20,"path":[[0,0,5],[1,1,null],[0.5,0.5,4]],"best_point":[0.5,0.5],"best":4})" + "\n");
  write("explorers.jsonl",
        contour_line(name, *instance, 11).dump() + "\n" +
            R"({"instance":"rastrigin/test/0","explorer":3,"coordinate":1,"step":0,"theta":[0,0],"value":5,"event":"move"})"
            "\n"
            R"({"instance":"rastrigin/test/0","explorer":3,"coordinate":1,"step":1,"theta":[2,2],"value":6,"event":"reset"})"
            "\n"
            R"({"instance":"rastrigin/test/0","explorer":3,"coordinate":0,"step":2,"theta":[2,1],"value":2,"event":"prune"})"
            "\n");
  const std::string page = html();
  EXPECT_THAT(page, HasSubstr("Paths in two dimensions"));
  EXPECT_THAT(page, HasSubstr("explorer 3"));
  EXPECT_THAT(page, HasSubstr("1 → 0"));
  EXPECT_THAT(page, HasSubstr("data:image/png;base64"));
}

TEST_F(ReportTest, ErrorsSayWhatAndWhere) {
  auto error = [&] {
    try {
      write_report(directory_);
    } catch (const std::exception& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(error(), HasSubstr("records.jsonl: no records"));
  write("records.jsonl", "{\"problem\": \"sphere\"}\n");
  EXPECT_THAT(error(), HasSubstr("record 1: not a record of a run"));
  write("records.jsonl", "{]\n");
  EXPECT_THAT(error(), HasSubstr("records.jsonl:1"));
  write_records(records());
  write("explorers.jsonl", "{\"instance\": \"a\"}\n");
  EXPECT_THAT(error(), HasSubstr("explorers.jsonl"));
}

/// Sets a variable of the environment as long as it lives.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    setenv(name, value.c_str(), 1);
  }
  ~Variable() { before_ ? setenv(name_, before_->c_str(), 1) : unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

TEST(Gnuplot, WhatUsersSetForTheirOwnPlotsChangesNothing) {
  const std::string script = "set xrange [0:2]\n$d << EOD\n0 0.5\n1 1.5\nEOD\nplot $d using 1:2 with lines\n";
  const std::string figure = draw_svg(script, 100, 100);
  const fs::path home = fs::path(testing::TempDir()) / "it's a home";
  fs::create_directories(home);
  std::ofstream(home / ".gnuplot") << "set datafile separator ','\nset yrange [1000:2000]\nprint 'hello'\n";
  const Variable set_home("HOME", home.string()), set_temporary("TMPDIR", home.string());
  EXPECT_EQ(draw_svg(script, 100, 100), figure);
  fs::remove_all(home);
}

TEST(Gnuplot, ErrorsAreItsOwn) {
  try {
    draw_svg("plot nonsense(\n", 100, 100);
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("gnuplot"));
  }
}

TEST(Page, Numbers) {
  EXPECT_EQ(html_number(0), "0");
  EXPECT_EQ(html_number(12.345), "12.3");
  EXPECT_EQ(html_number(-0.012345), "−0.0123");
  EXPECT_EQ(html_number(1234.5), "1234");
  EXPECT_EQ(html_number(3.2e-7), "3.2·10<sup>−7</sup>");
  EXPECT_EQ(html_number(INFINITY), "–");
  EXPECT_EQ(escape_html("<a & \"b\">"), "&lt;a &amp; &quot;b&quot;&gt;");
}

}  // namespace
}  // namespace scout::bench
