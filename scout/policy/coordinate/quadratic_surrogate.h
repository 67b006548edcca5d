// The isotropic quadratic under a landscape, fitted to the values that a run has seen.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace scout {
namespace kernel {

/// Numbers from one row to the next of a system of n equations: room for the right side, up to a whole vector.
constexpr std::size_t equations_stride(std::size_t n) { return (n + 8) / 8 * 8; }

/// Solves A x = b for a symmetric positive definite A [n, n] by Cholesky's method. Row i of `equations` [n,
/// equations_stride(n)] has A_ij at j >= i and b_i at n; what stands elsewhere must be finite, and has no effect. All are
/// overwritten. A pivot is at least `least_pivot` > 0, where A is singular or rounding makes it so. Writes x [n].
/// SIMD with dispatch at run time; no product is fused with a sum, so that every target gives the same numbers, bit by bit.
void solve_positive_definite(double* equations, std::size_t n, double least_pivot, double* x);

}  // namespace kernel

/// Least squares fit of f(x) ≈ a + bᵀx + h |x|² to the last `capacity` points. Values seen far apart average ripples away
/// that gradients are full of: for N points of spread R and ripples of height e, the centre is known to about e / (h R √N).
///
/// Ridge regression with a ridge far below what matters, solved by Cholesky's method: for the M + 1 unknowns where these are
/// fewer than half the capacity, O(M³) a point; else for the residuals of the N points (the dual), O(N (M + N²)).
class QuadraticSurrogate {
 public:
  /// Begins anew for points of `dimension` >= 1 coordinates.
  void start(int dimension, int capacity);
  /// x [M], f finite.
  void add(std::span<const float> x, double f);

  /// Where the fit is lowest [M]; where it opens downwards, or too far away, three spreads from the mean of the points down
  /// its slope. Without two different values, that mean.
  std::span<const float> centre() const { return centre_; }
  /// Share of the variance of f that the fit leaves unexplained, corrected for the number of unknowns; 1 where there are no
  /// more points than those.
  double unexplained() const { return unexplained_; }

  template <class Archive>
  void visit(Archive& a) {
    a(columns_, capacity_, primal_, count_, next_, first_, value_sum_, value_square_, unexplained_);
    a(rows_, values_, sum_, products_, value_products_, centre_);
  }

 private:
  /// Adds `weight` times the row of a point to the sums.
  void count_in(const double* row, double f, double weight);
  void fit();
  /// Leave the coefficients of x and |x|²/M, both times their `scale_`, for f - mean(f) = 1 in `solution_`.
  void solve_primal();
  void solve_dual();

  std::size_t columns_ = 0;  // x and |x|²/M
  std::size_t capacity_ = 0;
  bool primal_ = false;
  std::size_t count_ = 0;       // points kept
  std::size_t next_ = 0;        // the slot of the next point: the oldest is overwritten
  std::vector<double> rows_;    // [capacity, columns]
  std::vector<double> values_;  // [capacity]: f - first_
  double first_ = 0;
  // Sums over the points kept: rows, rows rowsᵀ, f rows, f, f². In the dual `products_` has instead what points have with
  // one another, xᵀx [capacity, capacity].
  std::vector<double> sum_, products_, value_products_;
  double value_sum_ = 0, value_square_ = 0;
  std::vector<float> centre_;  // [M]
  double unexplained_ = 1;
  std::vector<double> scale_, solution_, equations_, means_, right_;  // scratch of fit()
};

}  // namespace scout
