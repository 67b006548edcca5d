// A researcher's program: the problem families and the objectives of LibTorch.
#include <ATen/Functions.h>

#include <cmath>
#include <cstdio>
#include <vector>

#include "scout/meta/trainer.h"
#include "scout/problem/instance.h"
#include "scout/torch/objective.h"

int main() {
  const auto instance = scout::family("rastrigin-rotated")->sample(scout::Split::train, 0, 3);
  const auto sum_of_squares = scout::torch_objective([](const at::Tensor& theta) { return theta.square().sum(); });
  std::vector<double> gradient(2);
  const double f = sum_of_squares(std::vector<double>{1, 2}, gradient);
  std::printf("optimum %g, f %g, gradient %g %g\n", instance->true_value(instance->optimum()), f, gradient[0], gradient[1]);
  return f == 5 && gradient[0] == 2 && gradient[1] == 4 ? 0 : 1;
}
