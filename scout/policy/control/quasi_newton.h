// Approximations of the inverse Hessian from steps and changes of the gradient.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace scout {

/// BFGS. Up to `kFullMemory` coordinates the whole matrix is kept (Nocedal & Wright 2006, eq. 6.17), else the last `kPairs`
/// pairs (alg. 7.4).
class QuasiNewton {
 public:
  static constexpr std::size_t kFullMemory = 200;
  static constexpr std::size_t kPairs = 20;

  /// Knows nothing, of so many coordinates.
  void clear(std::size_t dimension);
  /// Whether it knows nothing.
  bool empty() const { return updates_ == 0; }
  /// Takes in a step s [M] and the change of the gradient y [M] along it. Pairs without positive curvature are left out:
  /// returns whether it was taken in.
  bool update(std::span<const double> s, std::span<const double> y);
  /// Writes -H g to `out` [M]; coordinates where `g` is 0 and `held` is not stay 0.
  void direction(std::span<const double> g, std::span<const char> held, std::span<double> out) const;

  void visit(auto& archive) { archive(dimension_, updates_, scale_, inverse_, steps_, changes_, inverse_curvatures_); }

 private:
  std::uint64_t dimension_ = 0;
  std::int64_t updates_ = 0;
  double scale_ = 1;                                          ///< sᵀy/yᵀy of the last pair
  std::vector<double> inverse_;                               ///< [M, M]
  std::vector<double> steps_, changes_, inverse_curvatures_;  ///< a ring of pairs
  mutable std::vector<double> work_;
};

}  // namespace scout
