// What a run has found so far, whichever search asked: the best point, points that show the shape of f, gradients, minima.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "scout/policy/coordinate/separable_surrogate.h"

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
  double spread() const {
    if (explored_since_) find_spread();
    return spread_;
  }

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
  /// Gradients taken in so far.
  std::size_t gradient_count() const { return gradient_count_; }
  /// The sum of functions of one coordinate that has the last of these gradients; null where there are too few, or all are
  /// 0. It is brought up to date when it is asked for.
  const SeparableSurrogate* separable() const;

  void visit(auto& archive) {
    archive(dimension_, best_value_, best_point_, best_is_own_, spread_, explored_since_, best_explored_, points_, values_,
            next_point_, gradient_points_, gradients_, gradient_count_, modelled_, unit_, separable_, minima_);
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
  void find_spread() const;
  std::size_t gradient_capacity() const;

  std::uint64_t dimension_ = 0;
  double best_value_ = std::numeric_limits<double>::infinity();
  std::vector<double> best_point_;
  bool best_is_own_ = true;
  mutable double spread_ = 1;
  mutable bool explored_since_ = false;  ///< since the spread was found
  double best_explored_ = 0;             ///< the best value when a point was explored last
  std::vector<double> points_, values_;  ///< explored: rings
  std::uint64_t next_point_ = 0;
  std::vector<double> gradient_points_, gradients_;  ///< a ring of samples
  std::uint64_t gradient_count_ = 0;
  mutable std::uint64_t modelled_ = 0;  ///< of these gradients, those that the model has
  mutable double unit_ = 1;             ///< of the gradients in the model, whose numbers are small
  mutable SeparableSurrogate separable_;
  std::vector<Minimum> minima_;
  News news_;  ///< heard before the next answer; not saved
};

}  // namespace scout
