// Approximations of the inverse Hessian from steps and changes of the gradient.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace scout {

/// L-BFGS (Liu & Nocedal 1989; Nocedal & Wright 2006, alg. 7.4) with a memory of many pairs: as many as BFGS needs in few
/// dimensions. Unlike the matrix of BFGS, it is scaled anew with every pair, so it forgets how steep the first steps were.
class QuasiNewton {
 public:
  /// Pairs that are kept, of so many coordinates M: 2 M, within [20, 100]; 20 where M > 200, since a direction takes
  /// 4 M multiplications a pair.
  static std::size_t pairs(std::size_t dimension);

  /// Knows nothing, of so many coordinates.
  void clear(std::size_t dimension);
  /// Whether it knows nothing.
  bool empty() const { return updates_ == 0; }
  /// Takes in a step s [M] and the change of the gradient y [M] along it. Pairs without positive curvature are left out:
  /// returns whether it was taken in.
  bool update(std::span<const double> s, std::span<const double> y);
  /// Writes -H g to `out` [M]; coordinates where `held` is not 0 stay 0.
  void direction(std::span<const double> g, std::span<const char> held, std::span<double> out) const;

  void visit(auto& archive) { archive(dimension_, updates_, scale_, steps_, changes_, inverse_curvatures_); }

 private:
  std::uint64_t dimension_ = 0;
  std::int64_t updates_ = 0;
  double scale_ = 1;                                          ///< sᵀy/yᵀy of the last pair
  std::vector<double> steps_, changes_, inverse_curvatures_;  ///< rings of pairs: [pairs, M] and [pairs]
  mutable std::vector<double> weights_;
};

}  // namespace scout
