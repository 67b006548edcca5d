#include "scout/base/numbers.h"

#include <gtest/gtest.h>

#include <cmath>

#include "scout/base/test_comma_locale.h"

namespace scout {
namespace {

TEST(Numbers, EverySpellingIsReadWhole) {
  for (const bool comma : {false, true}) {
    std::optional<CommaLocale> locale;
    if (comma) locale.emplace();
    EXPECT_EQ(parse_number("0.25"), 0.25);
    EXPECT_EQ(parse_number(".5"), 0.5);
    EXPECT_EQ(parse_number("1."), 1.0);
    EXPECT_EQ(parse_number("+3"), 3.0);
    EXPECT_EQ(parse_number("-1e-3"), -1e-3);
    EXPECT_EQ(parse_number("inf"), INFINITY);
  }
}

TEST(Numbers, NothingElseIs) {
  for (const char* text : {"", "+", "+-1", "0,25", "1 ", " 1", "1e", "1x", "1_000", "1e400", "x"}) {
    EXPECT_FALSE(parse_number(text)) << text;
  }
}

}  // namespace
}  // namespace scout
