// An engineer's program, written from the README: a recurrent net that tells apart noisy waves of three frequencies.
#include <torch/torch.h>

#include <cstdio>

#include "scout/policy/shipped.h"
#include "scout/torch/learned_optimizer.h"

struct Net : torch::nn::Module {
  torch::nn::GRU gru{register_module("gru", torch::nn::GRU(torch::nn::GRUOptions(1, 16).batch_first(true)))};
  torch::nn::LayerNorm norm{register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({16})))};
  torch::nn::Linear out{register_module("out", torch::nn::Linear(16, 3))};
  at::Tensor forward(const at::Tensor& x) { return out(norm(std::get<0>(gru(x)).select(1, -1))); }
};

int main() {
  torch::manual_seed(1);
  const auto draw = [](std::int64_t count) {
    const auto label = torch::randint(3, {count});
    const auto time = torch::arange(24).unsqueeze(0) * 0.3 * (1 + label.unsqueeze(1)) + 6.28 * torch::rand({count, 1});
    return std::pair((time.sin() + 0.3 * torch::randn({count, 24})).unsqueeze(2), label);
  };
  const auto [x, y] = draw(256);
  const auto [new_x, new_y] = draw(500);
  auto model = std::make_shared<Net>();
  scout::LearnedOptimizer optimizer(model->parameters(),  // was: torch::optim::Adam optimizer(model->parameters(), 1e-3);
                                    scout::LearnedOptimizerOptions().policy(scout::policy("network")).horizon(150));
  for (int step = 0; step < 150; ++step) {
    optimizer.zero_grad();
    torch::nn::functional::cross_entropy(model->forward(x), y).backward();
    optimizer.step();
  }
  const torch::NoGradGuard no_graph;
  const double accuracy = model->forward(new_x).argmax(1).eq(new_y).to(torch::kDouble).mean().item<double>();
  std::printf("accuracy on new waves: %.1f %%\n", 100 * accuracy);
  return accuracy > 0.8 ? 0 : 1;  // chance is a third
}
