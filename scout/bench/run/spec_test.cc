#include "scout/bench/run/spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace scout::bench {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* kValid = R"(
title = "A suite"
problems = ["sphere", "rastrigin-rotated"]
dimensions = [2, 5]
budgets = 100
optimizers = ["adam", "mine=policy:a/b.scout"]
targets = [0.1]
[trajectories]
problems = ["sphere"]
)";

std::string write(const std::string& text) {
  const std::string path = testing::TempDir() + "spec_test.toml";
  std::ofstream(path) << text;
  return path;
}

std::string error_of(const std::string& text) {
  try {
    load_suite(write(text));
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no error";
}

std::string with(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST(Spec, ReadsASuite) {
  const Suite suite = load_suite(write(kValid));
  EXPECT_EQ(suite.name, "spec_test");
  EXPECT_EQ(suite.title, "A suite");
  const auto tasks = suite.tasks();
  ASSERT_EQ(tasks.size(), 4u);
  EXPECT_EQ(tasks[1], (Task{"sphere", 5, 100}));
  EXPECT_EQ(to_string(tasks[2]), "rastrigin-rotated, 2-D, 100 calls");
  EXPECT_EQ(suite.trajectories.problems, std::vector<std::string>{"sphere"});
}

TEST(Spec, NetworksHaveTheirOwnDimension) {
  Suite suite = load_suite(write(with(kValid, "\"rastrigin-rotated\"", "\"mlp-blobs:hidden=4\"")));
  const auto tasks = suite.tasks();
  ASSERT_EQ(tasks.size(), 3u);
  EXPECT_EQ(tasks[2], (Task{"mlp-blobs:hidden=4", 8 * 4 + 4 + 4 * 5 + 5, 100}));
  EXPECT_THAT(error_of(with(kValid, "problems = [\"sphere\"]", "problems = [\"mlp-blobs\"]")),
              HasSubstr("trajectories.problems"));
}

TEST(Spec, OptimizerLabels) {
  EXPECT_EQ(parse_optimizer("adam").label, "adam");
  EXPECT_EQ(parse_optimizer("mine=policy:a=b").label, "mine");
  EXPECT_EQ(parse_optimizer("mine=policy:a=b").name, "policy:a=b");
  EXPECT_EQ(parse_optimizer("policy:a=b").label, "policy:a=b");
  EXPECT_THROW(parse_optimizer("=x"), std::invalid_argument);
}

TEST(Spec, PinnedSettings) {
  const auto entry = parse_optimizer("mine=adam:schedule=constant,lr<=0.3,lr>=1e-3");
  EXPECT_EQ(entry.label, "mine");
  EXPECT_EQ(entry.name, "adam");
  ASSERT_EQ(entry.pins.size(), 3u);
  EXPECT_TRUE(entry.pins[0].holds({{"schedule", "constant"}}));
  EXPECT_FALSE(entry.pins[0].holds({{"schedule", "cosine"}}));
  EXPECT_FALSE(entry.pins[0].holds({{"lr", 1}})) << "no such setting";
  EXPECT_TRUE(entry.pins[1].holds({{"lr", 0.3}}));
  EXPECT_FALSE(entry.pins[1].holds({{"lr", 0.31}}));
  EXPECT_FALSE(entry.pins[2].holds({{"lr", 1e-4}}));
  EXPECT_EQ(parse_optimizer("adam:lr<=1").label, "adam:lr<=1");
  EXPECT_THROW(parse_optimizer("adam:schedule"), std::invalid_argument);
  for (const auto* pin : {"lr<1", "lr==1", "=1", "lr=", "lr=1=2"}) {
    EXPECT_THROW(parse_optimizer(std::string("adam:") + pin), std::invalid_argument) << pin;
  }
}

TEST(Spec, ErrorsNameFileOptionAndCondition) {
  EXPECT_THAT(error_of(with(kValid, "targets = [0.1]", "targets = [-1.0]")),
              AllOf(HasSubstr("spec_test.toml"), HasSubstr("targets"), HasSubstr("-1")));
  EXPECT_THAT(error_of(with(kValid, "targets", "target")), AllOf(HasSubstr("target"), HasSubstr("targets")));
  EXPECT_THAT(error_of(with(kValid, "[2, 5]", "[]")), AllOf(HasSubstr("dimensions"), HasSubstr("at least one")));
  EXPECT_THAT(error_of(with(kValid, "\"adam\"", "\"adam\", \"adam\"")), AllOf(HasSubstr("optimizers"), HasSubstr("adam")));
  EXPECT_THAT(error_of(with(kValid, "rastrigin-rotated", "rastragin")), HasSubstr("rastragin"));
  EXPECT_THAT(error_of(std::string(kValid) + "optimizers = [\"sgd\"]\n"),
              AllOf(HasSubstr("trajectories.optimizers"), HasSubstr("sgd")));
}

TEST(Spec, UnknownSuite) {
  try {
    load_suite("cifar-100-cnov");
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("no suite 'cifar-100-cnov': did you mean 'cifar-100-conv'?"),
                                    HasSubstr("image-classification, initialisations")));
  }
}

TEST(Spec, EveryShippedSuiteLoads) {
  for (const auto& suite : shipped_suites()) EXPECT_FALSE(suite.title.empty()) << suite.name;
}

}  // namespace
}  // namespace scout::bench
