#include "scout/optimizer/batch.h"

#include <atomic>

#include "scout/base/parallel.h"

namespace scout {

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

}  // namespace scout
