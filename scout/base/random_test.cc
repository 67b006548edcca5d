#include "scout/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

namespace scout {
namespace {

TEST(Seed, SamePathSameSeedOtherPathOtherSeed) {
  EXPECT_EQ(Seed(7).derive("instance").derive(3).value(), Seed(7).derive("instance").derive(3).value());
  std::set<std::uint64_t> seen;
  for (int root = 0; root < 20; ++root) {
    for (const char* axis : {"start", "noise", "a", "b"}) {
      for (int index = 0; index < 20; ++index)
        seen.insert(Seed(static_cast<std::uint64_t>(root)).derive(axis).derive(index).value());
    }
  }
  EXPECT_EQ(seen.size(), 20U * 4U * 20U);
  EXPECT_NE(Seed(1).derive("a").derive("b").value(), Seed(1).derive("b").derive("a").value()) << "the order of axes counts";
  EXPECT_NE(Seed(1).derive("a").derive("a").value(), Seed(1).value());
}

// Published instances and results depend on these numbers: they must never change.
TEST(Seed, GoldenValues) {
  EXPECT_EQ(Seed(0).value(), 0xe220a8397b1dcdafULL) << "the first output of SplitMix64 from 0";
  Random random(Seed(7).derive("golden"));
  const std::vector<std::uint64_t> drawn{random.next(), random.next(), random.next()};
  EXPECT_EQ(drawn, (std::vector<std::uint64_t>{0x68d9f0a424a636fULL, 0xd0f76a7bf26dbfb9ULL, 0x63da2ae2a97c92d5ULL}));
}

// The reference implementation of xoshiro256** 1.0, state {1, 2, 3, 4}.
TEST(Random, MatchesReference) {
  Random random(Random::State{1, 2, 3, 4});
  for (std::uint64_t expected : {11520ULL, 0ULL, 1509978240ULL, 1215971899390074240ULL}) EXPECT_EQ(random.next(), expected);
}

TEST(Random, StateContinuesTheStream) {
  Random random(Seed(1));
  for (int i = 0; i < 5; ++i) random.normal();
  Random copy(random.state());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(copy.normal(), random.normal());
}

TEST(Random, Moments) {
  Random random(Seed(2));
  const int n = 200'000;
  double sum = 0;
  double square = 0;
  double fourth = 0;
  double uniform = 0;
  for (int i = 0; i < n; ++i) {
    const double x = random.normal();
    sum += x;
    square += x * x;
    fourth += x * x * x * x;
    uniform += random.uniform();
  }
  EXPECT_NEAR(sum / n, 0, 0.01);
  EXPECT_NEAR(square / n, 1, 0.02);
  EXPECT_NEAR(fourth / n, 3, 0.1);
  EXPECT_NEAR(uniform / n, 0.5, 0.005);
}

TEST(Random, Ranges) {
  Random random(Seed(3));
  std::vector<int> counts(7);
  double logs = 0;
  for (int i = 0; i < 70'000; ++i) {
    ++counts[random.index(7)];
    const double x = random.uniform(-2, 3);
    EXPECT_GE(x, -2);
    EXPECT_LT(x, 3);
    const double y = random.log_uniform(1e-3, 1e3);
    EXPECT_GE(y, 1e-3 * (1 - 1e-12));
    EXPECT_LE(y, 1e3 * (1 + 1e-12));
    logs += std::log10(y);
  }
  for (int count : counts) EXPECT_NEAR(count, 10'000, 500);
  EXPECT_NEAR(logs / 70'000, 0, 0.05);
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(random.chance(0));
    EXPECT_TRUE(random.chance(1));
  }
}

TEST(Random, ShuffleIsAPermutationAndUniform) {
  Random random(Seed(4));
  std::vector<int> first(5);
  for (int trial = 0; trial < 50'000; ++trial) {
    std::vector<int> items(5);
    std::iota(items.begin(), items.end(), 0);
    shuffle(std::span<int>(items), random);
    ++first[static_cast<std::size_t>(items[0])];
    std::sort(items.begin(), items.end());
    ASSERT_EQ(items, (std::vector<int>{0, 1, 2, 3, 4}));
  }
  for (int count : first) EXPECT_NEAR(count, 10'000, 500);
}

}  // namespace
}  // namespace scout
