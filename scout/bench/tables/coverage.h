// How much of a function a search has seen: pure functions of the points that it asked about, and the basins that they lie
// in. Distances are in box widths, each coordinate over its own.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "scout/problem/instance.h"

namespace scout::bench {

/// θ [n, M], row-major, and the box [M] that they are measured in. All have to be finite.
struct Points {
  std::span<const double> theta;
  std::span<const double> lower;
  std::span<const double> upper;

  std::size_t dimension() const { return lower.size(); }
  std::size_t count() const { return theta.size() / dimension(); }
};

/// Those of the points θ [n, M] that are finite and in the instance's box, [n', M].
std::vector<double> points_in_box(std::span<const double> theta, const Instance& instance);

/// The differential entropy of the points, in nats, estimated from the distances ε_i of each to its k-th nearest neighbour
/// (Kozachenko & Leonenko 1987; Kraskov, Stögbauer & Grassberger 2004, eq. 20):
///
///     ψ(n) - ψ(k) + log V_M + M/n Σ log ε_i,    V_M: the volume of the unit ball.
///
/// At most about 0, that of the uniform distribution over the box. Distances below 1e-9 count as that, so that points which
/// coincide weigh heavily and do not decide alone. -infinity for k points or fewer.
double nearest_neighbour_entropy(const Points& points, int k = 1);

/// Of the side^M equal cells of the box, how many hold a point. For 2-D and 3-D: in more dimensions nearly every point has
/// a cell of its own. A point on the upper wall belongs to the last cell; one outside, to none.
std::int64_t occupied_cells(const Points& points, int side);

/// The root mean square distance of the points from their centre; 0 for one point. (The distance travelled would not compare
/// one run with several that take turns.)
double spread(const Points& points);

/// Where steepest descent from θ [M] ends. Its steps are at most 0.005 of a box width and never raise f, so that it stays in
/// the basin in which it begins as far as such steps can tell. Reads f and ∇f as `Instance::evaluate` gives them: for
/// functions without noise. θ itself where f or ∇f is not finite there.
std::vector<double> descend(const Instance& instance, std::span<const double> theta);

/// The minima of one function that are known so far, and from which points descent leads to them.
class Minima {
 public:
  /// The instance has to outlive it. Ends of descents nearer than 0.01 in every coordinate are one minimum.
  explicit Minima(const Instance& instance) : instance_(instance) {}

  /// The number of the minimum to which descent leads from θ [M]; a new one where it was not known. Nothing where that lies
  /// outside the box.
  std::optional<std::size_t> from(std::span<const double> theta);

  std::size_t count() const { return values_.size(); }
  double value(std::size_t minimum) const { return values_[minimum]; }  ///< f there

 private:
  const Instance& instance_;
  std::vector<double> points_;  // [count, M]
  std::vector<double> values_;
  std::multimap<double, std::size_t> by_first_;  // coordinate, in box widths: there may be very many
};

/// What is low and what is usual on a function, from uniform points of its box and the minima that descent leads to.
struct Level {
  double low;    ///< minima of at most this are low-value: the lowest tenth of the ends of descents
  double usual;  ///< the median of f over the box

  bool is_low(double minimum) const { return minimum <= low + 1e-6 * (usual - low); }
};
Level measure_level(const Instance& instance, Minima& minima, int samples, Random& random);

/// The basins of a search.
struct BasinCount {
  int visited = 0;      ///< distinct minima to which descent leads from a point of the search
  int low_visited = 0;  ///< thereof low-value
  /// Low-value minima of which the search has seen the bottom: a point that leads there has an f of at most a tenth of the
  /// way from the minimum to the usual. A point that merely lies in a basin has not seen that it is a good one.
  int low_found = 0;
};
/// `theta` [n, M].
BasinCount count_basins(std::span<const double> theta, const Instance& instance, Minima& minima, const Level& level);

}  // namespace scout::bench
