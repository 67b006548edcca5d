#include "scout/policy/coordinate/quadratic_surrogate.h"

#include <algorithm>
#include <cmath>

#include "scout/base/dot.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "scout/policy/coordinate/quadratic_surrogate.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace scout::kernel::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void solve_positive_definite(double* equations, std::size_t n, double least_pivot, double* x) {
  const hn::CappedTag<double, 8> d;
  const std::size_t lanes = hn::Lanes(d);
  const std::size_t stride = equations_stride(n);
  // A = UᵀU, and Uᵀy = b on the way: a row of U is a row of A and b, less what the rows above take. Whole vectors from the
  // one that holds the diagonal.
  for (std::size_t k = 0; k < n; ++k) {
    double* row = equations + k * stride;
    const double pivot = std::sqrt(std::max(row[k], least_pivot));
    const auto divisor = hn::Set(d, pivot);
    for (std::size_t j = (k + 1) / lanes * lanes; j <= n; j += lanes) {
      hn::StoreU(hn::Div(hn::LoadU(d, row + j), divisor), d, row + j);
    }
    row[k] = pivot;
    for (std::size_t i = k + 1; i < n; ++i) {
      double* below = equations + i * stride;
      const auto factor = hn::Set(d, row[i]);
      for (std::size_t j = i / lanes * lanes; j <= n; j += lanes) {
        hn::StoreU(hn::Sub(hn::LoadU(d, below + j), hn::Mul(factor, hn::LoadU(d, row + j))), d, below + j);
      }
    }
  }
  for (std::size_t i = 0; i < n; ++i) x[i] = equations[i * stride + n];
  for (std::size_t j = n; j-- > 0;) {
    x[j] /= equations[j * stride + j];
    for (std::size_t i = 0; i < j; ++i) x[i] -= equations[i * stride + j] * x[j];
  }
}

}  // namespace scout::kernel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace scout {
namespace kernel {

HWY_EXPORT(solve_positive_definite);

void solve_positive_definite(double* equations, std::size_t n, double least_pivot, double* x) {
  HWY_DYNAMIC_DISPATCH(solve_positive_definite)(equations, n, least_pivot, x);
}

}  // namespace kernel
namespace {

/// Added to the diagonal of a matrix whose trace is about the number of unknowns: directions in which the points spread less
/// than some 10^-4 of the whole are left at the solution of least norm.
constexpr double kRidge = 1e-8;
constexpr double kLeastPivot = kRidge * kRidge;
/// The centre is sought within so many spreads of the points' mean.
constexpr double kReach = 3;

}  // namespace

void QuadraticSurrogate::start(int dimension, int capacity) {
  columns_ = static_cast<std::size_t>(dimension) + 1;
  capacity_ = static_cast<std::size_t>(capacity);
  primal_ = 2 * columns_ <= capacity_;
  count_ = next_ = 0;
  rows_.resize(capacity_ * columns_);
  values_.resize(capacity_);
  sum_.assign(columns_, 0.0);
  products_.assign(primal_ ? columns_ * columns_ : capacity_ * capacity_, 0.0);
  value_products_.assign(columns_, 0.0);
  value_sum_ = value_square_ = 0;
  centre_.assign(columns_ - 1, 0.0F);
  unexplained_ = 1;
}

void QuadraticSurrogate::add(std::span<const float> x, double f) {
  if (count_ == 0) first_ = f;
  double* row = rows_.data() + next_ * columns_;
  if (count_ == capacity_) {
    count_in(row, values_[next_], -1);
  } else {
    ++count_;
  }
  double square = 0;
  for (std::size_t i = 0; i + 1 < columns_; ++i) {
    row[i] = static_cast<double>(x[i]);
    square += row[i] * row[i];
  }
  row[columns_ - 1] = square / static_cast<double>(columns_ - 1);
  values_[next_] = f - first_;
  count_in(row, values_[next_], 1);
  for (std::size_t t = 0; !primal_ && t < count_; ++t) {
    const std::size_t m = columns_ - 1;
    products_[t * capacity_ + next_] = products_[next_ * capacity_ + t] = dot({row, m}, {rows_.data() + t * columns_, m});
  }
  next_ = (next_ + 1) % capacity_;
  fit();
}

void QuadraticSurrogate::count_in(const double* row, double f, double weight) {
  for (std::size_t i = 0; i < columns_; ++i) {
    sum_[i] += weight * row[i];
    value_products_[i] += weight * f * row[i];
    if (!primal_) continue;
    for (std::size_t j = 0; j < columns_; ++j) products_[i * columns_ + j] += weight * row[i] * row[j];
  }
  value_sum_ += weight * f;
  value_square_ += weight * f * f;
}

void QuadraticSurrogate::solve_primal() {
  const auto n = static_cast<double>(count_);
  const std::size_t stride = kernel::equations_stride(columns_);
  equations_.assign(columns_ * stride, 0.0);
  for (std::size_t j = 0; j < columns_; ++j) {
    double* row = equations_.data() + j * stride;
    const double* products = products_.data() + j * columns_;
    for (std::size_t i = j; i < columns_; ++i) row[i] = scale_[i] * scale_[j] * (products[i] - sum_[i] / n * sum_[j]);
    row[j] += kRidge;
    row[columns_] = scale_[j] * (value_products_[j] - value_sum_ / n * sum_[j]);
  }
  kernel::solve_positive_definite(equations_.data(), columns_, kLeastPivot, solution_.data());
}

void QuadraticSurrogate::solve_dual() {
  const auto n = static_cast<double>(count_);
  const std::size_t m = columns_ - 1;
  right_.resize(count_);
  means_.assign(count_, 0.0);
  double mean = 0;
  for (std::size_t t = 0; t < count_; ++t) {
    for (std::size_t s = 0; s < count_; ++s) means_[t] += products_[t * capacity_ + s] / n;
    mean += means_[t] / n;
  }
  const auto square = [&](std::size_t t) { return scale_[m] * (rows_[t * columns_ + m] - sum_[m] / n); };
  const std::size_t stride = kernel::equations_stride(count_);
  equations_.assign(count_ * stride, 0.0);
  for (std::size_t t = 0; t < count_; ++t) {
    for (std::size_t s = 0; s <= t; ++s) {  // products of rows less their mean
      const double points = products_[t * capacity_ + s] - means_[t] - means_[s] + mean;
      equations_[s * stride + t] = scale_[0] * scale_[0] * points + square(t) * square(s);
    }
    equations_[t * stride + t] += kRidge;
    equations_[t * stride + count_] = values_[t] - value_sum_ / n;
  }
  kernel::solve_positive_definite(equations_.data(), count_, kLeastPivot, right_.data());
  double sum = 0;
  for (std::size_t t = 0; t < count_; ++t) {
    sum += right_[t];
    for (std::size_t i = 0; i < columns_; ++i) solution_[i] += right_[t] * rows_[t * columns_ + i];
  }
  for (std::size_t i = 0; i < columns_; ++i) solution_[i] = scale_[i] * (solution_[i] - sum * sum_[i] / n);
}

void QuadraticSurrogate::fit() {
  const std::size_t m = columns_ - 1;
  const auto n = static_cast<double>(count_);
  double square = 0;
  for (std::size_t i = 0; i < m; ++i) {
    const double mean = sum_[i] / n;
    centre_[i] = static_cast<float>(mean);
    square += mean * mean;
  }
  // Σ |x|² = M Σ (its column).
  const double spread = std::sqrt(std::max(0.0, sum_[m] / n - square / static_cast<double>(m)));
  const double variance = value_square_ / n - value_sum_ / n * (value_sum_ / n);
  unexplained_ = 1;
  if (count_ < 2 || !(spread > 1e-7) || !(variance > 1e-13 * value_square_ / n)) return;

  // Units in which the diagonal of the matrix is about 1.
  scale_.assign(columns_, 1.0 / (spread * std::sqrt(n)));
  scale_[m] = 1.0 / (spread * spread * std::sqrt(n));
  solution_.assign(columns_, 0.0);
  if (primal_) {
    solve_primal();
  } else {
    solve_dual();
  }
  double explained = 0;  // of the variance
  for (std::size_t i = 0; i < columns_; ++i) {
    solution_[i] *= scale_[i];
    explained += solution_[i] * (value_products_[i] - value_sum_ / n * sum_[i]) / (n * variance);
  }

  // Around the mean the model is bᵀz + (h/M) |z|², b = its gradient there; the minimum is at -M b / (2 h).
  const double bend = 2.0 * solution_[m] / static_cast<double>(m);
  double slope = 0;
  for (std::size_t i = 0; i < m; ++i) {
    solution_[i] += bend * sum_[i] / n;
    slope += solution_[i] * solution_[i];
  }
  slope = std::sqrt(slope);
  if (slope > 0) {
    const double reach = kReach * spread * std::sqrt(static_cast<double>(m)) / slope;
    const double factor = bend * reach > 1 ? 1 / bend : reach;
    for (std::size_t i = 0; i < m; ++i) centre_[i] = static_cast<float>(sum_[i] / n - factor * solution_[i]);
  }
  if (count_ > columns_ + 1) {
    const double left = std::max(1e-12, 1.0 - explained);
    unexplained_ = std::min(1.0, left * n / static_cast<double>(count_ - columns_ - 1));
  }
}

}  // namespace scout
#endif  // HWY_ONCE
