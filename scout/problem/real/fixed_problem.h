// Fixed problems for judging: what one is, and families of them.
#pragma once

#include <functional>

#include "scout/problem/instance.h"
#include "scout/problem/real/dual.h"

namespace scout {

/// f at one point [M]; writes ∇f to `gradient` [M] unless it is empty. May be infinite or NaN outside of f's domain.
using PointFunction = std::function<double(std::span<const double> theta, std::span<double> gradient)>;

/// What an instance of a family of fixed problems is made of.
struct FixedProblem {
  PointFunction evaluate;
  std::vector<double> lower, upper;  ///< [M]
  /// The start distribution; none: uniform over the box.
  std::function<void(Random& random, std::span<double> theta)> sample_start{};
  std::vector<double> given_start{};  ///< [M]; empty: at random
  std::optional<double> optimum_value{};
  std::vector<double> optimum{};  ///< [M]; empty: unknown
  /// In what f is measured where its least value is 0, such as the sum of squares of the data.
  double unit = 1;
};

/// `make(index)` gives problem number `index` < `count`; the same one each time. The instances are those of the split test:
/// the others are refused, since these problems are for judging.
std::shared_ptr<const Family> fixed_family(std::string name, std::string summary, int count,
                                           std::function<FixedProblem(int index)> make);

/// The seed of the generated data of one problem.
Seed fixed_problem_seed(std::string_view family, int index);

/// Σ r² and, unless `gradient` is empty, its gradient, of the residuals that `residuals(x, add)` hands to `add`, one after
/// the other; x are the M coordinates as double or Dual<M>.
template <int M, class Residuals>
double sum_of_squares(std::span<const double> theta, std::span<double> gradient, const Residuals& residuals) {
  double sum = 0;
  if (gradient.empty()) {
    residuals(theta.data(), [&](double r) { sum += r * r; });
    return sum;
  }
  std::array<Dual<M>, M> x;
  for (int i = 0; i < M; ++i) x[static_cast<std::size_t>(i)] = Dual<M>(theta[static_cast<std::size_t>(i)], i);
  std::array<double, M> slope{};
  residuals(x.data(), [&](const Dual<M>& r) {
    sum += r.value * r.value;
    for (std::size_t i = 0; i < M; ++i) slope[i] += 2 * r.value * r.slope[i];
  });
  std::copy(slope.begin(), slope.end(), gradient.begin());
  return sum;
}

}  // namespace scout
