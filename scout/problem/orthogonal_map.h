// Random orthogonal maps: reflections of the axes, and rotations.
#pragma once

#include <vector>

#include "scout/base/random.h"

namespace scout {

/// Fills `q` [rows, length] with orthonormal rows by modified Gram-Schmidt on Gaussian rows, which makes them
/// Haar-distributed (Stewart 1980). A second pass restores the orthogonality that rounding costs the first. Needs
/// 1 <= `rows` <= length.
void fill_orthonormal_rows(std::span<double> q, std::size_t rows, Random& random);

/// A block-diagonal orthogonal matrix Q [M, M] whose blocks are Haar-distributed. With blocks of one it reflects each axis
/// with probability one half; with one block of M it is a rotation, with or without a reflection. Blocks keep large M
/// affordable, as in the large-scale functions of Ait ElHara, Auger & Hansen 2016.
class OrthogonalMap {
 public:
  /// Memory is O(M `block`), construction O(M `block`^2). Needs `dimension` >= 1 and `block` >= 1; the last block may be
  /// smaller.
  OrthogonalMap(int dimension, int block, Random& random);

  /// out = Q in; both [M], and not the same memory.
  void apply(std::span<const double> in, std::span<double> out) const { multiply(transposed_, in, out); }
  /// out = Q^T in; both [M], and not the same memory.
  void apply_transposed(std::span<const double> in, std::span<double> out) const { multiply(matrix_, in, out); }

 private:
  /// out = A^T in, where `blocks` holds the blocks of A one after another, each row-major.
  void multiply(const std::vector<double>& blocks, std::span<const double> in, std::span<double> out) const;

  std::size_t block_;
  std::vector<double> matrix_;
  std::vector<double> transposed_;
};

}  // namespace scout
