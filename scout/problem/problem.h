// Problems of one's own: a function with its box and its starts, and families of them that a seed draws.
#pragma once

#include <functional>

#include "scout/problem/instance.h"

namespace scout {

/// f at one point [M]; writes ∇f to `gradient` [M] unless it is empty. May be infinite or NaN outside of f's domain. It is
/// called from several threads at once.
using PointFunction = std::function<double(std::span<const double> theta, std::span<double> gradient)>;

/// What an instance is made of. `sum_of_squares` of dual.h makes an `evaluate` of residuals.
struct Problem {
  PointFunction evaluate;
  std::vector<double> lower, upper;  ///< [M], finite, lower < upper
  /// The start distribution; none: uniform over the box. Called from several threads at once.
  std::function<void(Random& random, std::span<double> theta)> sample_start{};
  std::vector<double> given_start{};      ///< [M]; empty: at random
  std::optional<double> optimum_value{};  ///< finite
  std::vector<double> optimum{};          ///< [M], in the box; empty: unknown
  /// In what f is measured where its least value is 0, such as the sum of squares of the data; > 0.
  double unit = 1;
};

/// Throws std::invalid_argument naming the field, if one is missing or does not fit the others.
std::unique_ptr<Instance> problem_instance(Problem problem);

/// Draws a problem of M coordinates; the same one from the same state of `random`.
using DrawProblem = std::function<Problem(Random& random, int dimension)>;

/// Problems that `draw` draws: number `index` of a split from a seed of its own, of the family's name, split, index and M.
/// So splits are disjoint and instances permanent. `name`: letters, digits and dashes. `dimension`: M, where all have the
/// same; 0: as many coordinates as are asked for. Random starts are drawn again where f is not finite. Throws
/// std::invalid_argument if name, `draw` or `dimension` is not so; `sample` throws it, naming the field, if a drawn problem
/// is not as it has to be. `sample_start` throws std::runtime_error if f is finite at none of 1,000 starts.
std::shared_ptr<const Family> drawn_family(std::string name, std::string summary, int dimension, DrawProblem draw);

}  // namespace scout
