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
