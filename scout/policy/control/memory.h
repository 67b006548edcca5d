// What a run has found so far, whichever search asked: the best point, points that show the shape of f, gradients, minima.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace scout {

/// All points are in the unit box. Values that are not finite are left out.
class Memory {
 public:
  /// Begins anew, for points of M coordinates.
  void start(std::size_t dimension);

  /// Takes in an evaluated point [M]; `gradient` [M] or empty.
  void add(std::span<const double> point, double value, std::span<const double> gradient);
  /// Says that a point was chosen without regard to f, or is a minimum: it shows the shape of f at large.
  void explored(std::span<const double> point, double value);
  /// A local search ended in a minimum, after so many calls.
  void minimum(std::span<const double> point, double value, double calls);
  /// Takes in what the latest answers to other runs brought.
  void hear(std::span<const Memory* const> others);

  std::size_t dimension() const { return dimension_; }
  /// Infinite before the first finite value.
  double best_value() const { return best_value_; }
  std::span<const double> best_point() const { return best_point_; }
  /// Whether this run found it, and no other.
  bool best_is_own() const { return best_is_own_; }
  /// How far explored values differ: their median above the best; positive.
  double spread() const { return spread_; }

  struct Minimum {
    double value = 0, calls = 0;
    void visit(auto& archive) { archive(value, calls); }
  };
  const std::vector<Minimum>& minima() const { return minima_; }
  /// Minima within a millionth of the spread of the best one.
  int same_minima() const;

  std::size_t explored_count() const { return values_.size(); }
  std::span<const double> explored_point(std::size_t k) const { return row(points_, k); }
  double explored_value(std::size_t k) const { return values_[k]; }
  std::size_t gradient_count() const { return gradients_.size() / std::max<std::size_t>(dimension_, 1); }
  std::span<const double> gradient_point(std::size_t k) const { return row(gradient_points_, k); }
  std::span<const double> gradient(std::size_t k) const { return row(gradients_, k); }

  void visit(auto& archive) {
    archive(dimension_, best_value_, best_point_, best_is_own_, spread_, points_, values_, next_point_, gradient_points_,
            gradients_, next_gradient_, minima_);
  }

 private:
  /// What the latest answer brought, for others to hear.
  struct News {
    std::vector<double> point, gradient;
    double value = std::numeric_limits<double>::infinity();
    std::vector<double> explored_points, explored_values;
    std::vector<Minimum> minima;
  };

  void take(std::span<const double> point, double value, std::span<const double> gradient, bool own);
  void keep_explored(std::span<const double> point, double value);
  std::span<const double> row(const std::vector<double>& all, std::size_t k) const {
    return std::span(all).subspan(k * dimension_, dimension_);
  }
  void find_spread();

  std::uint64_t dimension_ = 0;
  double best_value_ = std::numeric_limits<double>::infinity();
  std::vector<double> best_point_;
  bool best_is_own_ = true;
  double spread_ = 1;
  std::vector<double> points_, values_;  ///< explored: rings
  std::uint64_t next_point_ = 0;
  std::vector<double> gradient_points_, gradients_;  ///< a ring of samples
  std::uint64_t next_gradient_ = 0;
  std::vector<Minimum> minima_;
  News news_;  ///< heard before the next answer; not saved
};

}  // namespace scout
