#include "scout/problem/orthogonal_map.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace scout {

void fill_orthonormal_rows(std::span<double> q, std::size_t rows, Random& random) {
  const std::size_t length = q.size() / rows;
  for (double& entry : q) entry = random.normal();
  for (std::size_t i = 0; i < rows; ++i) {
    double* row = &q[i * length];
    for (int pass = 0; pass < 2; ++pass) {
      for (std::size_t k = 0; k < i; ++k) {
        const double* other = &q[k * length];
        const double dot = std::inner_product(row, row + length, other, 0.0);
        for (std::size_t j = 0; j < length; ++j) row[j] -= dot * other[j];
      }
      const double inverse = 1.0 / std::sqrt(std::inner_product(row, row + length, row, 0.0));
      for (std::size_t j = 0; j < length; ++j) row[j] *= inverse;
    }
  }
}

OrthogonalMap::OrthogonalMap(int dimension, int block, Random& random) : block_(static_cast<std::size_t>(block)) {
  const auto m = static_cast<std::size_t>(dimension);
  for (std::size_t begin = 0; begin < m; begin += block_) {
    const std::size_t n = std::min(block_, m - begin);
    const std::size_t offset = matrix_.size();
    matrix_.resize(offset + n * n);
    transposed_.resize(offset + n * n);
    fill_orthonormal_rows(std::span(matrix_).subspan(offset), n, random);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) transposed_[offset + j * n + i] = matrix_[offset + i * n + j];
    }
  }
}

void OrthogonalMap::multiply(const std::vector<double>& blocks, std::span<const double> in, std::span<double> out) const {
  const std::size_t m = in.size();
  if (block_ == 1) {
    for (std::size_t i = 0; i < m; ++i) out[i] = blocks[i] * in[i];
    return;
  }
  const double* row = blocks.data();
  for (std::size_t begin = 0; begin < m; begin += block_) {
    const std::size_t n = std::min(block_, m - begin);
    double* result = &out[begin];
    std::fill_n(result, n, 0.0);
    for (std::size_t i = 0; i < n; ++i, row += n) {
      const double factor = in[begin + i];
      for (std::size_t j = 0; j < n; ++j) result[j] += factor * row[j];
    }
  }
}

}  // namespace scout
