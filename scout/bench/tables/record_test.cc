#include "scout/bench/tables/record.h"

#include <gtest/gtest.h>

namespace scout::bench {
namespace {

TEST(Record, ANumberThatItsTypeDoesNotHoldIsRefused) {
  Record record;
  record.outcome.curve = {{1, 0, 2.5}};
  record.optimum = 0.0;
  const auto line = record_to_json(record);
  for (const char* key : {"dimension", "instance", "seed", "budget", "values", "gradients", "non_finite"}) {
    for (const nlohmann::json& number : {nlohmann::json(1.5), nlohmann::json(1e300), nlohmann::json(1ULL << 63)}) {
      auto other = line;
      other[key] = number;
      EXPECT_THROW(record_from_json(other), std::invalid_argument) << key << " " << number;
    }
  }
  auto other = line;
  other["dimension"] = 3'000'000'000;
  EXPECT_THROW(record_from_json(other), std::invalid_argument);
  other = line;
  other["curve"]["values"][0] = 0.5;
  EXPECT_THROW(record_from_json(other), std::invalid_argument);
}

}  // namespace
}  // namespace scout::bench
