// A vector from the squares of its random projections (Candès, Li & Soltanolkotabi 2015, "Phase retrieval via Wirtinger
// flow").
#include <cmath>

#include "scout/problem/real/families.h"

namespace scout::real {
namespace {

constexpr int kProblems = 12;

/// f = Σ ((a·θ)² - (a·x)²)² over N measurements a ~ N(0, I), x ~ N(0, I); least at x and at -x.
FixedProblem make(int index) {
  constexpr std::size_t sizes[] = {5, 10, 20}, oversampling[] = {2, 3, 4, 6};
  const std::size_t m = sizes[index % 3], count = m * oversampling[index / 3];
  const Seed seed = fixed_problem_seed("phase-retrieval", index);
  Random normal(seed.derive("measurements"));
  std::vector<double> rows(count * m), truth(m), data(count);
  for (double& a : rows) a = normal.normal();
  for (double& x : truth) x = normal.normal();
  const auto project = [m](std::span<const double> all, std::size_t row, std::span<const double> theta) {
    double sum = 0;
    for (std::size_t i = 0; i < m; ++i) sum += all[row * m + i] * theta[i];
    return sum;
  };
  FixedProblem out;
  out.unit = 0;
  for (std::size_t n = 0; n < count; ++n) {
    const double projection = project(rows, n, truth);
    data[n] = projection * projection;
    out.unit += data[n] * data[n];
  }
  out.lower.assign(m, -4);
  out.upper.assign(m, 4);
  out.optimum = std::move(truth);
  out.optimum_value = 0;
  out.evaluate = [=](std::span<const double> theta, std::span<double> gradient) {
    std::fill(gradient.begin(), gradient.end(), 0.0);
    double sum = 0;
    for (std::size_t n = 0; n < count; ++n) {
      const double projection = project(rows, n, theta), residual = projection * projection - data[n];
      sum += residual * residual;
      if (gradient.empty()) continue;
      for (std::size_t i = 0; i < m; ++i) gradient[i] += 4 * residual * projection * rows[n * m + i];
    }
    return sum;
  };
  return out;
}

}  // namespace

std::shared_ptr<const Family> phase_retrieval() {
  return fixed_family("phase-retrieval", "5 to 20 numbers from the squares of 2 to 6 times as many random projections",
                      kProblems, make);
}

}  // namespace scout::real
