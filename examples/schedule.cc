// A learning-rate schedule of LibTorch, and weight decay for matrices but not for biases, in parameter groups.
#include <torch/torch.h>

#include <cstdio>
#include <exception>

#include "scout/torch/learned_optimizer.h"

int main() try {
  torch::manual_seed(1);
  // Few noisy examples of a function of three of twenty inputs.
  const auto draw = [](std::int64_t count) {
    const auto x = torch::randn({count, 20});
    return std::pair(x,
                     (x.select(1, 0) - 2 * x.select(1, 1) + x.select(1, 2)).unsqueeze(1) + 0.5 * torch::randn({count, 1}));
  };
  const auto [x, y] = draw(200);
  const auto [new_x, new_y] = draw(2000);
  torch::nn::Sequential model(torch::nn::Linear(20, 64), torch::nn::ReLU(), torch::nn::Linear(64, 1));

  std::vector<at::Tensor> matrices, biases;
  for (const auto& p : model->parameters()) (p.dim() > 1 ? matrices : biases).push_back(p);
  using Options = scout::LearnedOptimizerOptions;
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(matrices, std::make_unique<Options>(Options().weight_decay(1e-3)));
  groups.emplace_back(biases, std::make_unique<Options>());
  scout::LearnedOptimizer optimizer(groups);           // no horizon: the schedule alone anneals
  torch::optim::StepLR schedule(optimizer, 150, 0.3);  // lr is a multiplier of the policy's steps, and begins at 1

  const auto error = [&model](const at::Tensor& in, const at::Tensor& out) {
    return (model->forward(in) - out).square().mean();
  };
  const double start = error(new_x, new_y).item<double>();
  for (int step = 0; step < 600; ++step) {
    optimizer.step([&] {
      optimizer.zero_grad();
      const auto loss = error(x, y);
      loss.backward();
      return loss;
    });
    schedule.step();
  }
  const double end = error(new_x, new_y).item<double>();
  const double lr = optimizer.param_groups()[0].options().get_lr();
  std::printf("error on new examples: %.2f at the start, %.2f now; lr %.4f\n", start, end, lr);
  return end < 0.5 * start && lr < 0.05 ? 0 : 1;
} catch (const std::exception& error) {
  return std::fprintf(stderr, "error: %s\n", error.what()), 1;
}
