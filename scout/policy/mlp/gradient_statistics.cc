#include "scout/policy/mlp/gradient_statistics.h"

#include <algorithm>
#include <cmath>

namespace scout {
namespace {

/// Keeps what is divided by above 0.
constexpr double kLeastSquare = 1e-30;
/// Whose square is finite.
constexpr float kGreatest = 1e18F;
constexpr float kLeastFactored = 1e-9F, kRootEpsilon = 1e-8F, kOwnEpsilon = 1e-6F;

float inverse_root(float x) { return 1.0F / std::sqrt(x); }
float safe_inverse_root(float x) { return inverse_root(std::max(x, kLeastFactored)); }

/// 0 where x is not finite.
float finite_within(float x, float bound) { return std::isfinite(x) ? std::clamp(x, -bound, bound) : 0.0F; }

void average(float& mean, float decay, float next) { mean = decay * mean + (1.0F - decay) * next; }

}  // namespace

MatrixSides sides_of(const TensorShape& shape) {
  if (shape.dimensions < 2 || shape.rows < 2 || shape.size < 2 * shape.rows || shape.size % shape.rows != 0) return {};
  return {static_cast<std::size_t>(shape.rows), static_cast<std::size_t>(shape.size / shape.rows)};
}

float GradientStatistics::Lens::operator()(float gradient) const { return finite_within(factor * gradient, bound); }

std::int64_t GradientStatistics::update(const Decays& decays, const MatrixSides& sides, const Lens& lens,
                                        const WeightPiece& tensor, std::size_t n) {
  sides_ = sides;
  lens_ = lens;
  tensor_ = tensor;
  size_ = n;
  row_sums_.assign(sides.rows, 0.0);
  column_sums_.assign(sides.columns, 0.0);
  std::int64_t non_finite = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (!std::isfinite(lens.factor * tensor.gradient[i])) ++non_finite;
    const float g = gradient(i);
    for (std::size_t k = 0; k < kDecays; ++k) average(number(k)[i], decays.momentum[k], g);
    average(number(kDecays)[i], decays.square, g * g);
    const double square = static_cast<double>(g) * static_cast<double>(g) + kLeastSquare;
    if (sides.matrix()) {
      row_sums_[i / sides.columns] += square;
      column_sums_[i % sides.columns] += square;
    } else {
      for (std::size_t k = 0; k < kDecays; ++k) {
        average(number(kDecays + 1 + k)[i], decays.factored[k], static_cast<float>(square));
      }
    }
  }
  if (sides.matrix()) update_sides(decays);
  return non_finite;
}

void GradientStatistics::update_sides(const Decays& decays) {
  rows_.resize(sides_.rows);
  columns_.resize(sides_.columns);
  // "Rows" of the formulas are the places on the shorter side.
  std::vector<Line>& shorter = sides_.rows <= sides_.columns ? rows_ : columns_;
  std::vector<Line>& longer = sides_.rows <= sides_.columns ? columns_ : rows_;
  for (std::size_t k = 0; k < kDecays; ++k) {
    float* own = number(kDecays + 1 + k);  // of the rows, then of the columns, as they lie
    for (std::size_t r = 0; r < sides_.rows; ++r, ++own) {
      average(*own, decays.factored[k], static_cast<float>(row_sums_[r] / static_cast<double>(sides_.columns)));
      rows_[r].mean[k] = *own;
    }
    for (std::size_t c = 0; c < sides_.columns; ++c, ++own) {
      average(*own, decays.factored[k], static_cast<float>(column_sums_[c] / static_cast<double>(sides_.rows)));
      columns_[c].mean[k] = *own;
    }
    double sum = 0;
    for (const Line& line : shorter) sum += static_cast<double>(line.mean[k]);
    const float mean = static_cast<float>(sum / static_cast<double>(shorter.size()));
    for (Line& line : shorter) line.factor[k] = safe_inverse_root(line.mean[k] / (mean + kLeastFactored));
    for (Line& line : longer) line.factor[k] = safe_inverse_root(line.mean[k]);
    for (std::vector<Line>* side : {&shorter, &longer}) {
      for (Line& line : *side) line.root[k] = inverse_root(line.mean[k] + kRootEpsilon);
    }
  }
}

void GradientStatistics::write(std::size_t i, float epsilon, float* out) const {
  const float g = gradient(i), v = square(i), root = inverse_root(v + epsilon);
  std::array<float, kDecays> m;
  for (std::size_t k = 0; k < kDecays; ++k) m[k] = number(k)[i];
  const auto put = [&](auto&& value) {
    for (std::size_t k = 0; k < kDecays; ++k) *out++ = value(k);
  };
  *out++ = g;
  *out++ = finite_within(tensor_.theta[i], kGreatest);
  put([&](std::size_t k) { return m[k]; });
  *out++ = v;
  put([&](std::size_t k) { return m[k] * root; });
  *out++ = root;
  if (!sides_.matrix()) {
    const auto own = [&](std::size_t k) { return number(kDecays + 1 + k)[i]; };
    put([&](std::size_t k) { return g * safe_inverse_root(own(k) + kLeastFactored); });
    put(own);
    put(own);
    put([&](std::size_t k) { return inverse_root(own(k) + kRootEpsilon); });
    put([&](std::size_t k) { return inverse_root(own(k) + kRootEpsilon); });
    put([&](std::size_t k) { return m[k] * inverse_root(own(k) + kOwnEpsilon); });
    return;
  }
  const Line& row = rows_[i / sides_.columns];
  const Line& column = columns_[i % sides_.columns];
  const bool lies = sides_.rows <= sides_.columns;
  const Line& shorter = lies ? row : column;
  const Line& longer = lies ? column : row;
  put([&](std::size_t k) { return g * shorter.factor[k] * longer.factor[k]; });
  put([&](std::size_t k) { return shorter.mean[k]; });
  put([&](std::size_t k) { return longer.mean[k]; });
  put([&](std::size_t k) { return shorter.root[k]; });
  put([&](std::size_t k) { return longer.root[k]; });
  put([&](std::size_t k) { return m[k] * shorter.factor[k] * longer.factor[k]; });
}

}  // namespace scout
