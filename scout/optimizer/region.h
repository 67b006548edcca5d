// Where a minimisation looks, and what no point of it may leave.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "scout/base/random.h"

namespace scout {

/// The coordinates that are free, with their bounds and regions of interest. A coordinate is fixed if its bounds are equal.
struct Region {
  /// `lower`, `upper`: [M], or empty; may be infinite. Throws std::invalid_argument naming x0, lower or upper, and the
  /// coordinate, if they do not fit one another; `keep_inside`: also if x0 lies outside the bounds.
  Region(std::span<const double> x0, std::span<const double> lower, std::span<const double> upper, bool keep_inside);

  std::vector<std::size_t> free;     ///< places of the N free coordinates among the M
  std::vector<double> least, most;   ///< bounds of points [N]; infinite where there is none, or points need not keep to it
  std::vector<double> lower, upper;  ///< the region of interest [N]: finite, lower < upper

  double width(std::size_t i) const { return upper[i] - lower[i]; }
  /// Of a point [N]: whether it lies on a bound.
  bool on_bound(std::size_t i, double x) const { return x <= least[i] || x >= most[i]; }
};

/// Of a run from x0 [M]: another start draws other numbers.
Seed seed_of_start(std::uint64_t seed, std::span<const double> x0);

}  // namespace scout
