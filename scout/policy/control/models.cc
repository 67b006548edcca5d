#include "scout/policy/control/models.h"

#include <algorithm>
#include <cmath>

#include "scout/policy/coordinate/quadratic_surrogate.h"

namespace scout {
namespace {

constexpr std::size_t kMostCoordinates = 60;
/// Values further above the median than so many times its own height count as that.
constexpr double kOutlier = 3;

}  // namespace

std::vector<double> separable_minimum(const Memory& memory, ModelErrors* errors) {
  const SeparableSurrogate* const model = memory.separable();
  if (model == nullptr) return {};
  if (errors != nullptr) errors->separable = model->mean_unexplained();
  return {model->minimum().begin(), model->minimum().end()};
}

std::vector<double> quadratic_minimum(const Memory& memory, ModelErrors* errors) {
  const std::size_t m = memory.dimension(), n = m + 2;
  const std::size_t count = memory.explored_count();
  if (count < m + 4 || m > kMostCoordinates) return {};
  std::vector<double> values;
  for (std::size_t k = 0; k < count; ++k) values.push_back(memory.explored_value(k));
  std::vector<double> sorted = values;
  std::ranges::nth_element(sorted, sorted.begin() + static_cast<std::ptrdiff_t>(count / 2));
  const double median = sorted[count / 2], spread = memory.spread();
  const double most = median + kOutlier * (median - memory.best_value());
  for (double& v : values) v = (std::min(v, most) - memory.best_value()) / spread;

  const std::size_t stride = kernel::equations_stride(n);
  std::vector<double> equations(n * stride, 0.0), row(n), kept;
  for (std::size_t k = 0; k < count; ++k) {
    const auto point = memory.explored_point(k);
    double square = 0;
    for (std::size_t i = 0; i < m; ++i) {
      row[i] = point[i] - 0.5;
      square += row[i] * row[i];
    }
    row[m] = square / static_cast<double>(m);
    row[m + 1] = 1;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = i; j < n; ++j) equations[i * stride + j] += row[i] * row[j];
      equations[i * stride + n] += row[i] * values[k];
    }
    kept.insert(kept.end(), row.begin(), row.end());
  }
  for (std::size_t i = 0; i < n; ++i) equations[i * stride + i] += 1e-9 * static_cast<double>(count);
  std::vector<double> solution(n);
  kernel::solve_positive_definite(equations.data(), n, 1e-12, solution.data());
  if (errors != nullptr) {
    double mean = 0, variance = 0, residual = 0;
    for (const double v : values) mean += v / static_cast<double>(count);
    for (std::size_t k = 0; k < count; ++k) {
      double fit = 0;
      for (std::size_t i = 0; i < n; ++i) fit += solution[i] * kept[k * n + i];
      residual += (values[k] - fit) * (values[k] - fit);
      variance += (values[k] - mean) * (values[k] - mean);
    }
    const auto freedom = static_cast<double>(count > n ? count - n : 1);
    errors->quadratic = variance > 0 ? std::min(1.0, residual / variance * static_cast<double>(count) / freedom) : 1;
  }
  const double bend = solution[m] / static_cast<double>(m);
  double slope = 1e-300;
  for (std::size_t i = 0; i < m; ++i) slope += solution[i] * solution[i];
  slope = std::sqrt(slope);
  std::vector<double> out(m);
  for (std::size_t i = 0; i < m; ++i) {
    out[i] = std::clamp(0.5 - (bend > 1e-6 * slope ? solution[i] / (2 * bend) : solution[i] / slope), 0.0, 1.0);
  }
  return out;
}

}  // namespace scout
