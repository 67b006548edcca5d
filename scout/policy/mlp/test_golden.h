// For tests only: the gradients and weights that the published optimizers were run with, by their authors' code.
#pragma once

#include <cmath>
#include <vector>

#include "scout/policy/rules.h"
#include "scout/policy/weight/weight_run.h"

namespace scout {

/// .3 sin(1 + j) for number j of `count`.
inline std::vector<float> wavy_weights(std::size_t count) {
  std::vector<float> out(count);
  for (std::size_t j = 0; j < count; ++j) out[j] = static_cast<float>(0.3 * std::sin(1 + static_cast<double>(j)));
  return out;
}

inline std::shared_ptr<const WeightStepper> stepper_of(const RuleOptions& options, const std::vector<float>& parameters) {
  return std::static_pointer_cast<const WeightStepper>(make_rule(options)->with(parameters));
}

/// What three steps add to the weights of one tensor, without a guard: from .1 cos(1.1 i), along gradients
/// (1 + i/2) sin(.7 i + 1.3 t + .4), t = 0, 1, 2.
inline std::vector<double> three_steps(const std::shared_ptr<const WeightStepper>& stepper, const TensorShape& shape) {
  const auto n = static_cast<std::size_t>(shape.size);
  std::vector<double> theta(n), gradient(n);
  for (std::size_t i = 0; i < n; ++i) theta[i] = 0.1 * std::cos(1.1 * static_cast<double>(i));
  const std::vector<double> first = theta;
  GuardedRun run(stepper, {&shape, 1}, n, 0, false);
  for (int t = 0; t < 3; ++t) {
    for (std::size_t i = 0; i < n; ++i) {
      const auto place = static_cast<double>(i);
      gradient[i] = (1 + 0.5 * place) * std::sin(0.7 * place + 1.3 * t + 0.4);
    }
    run.step(theta, gradient);
  }
  for (std::size_t i = 0; i < n; ++i) theta[i] -= first[i];
  return theta;
}

}  // namespace scout
