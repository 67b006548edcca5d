#include "scout/policy/rule/action.h"

#include <gtest/gtest.h>

namespace scout {
namespace {

TEST(Action, DecodeInvertsEncode) {
  for (double size = 1e-9; size <= 1.0; size *= 1.01) {
    const auto step = static_cast<float>(size);
    // The rounding error of 1 + K|step| is all that is lost.
    const double bound = 2e-5 * size + 2e-7 / 1e5;
    EXPECT_NEAR(decode_action(encode_step(step)), size, bound);
    EXPECT_EQ(decode_action(encode_step(-step)), -decode_action(encode_step(step)));
  }
  EXPECT_EQ(encode_step(0.0F), 0.0F);
  EXPECT_EQ(decode_action(0.0F), 0.0F);
}

TEST(Action, EncodeInvertsDecode) {
  for (float a = -1.0F; a <= 1.0F; a += 1e-3F) EXPECT_NEAR(encode_step(decode_action(a)), a, 2e-6);
}

TEST(Action, IsTheSignedLogarithm) {
  for (double size = 1e-7; size <= 2.0; size *= 1.3) {
    EXPECT_NEAR(encode_step(static_cast<float>(size)), std::log1p(1e5 * size) / std::log1p(1e5), 1e-6);
  }
  EXPECT_NEAR(decode_action(1.0F), 1.0, 1e-5);
  EXPECT_GT(encode_step(2.0F), 1.0F);
}

TEST(Action, FastFunctionsKeepTheirErrorBounds) {
  for (double x = 1e-30; x < 1e30; x *= 1.07) {
    const double exact = std::log2(static_cast<double>(static_cast<float>(x)));
    EXPECT_NEAR(fast_log2(static_cast<float>(x)), exact, 4e-6 + 1e-7 * std::abs(exact));
  }
  for (double x = -120; x <= 120; x += 0.037) {
    const double exact = std::exp2(static_cast<double>(static_cast<float>(x)));
    EXPECT_NEAR(fast_exp2(static_cast<float>(x)) / exact, 1.0, 3e-6);
  }
  EXPECT_EQ(bounded_exp2(NAN), fast_exp2(-120));
  EXPECT_EQ(bounded_exp2(-INFINITY), fast_exp2(-120));
  EXPECT_EQ(bounded_exp2(INFINITY, -3, 3), 8);
  EXPECT_EQ(bounded_exp2(1, -3, 3), 2);
}

}  // namespace
}  // namespace scout
