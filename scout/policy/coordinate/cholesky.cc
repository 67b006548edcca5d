#include "scout/policy/coordinate/cholesky.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "scout/policy/coordinate/cholesky.cc"
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
namespace scout::kernel {

HWY_EXPORT(solve_positive_definite);

void solve_positive_definite(double* equations, std::size_t n, double least_pivot, double* x) {
  HWY_DYNAMIC_DISPATCH(solve_positive_definite)(equations, n, least_pivot, x);
}

}  // namespace scout::kernel
#endif  // HWY_ONCE
