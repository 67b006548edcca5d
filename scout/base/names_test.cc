#include "scout/base/names.h"

#include <gtest/gtest.h>

#include <vector>

namespace scout {
namespace {

TEST(Names, NearestByEditDistance) {
  const std::vector<std::string> known{"sphere", "rastrigin", "ackley"};
  EXPECT_EQ(nearest_name("rastrgin", known), "rastrigin");
  EXPECT_EQ(nearest_name("spheer", known), "sphere");
  EXPECT_EQ(nearest_name("ackley", known), "ackley");
  EXPECT_EQ(nearest_name("x", {}), "");
}

TEST(Names, NothingIsNearToAFarName) {
  const std::vector<std::string> known{"train", "bench", "report", "list"};
  EXPECT_EQ(nearest_name("frobnicate", known), "");
  EXPECT_EQ(nearest_name("x", known), "");
  EXPECT_EQ(nearest_name("", known), "");
  EXPECT_EQ(nearest_name("benhc", known), "bench") << "two letters that changed places";
  EXPECT_EQ(nearest_name("reports", known), "report");
  EXPECT_EQ(did_you_mean("bench"), ": did you mean 'bench'?");
  EXPECT_EQ(did_you_mean(""), ".");
}

TEST(Names, FirstOfEquals) {
  const std::vector<std::string> known{"ab", "ac"};
  EXPECT_EQ(nearest_name("a", known), "ab");
}

TEST(Names, Join) {
  EXPECT_EQ(join_names({}), "");
  EXPECT_EQ(join_names(std::vector<std::string>{"a", "b"}), "a, b");
}

}  // namespace
}  // namespace scout
