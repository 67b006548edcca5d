#include "scout/policy/coordinate/quadratic_surrogate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "scout/base/random.h"
#include "scout/nn/test_targets.h"

namespace scout::kernel {
namespace {

/// Cholesky's method row by row, each element a sum of its own.
std::vector<double> reference(std::vector<double> a, std::vector<double> b, std::size_t n, double least) {
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = 0; i <= j; ++i) {
      double sum = a[j * n + i];
      for (std::size_t k = 0; k < i; ++k) sum -= a[j * n + k] * a[i * n + k];
      a[j * n + i] = i < j ? sum / a[i * n + i] : std::sqrt(std::max(sum, least));
    }
    for (std::size_t k = 0; k < j; ++k) b[j] -= a[j * n + k] * b[k];
    b[j] /= a[j * n + j];
  }
  for (std::size_t j = n; j-- > 0;) {
    b[j] /= a[j * n + j];
    for (std::size_t k = 0; k < j; ++k) b[k] -= a[j * n + k] * b[j];
  }
  return b;
}

struct Equations {
  std::size_t n;
  std::vector<double> a, b;  // [n, n], [n]

  /// A = BBᵀ + ridge of a B [n, rank].
  Equations(std::size_t size, std::size_t rank, double ridge, Random& random) : n(size), a(n * n), b(n) {
    std::vector<double> factor(n * rank);
    for (double& x : factor) x = random.normal();
    for (double& x : b) x = random.normal();
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        double sum = i == j ? ridge : 0;
        for (std::size_t k = 0; k < rank; ++k) sum += factor[i * rank + k] * factor[j * rank + k];
        a[i * n + j] = a[j * n + i] = sum;
      }
    }
  }
  std::vector<double> solve(double least, double elsewhere) const {
    const std::size_t stride = equations_stride(n);
    std::vector<double> rows(n * stride, elsewhere);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = i; j < n; ++j) rows[i * stride + j] = a[i * n + j];
      rows[i * stride + n] = b[i];
    }
    std::vector<double> x(n + 1, 7.0);
    solve_positive_definite(rows.data(), n, least, x.data());
    EXPECT_EQ(x.back(), 7.0);
    x.pop_back();
    return x;
  }
};

TEST(Cholesky, HasTheBitsOfTheReferenceOnEveryTarget) {
  on_every_target([] {
    Random random(Seed(1));
    for (std::size_t n = 1; n <= 40; ++n) {
      const Equations equations(n, n + 2, 0.1, random);
      const std::vector<double> expected = reference(equations.a, equations.b, n, 1e-16);
      ASSERT_EQ(equations.solve(1e-16, 0.0), expected) << n;
      ASSERT_EQ(equations.solve(1e-16, -3.0), expected) << n << ": what stands elsewhere has an effect";
      for (std::size_t i = 0; i < n; ++i) {
        double sum = 0;
        for (std::size_t j = 0; j < n; ++j) sum += equations.a[i * n + j] * expected[j];
        ASSERT_NEAR(sum, equations.b[i], 1e-9) << n;
      }
    }
  });
}

TEST(Cholesky, BoundsThePivotsOfASingularMatrix) {
  on_every_target([] {
    Random random(Seed(2));
    const Equations equations(9, 3, 0.0, random);
    const std::vector<double> x = equations.solve(1e-4, 0.0);
    EXPECT_EQ(x, reference(equations.a, equations.b, 9, 1e-4));
    for (const double number : x) EXPECT_TRUE(std::isfinite(number));
  });
}

}  // namespace
}  // namespace scout::kernel
