// Points that are evaluated at once.
#pragma once

#include <exception>
#include <functional>
#include <vector>

#include "scout/optimizer/minimize.h"
#include "scout/optimizer/region.h"

namespace scout {

/// B points, of which the first G are asked for gradients.
struct Batch {
  std::vector<double> theta;      ///< [B, M]
  std::vector<double> values;     ///< [B]
  std::vector<double> gradients;  ///< [G, M]
  /// [B]; what was thrown in place of an answer. What is behind the first is not filled in.
  std::vector<std::exception_ptr> errors;

  /// Of new points, whose coordinates are to be filled in.
  void resize(std::size_t points, std::size_t with_gradient, std::size_t dimension);
  std::span<double> point(std::size_t b) { return row(theta, b); }
  /// Empty where none was asked for.
  std::span<double> gradient(std::size_t b) {
    return b * dimension() < gradients.size() ? row(gradients, b) : std::span<double>();
  }

 private:
  std::size_t dimension() const { return theta.size() / values.size(); }
  std::span<double> row(std::vector<double>& all, std::size_t b) {
    return std::span(all).subspan(b * dimension(), dimension());
  }
};

/// Fills in values, gradients and errors; throws what a whole batch throws.
using EvaluateBatch = std::function<void(Batch&)>;

/// By one call a point, from as many threads. The answers, and which error is the first, do not depend on their number.
EvaluateBatch point_by_point(const Objective& objective, int threads);
/// By one call a batch.
EvaluateBatch at_once(const BatchObjective& objective);
/// Gradients by forward differences of values from `evaluate`, all in one batch. `region` has to outlive it.
EvaluateBatch by_differences(EvaluateBatch evaluate, const Region& region);

}  // namespace scout
