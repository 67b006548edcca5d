#include "scout/torch/objective.h"

#include <torch/torch.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace scout {

Objective torch_objective(std::function<at::Tensor(const at::Tensor&)> expression) {
  if (!expression) throw std::invalid_argument("torch_objective: the expression is empty: must be a function");
  return [expression = std::move(expression)](std::span<const double> theta, std::span<double> gradient) {
    const bool with_gradient = !gradient.empty();
    const torch::AutoGradMode graph(true);
    torch::Tensor point = torch::empty({static_cast<std::int64_t>(theta.size())}, torch::kFloat64);
    std::copy(theta.begin(), theta.end(), point.data_ptr<double>());
    point.requires_grad_(with_gradient);
    const torch::Tensor value = expression(point);
    if (!value.defined() || value.numel() != 1) {
      throw std::invalid_argument("torch_objective: the expression returned " +
                                  (value.defined() ? std::to_string(value.numel()) : std::string("no")) +
                                  " numbers: must be one; reduce it, e.g. with .sum()");
    }
    if (with_gradient) {
      std::fill(gradient.begin(), gradient.end(), 0.0);
      if (value.requires_grad()) {
        const auto slope = torch::autograd::grad({value.sum()}, {point}, {}, false, false, /*allow_unused=*/true).front();
        if (slope.defined()) std::copy_n(slope.contiguous().data_ptr<double>(), gradient.size(), gradient.begin());
      }
    }
    return value.item<double>();
  };
}

}  // namespace scout
