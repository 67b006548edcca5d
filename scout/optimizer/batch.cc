#include "scout/optimizer/batch.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "scout/base/parallel.h"

namespace scout {
namespace {

/// x_i + h_i, within the bounds, and another number than x_i.
double beside(double x, const Region& region, std::size_t i) {
  constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
  const double up = region.most[i] - x, down = x - region.least[i];
  const double h = std::max(0.5 * std::sqrt(kEpsilon) * region.width(i), 1000 * kEpsilon * std::abs(x));
  const bool upwards = up >= h || up >= down;
  const double end = upwards ? region.most[i] : region.least[i];
  const double moved = upwards ? std::min(x + h, end) : std::max(x - h, end);
  return moved != x ? moved : std::nextafter(x, end);
}

}  // namespace

void Batch::resize(std::size_t points, std::size_t with_gradient, std::size_t dimension) {
  theta.resize(points * dimension);
  values.resize(points);
  gradients.resize(with_gradient * dimension);
  errors.assign(points, nullptr);
}

EvaluateBatch point_by_point(const Objective& objective, int threads) {
  const auto team = std::make_shared<ThreadTeam>(threads);
  return [&objective, team](Batch& batch) {
    const int count = static_cast<int>(batch.values.size());
    std::atomic<int> failed = count;  // the first so far: what comes after it is not wanted any more
    const auto evaluate = [&](int job) {
      if (job > failed) return;
      const auto b = static_cast<std::size_t>(job);
      try {
        batch.values[b] = objective(batch.point(b), batch.gradient(b));
      } catch (...) {
        batch.errors[b] = std::current_exception();
        for (int first = failed; job < first && !failed.compare_exchange_weak(first, job);) {
        }
      }
    };
    if (count == 1 || team->size() == 1) {
      for (int job = 0; job < count; ++job) evaluate(job);
    } else {
      team->for_jobs(count, evaluate);
    }
  };
}

EvaluateBatch at_once(const BatchObjective& objective) {
  return [&objective](Batch& batch) { objective(batch.theta, batch.values, batch.gradients); };
}

EvaluateBatch by_differences(EvaluateBatch evaluate, const Region& region) {
  return [evaluate = std::move(evaluate), &region, values = std::make_shared<Batch>()](Batch& batch) {
    const std::size_t points = batch.values.size(), n = region.free.size();
    const std::size_t m = batch.theta.size() / points, wanted = batch.gradients.size() / m;
    std::vector<double> step(wanted * n);
    values->resize(points + wanted * n, 0, m);
    std::ranges::copy(batch.theta, values->theta.begin());
    for (std::size_t g = 0; g < wanted; ++g) {
      for (std::size_t i = 0; i < n; ++i) {
        const auto moved = values->point(points + g * n + i);
        std::ranges::copy(batch.point(g), moved.begin());
        double& x = moved[region.free[i]];
        const double before = x;
        x = beside(before, region, i);
        step[g * n + i] = x - before;
      }
    }
    // What is not evaluated, behind an error, must not look like an answer.
    std::ranges::fill(values->values, std::nan(""));
    evaluate(*values);
    std::copy_n(values->values.begin(), points, batch.values.begin());
    std::copy_n(values->errors.begin(), points, batch.errors.begin());
    std::ranges::fill(batch.gradients, 0.0);
    const auto failed = std::ranges::find_if(values->errors, [](const auto& error) { return error != nullptr; });
    const auto first = static_cast<std::size_t>(failed - values->errors.begin());
    for (std::size_t g = 0; g < wanted; ++g) {
      // How far others got behind the first error depends on threads: what needs them fails with it.
      if (first < points + (g + 1) * n && !batch.errors[g]) batch.errors[g] = *failed;
      for (std::size_t i = 0; i < n; ++i) {
        batch.gradient(g)[region.free[i]] = (values->values[points + g * n + i] - batch.values[g]) / step[g * n + i];
      }
    }
  };
}

}  // namespace scout
