#include "scout/problem/orthogonal_map.h"

#include <gtest/gtest.h>

#include <cmath>

namespace scout {
namespace {

/// Q as rows, by applying it to the unit vectors.
std::vector<std::vector<double>> matrix(const OrthogonalMap& map, std::size_t m) {
  std::vector<std::vector<double>> rows(m, std::vector<double>(m));
  std::vector<double> unit(m, 0.0);
  for (std::size_t i = 0; i < m; ++i) {
    unit[i] = 1.0;
    map.apply_transposed(unit, rows[i]);
    unit[i] = 0.0;
  }
  return rows;
}

TEST(OrthogonalMap, RowsAreOrthonormal) {
  for (int m : {1, 2, 5, 40}) {
    Random random(Seed(3).derive(m));
    const auto q = matrix(OrthogonalMap(m, m, random), static_cast<std::size_t>(m));
    for (std::size_t i = 0; i < q.size(); ++i) {
      for (std::size_t k = 0; k < q.size(); ++k) {
        double dot = 0.0;
        for (std::size_t j = 0; j < q.size(); ++j) dot += q[i][j] * q[k][j];
        EXPECT_NEAR(dot, i == k ? 1.0 : 0.0, 1e-14);
      }
    }
  }
}

TEST(OrthogonalMap, TransposedIsTheInverse) {
  for (int block : {1, 3, 10}) {  // 10 = 3 + 3 + 3 + 1
    Random random(Seed(4).derive(block));
    const OrthogonalMap map(10, block, random);
    std::vector<double> x(10);
    std::vector<double> turned(10);
    std::vector<double> back(10);
    for (double& v : x) v = random.normal();
    map.apply(x, turned);
    map.apply_transposed(turned, back);
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(back[i], x[i], 1e-14);
    EXPECT_NE(turned, x);
  }
}

TEST(OrthogonalMap, BlocksDoNotMix) {
  Random random(Seed(5));
  const auto q = matrix(OrthogonalMap(5, 3, random), 5);
  for (std::size_t i = 0; i < 5; ++i) {
    for (std::size_t j = 0; j < 5; ++j) EXPECT_EQ(q[i][j] == 0.0, i / 3 != j / 3);
  }
}

TEST(OrthogonalMap, BlocksOfOneReflectAboutHalfOfTheAxes) {
  Random random(Seed(6));
  const OrthogonalMap map(1000, 1, random);
  const std::vector<double> ones(1000, 1.0);
  std::vector<double> signs(1000);
  map.apply(ones, signs);
  int reflected = 0;
  for (double sign : signs) {
    EXPECT_EQ(std::abs(sign), 1.0);
    reflected += sign < 0.0 ? 1 : 0;
  }
  EXPECT_NEAR(reflected, 500, 60);
}

/// Every entry of a Haar-distributed Q has mean 0 and variance 1 / M.
TEST(OrthogonalMap, EntriesHaveTheMomentsOfARandomRotation) {
  constexpr int count = 2000;
  std::vector<double> sum(9, 0.0);
  std::vector<double> square(9, 0.0);
  for (int k = 0; k < count; ++k) {
    Random random(Seed(7).derive(k));
    const auto q = matrix(OrthogonalMap(3, 3, random), 3);
    for (std::size_t e = 0; e < 9; ++e) {
      sum[e] += q[e / 3][e % 3];
      square[e] += q[e / 3][e % 3] * q[e / 3][e % 3];
    }
  }
  for (std::size_t e = 0; e < 9; ++e) {
    EXPECT_NEAR(sum[e] / count, 0.0, 0.06);
    EXPECT_NEAR(square[e] / count, 1.0 / 3.0, 0.03);
  }
}

}  // namespace
}  // namespace scout
