// Fits a curve written in torch; autograd gives the gradient.
#include <torch/torch.h>

#include <cstdio>
#include <exception>

#include "scout/torch/objective.h"

int main() try {
  // y = a·exp(-b·t)·cos(ω·t), whose squared error has many local minima in ω.
  const auto t = torch::linspace(0, 4, 60, torch::kFloat64);
  const auto y = 2 * torch::exp(-0.3 * t) * torch::cos(5 * t);
  const auto squared_error = [&](const at::Tensor& theta) {
    return (theta[0] * torch::exp(-theta[1] * t) * torch::cos(theta[2] * t) - y).square().mean();
  };
  scout::MinimizeOptions options;
  options.budget = 2000;
  options.lower = {0, 0, 0};
  options.upper = {5, 2, 10};
  const auto summary = scout::minimize(scout::torch_objective(squared_error), std::vector<double>{1, 1, 1}, options);
  const auto& best = summary.best_point;
  std::printf("error %.3g with a = %.4f, b = %.4f, w = %.4f: %s\n", summary.best_value, best[0], best[1], best[2],
              summary.message.c_str());
} catch (const std::exception& error) {
  return std::fprintf(stderr, "error: %s\n", error.what()), 1;
}
