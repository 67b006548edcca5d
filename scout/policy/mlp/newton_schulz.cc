#include "scout/policy/mlp/newton_schulz.h"

#include <Eigen/Core>
#include <cmath>

namespace scout {
namespace {

constexpr float kA = 3.4445F, kB = -4.7750F, kC = 2.0315F;
constexpr int kIterations = 5;
constexpr double kEpsilon = 1e-8;

}  // namespace

void newton_schulz(std::span<float> matrix, std::size_t rows, std::size_t columns) {
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  double square = 0;
  for (const float x : matrix) square += static_cast<double>(x) * static_cast<double>(x);
  const float scale = static_cast<float>(1 / (std::sqrt(square) + kEpsilon));
  Eigen::Map<Matrix> given(matrix.data(), static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(columns));
  const bool tall = rows > columns;
  Matrix x = tall ? Matrix(given.transpose()) : Matrix(given);
  x *= scale;
  for (int k = 0; k < kIterations; ++k) {
    const Matrix a = x * x.transpose();
    const Matrix b = kB * a + kC * (a * a);
    x = kA * x + b * x;
  }
  if (tall) {
    given = x.transpose();
  } else {
    given = x;
  }
}

}  // namespace scout
