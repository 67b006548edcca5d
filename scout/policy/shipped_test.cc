#include "scout/policy/shipped.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

namespace scout {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(ShippedPolicies, LoadByName) {
  const auto names = policy_names();
  ASSERT_THAT(names, testing::Contains("network-base"));
  for (const std::string& name : names) EXPECT_FALSE(policy(name)->parameters().empty()) << name;
}

TEST(ShippedPolicies, TheDefaultForNetworksWasTrained) {
  const auto network = policy("network");
  EXPECT_EQ(network->description().rule.rule, "weight");
  EXPECT_GT(network->description().provenance.at("evaluations").get<double>(), 1e6);
  EXPECT_NE(network->parameters(), policy("network-base")->parameters());
}

TEST(ShippedPolicies, TheBaseIsUntrained) {
  const auto base = policy("network-base");
  EXPECT_EQ(base->description().rule.rule, "weight");
  EXPECT_EQ(base->description().provenance.at("trained"), false);
  const Linear& output = base->rule()->actor()->network().layers().back();
  for (std::size_t i = output.offset; i < base->parameters().size(); ++i) EXPECT_EQ(base->parameters()[i], 0.0F);
}

TEST(ShippedPolicies, AnUnknownNameIsMetWithTheNearest) {
  EXPECT_THAT([] { policy("network-bass"); }, ThrowsMessage<std::invalid_argument>(AllOf(
                                                  HasSubstr("'network-bass'"), HasSubstr("did you mean 'network-base'?"))));
}

}  // namespace
}  // namespace scout
