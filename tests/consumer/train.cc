// A researcher's program: the problem families, the objectives of LibTorch, and the optimizer for networks.
#include <ATen/ATen.h>

#include <cmath>
#include <cstdio>
#include <vector>

#include "scout/problem/catalog/family.h"
#include "scout/problem/instance.h"
#include "scout/torch/learned_optimizer.h"
#include "scout/torch/objective.h"
#include "scout/train/trainer.h"

int main() {
  const auto instance = scout::family("rastrigin-rotated")->sample(scout::Split::train, 0, 3);
  const auto sum_of_squares = scout::torch_objective([](const at::Tensor& theta) { return theta.square().sum(); });
  std::vector<double> gradient(2);
  const double f = sum_of_squares(std::vector<double>{1, 2}, gradient);
  std::printf("optimum %g, f %g, gradient %g %g\n", instance->true_value(instance->optimum()), f, gradient[0], gradient[1]);

  auto weight = at::ones({1000}).set_requires_grad(true);
  scout::LearnedOptimizer optimizer({weight});
  for (int step = 0; step < 20; ++step) {
    weight.mutable_grad() = 2 * weight.detach();
    optimizer.step();
  }
  const bool learned = weight.abs().max().item<double>() < 0.8;
  return f == 5 && gradient[0] == 2 && gradient[1] == 4 && learned ? 0 : 1;
}
