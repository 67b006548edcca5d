#include "scout/train/learner/selection.h"

#include <gtest/gtest.h>

namespace scout {
namespace {

using Order = std::vector<int>;

std::vector<int> order(const std::vector<std::vector<double>>& scores, std::string_view rule) {
  return selection_order({scores.begin(), scores.end()}, rule);
}

TEST(Selection, OneProblemIsOrderedByItsScoresAndTiesByNumber) {
  for (const auto* rule : {"mean", "spread", "ranks"}) {
    EXPECT_EQ(order({{3}, {-1}, {2}, {2}}, rule), (Order{1, 2, 3, 0})) << rule;
    EXPECT_EQ(order({}, rule), Order());
  }
}

TEST(Selection, RulesWeighProblemsDifferently) {
  // The first problem spreads a hundred times wider than the second.
  const std::vector<std::vector<double>> scores{{0, 0.3}, {10, 0}, {20, 0.6}};
  EXPECT_EQ(order(scores, "mean"), (Order{0, 1, 2}));
  // Ranks: 0 + 1, 1 + 0, 2 + 2. Spread: -10/6.7 + 0, 0 - 0.3/0.25, ...
  EXPECT_EQ(order(scores, "ranks"), (Order{0, 1, 2}));
  EXPECT_EQ(order(scores, "spread"), (Order{0, 1, 2}));
  // The second alone decides for "mean", as the widest; for "spread" it is one of two.
  const std::vector<std::vector<double>> close{{0.4, 9}, {0, 10}, {0.8, 9.5}};
  EXPECT_EQ(order(close, "mean"), (Order{0, 1, 2}));
  EXPECT_EQ(order(close, "spread").front(), 0);
  const std::vector<std::vector<double>> narrow{{1.0, 5}, {0.0, 5.5}, {0.9, 8}, {1.1, 1}};
  EXPECT_EQ(order(narrow, "mean").front(), 3) << "far ahead on the wide problem";
  EXPECT_EQ(order(narrow, "spread").front(), 1) << "far ahead on the narrow one";
}

TEST(Selection, NoiseWhereNothingIsAchievedCountsForRanksOnly) {
  const std::vector<std::vector<double>> scores{{-1, 1e-6}, {-0.8, 0}, {0, 3e-6}, {0.1, 2e-6}};
  EXPECT_EQ(order(scores, "spread"), (Order{0, 1, 2, 3}));
  EXPECT_EQ(order({{0, 0.001}, {0.001, 0}, {0.002, 0.003}}, "ranks").back(), 2);
  // What is ahead where it matters comes second by ranks.
  const std::vector<std::vector<double>> hopeless{{-1, 3e-6, 3e-6}, {-0.9, 0, 0}, {0, 1e-6, 1e-6}, {0.1, 2e-6, 2e-6}};
  EXPECT_EQ(order(hopeless, "spread").front(), 0);
  EXPECT_EQ(order(hopeless, "ranks").front(), 1);
}

}  // namespace
}  // namespace scout
