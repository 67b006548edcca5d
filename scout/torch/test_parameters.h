// For tests of LearnedOptimizer: parameters with gradients, and states.
#pragma once

#include <torch/torch.h>

#include <sstream>
#include <string>
#include <vector>

#include "scout/torch/learned_optimizer.h"

namespace scout {

/// A random tensor with a random gradient.
inline at::Tensor leaf(std::vector<std::int64_t> shape, at::ScalarType type = at::kFloat) {
  auto out = torch::randn(shape).to(type).set_requires_grad(true);
  out.mutable_grad() = torch::randn(shape).to(type);
  return out;
}
inline at::Tensor copy(const at::Tensor& tensor) {
  auto out = tensor.detach().clone().set_requires_grad(true);
  out.mutable_grad() = tensor.grad().clone();
  return out;
}
inline std::string saved(const LearnedOptimizer& optimizer) {
  std::stringstream file;
  torch::save(optimizer, file);
  return file.str();
}
inline void load(LearnedOptimizer& optimizer, const std::string& state) {
  std::stringstream file(state);
  torch::load(optimizer, file);
}

}  // namespace scout
