#include "scout/policy/mlp/newton_schulz.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "scout/base/random.h"

namespace scout {
namespace {

/// An orthogonal matrix [n, n]: the reflection that a random vector stands for.
std::vector<double> reflection(std::size_t n, Random& random) {
  std::vector<double> v(n), out(n * n);
  double square = 0;
  for (double& x : v) {
    x = random.normal();
    square += x * x;
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) out[i * n + j] = (i == j ? 1.0 : 0.0) - 2 * v[i] * v[j] / square;
  }
  return out;
}

// Singular vectors stay; singular values go near 1.
TEST(NewtonSchulz, BringsSingularValuesNearOne) {
  Random random(Seed(1));
  for (const auto& [rows, columns] : std::vector<std::pair<std::size_t, std::size_t>>{{2, 2}, {3, 9}, {9, 3}, {40, 17}}) {
    const std::size_t rank = std::min(rows, columns);
    const std::vector<double> u = reflection(rows, random), v = reflection(columns, random);
    std::vector<float> matrix(rows * columns, 0.0F);
    for (std::size_t k = 0; k < rank; ++k) {
      const double value = 100 * random.uniform(0.2, 1);
      for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t j = 0; j < columns; ++j) {
          matrix[i * columns + j] += static_cast<float>(value * u[i * rows + k] * v[j * columns + k]);
        }
      }
    }
    newton_schulz(matrix, rows, columns);
    for (std::size_t k = 0; k < rank; ++k) {
      for (std::size_t l = 0; l < rank; ++l) {
        double inner = 0;  // u_k · X v_l
        for (std::size_t i = 0; i < rows; ++i) {
          for (std::size_t j = 0; j < columns; ++j) {
            inner += u[i * rows + k] * static_cast<double>(matrix[i * columns + j]) * v[j * columns + l];
          }
        }
        if (k != l) {
          EXPECT_NEAR(inner, 0, 1e-4);
        } else {
          EXPECT_GT(inner, 0.65) << rows << " x " << columns;
          EXPECT_LT(inner, 1.25) << rows << " x " << columns;
        }
      }
    }
  }
}

/// A singular value s of a matrix of norm 1 becomes p(p(p(p(p(s))))), p(s) = a s + b s³ + c s⁵.
TEST(NewtonSchulz, IsThePolynomialOfSingularValues) {
  std::vector<float> matrix{0.6F, 0, 0, 0, 0.8F, 0};
  newton_schulz(matrix, 2, 3);
  for (const auto& [found, first] : {std::pair(matrix[0], 0.6), std::pair(matrix[4], 0.8)}) {
    double s = first;
    for (int k = 0; k < 5; ++k) s = 3.4445 * s - 4.7750 * s * s * s + 2.0315 * s * s * s * s * s;
    EXPECT_NEAR(static_cast<double>(found), s, 1e-5);
  }
  EXPECT_NEAR(matrix[1], 0, 1e-7);
  std::vector<float> nothing(6, 0.0F);
  newton_schulz(nothing, 3, 2);
  EXPECT_EQ(nothing, std::vector<float>(6, 0.0F));
}

}  // namespace
}  // namespace scout
