#include "scout/cli/contestants.h"

#include <gtest/gtest.h>

namespace scout {
namespace {

const std::vector<TensorShape> shapes{{24, 4, 4}, {15, 2, 5}, {7, 1, 7}, {1, 0, 1}};
constexpr std::int64_t weights = 24 + 15 + 7 + 1;

TEST(Contestants, APolicyForNetworksIsMeteredWithItsGuard) {
  const auto meter = resolve_contestant("policy:network").make({})->step_meter(shapes, 100);
  ASSERT_TRUE(meter);
  for (int step = 0; step < 3; ++step) EXPECT_GE(meter->step(), 0);
  EXPECT_EQ(meter->state_bytes(), (8 + 4) * weights) << "three momenta and a second moment in bfloat16, and the copy";
}

TEST(Contestants, BaselinesAreMeteredUnderTheirNames) {
  EXPECT_TRUE(resolve_contestant("adam").make({})->step_meter(shapes, 100));
  EXPECT_FALSE(resolve_contestant("random-search").make({})->step_meter(shapes, 100));
}

}  // namespace
}  // namespace scout
