// Saves a training and goes on from the file, as if it had not been interrupted: bit by bit.
#include <torch/torch.h>

#include <cstdio>
#include <exception>

#include "scout/torch/learned_optimizer.h"

constexpr int kSteps = 400;

struct Training {
  torch::nn::Sequential model{torch::nn::Linear(4, 32), torch::nn::Tanh(), torch::nn::Linear(32, 1)};
  scout::LearnedOptimizer optimizer{model->parameters(), scout::LearnedOptimizerOptions().horizon(kSteps)};

  double run(int from, int to) {
    double loss = 0;
    for (int step = from; step < to; ++step) {
      torch::manual_seed(static_cast<std::uint64_t>(step));  // the order of the data has to be resumed, too
      const auto x = torch::randn({64, 4});
      loss = optimizer
                 .step([&] {
                   optimizer.zero_grad();
                   const auto value = (model->forward(x) - x.prod(1, true).tanh()).square().mean();
                   value.backward();
                   return value;
                 })
                 .item<double>();
    }
    return loss;
  }
  void save() const {
    torch::save(model, "resume-model.pt");
    torch::save(optimizer, "resume-optimizer.pt");
  }
  void load() {
    torch::load(model, "resume-model.pt");
    torch::load(optimizer, "resume-optimizer.pt");
  }
};

int main() try {
  torch::manual_seed(1);
  Training whole;
  const double start = whole.run(0, 1);
  whole.run(1, kSteps / 2);
  whole.save();
  Training resumed;  // another program's, say
  resumed.load();
  const double a = whole.run(kSteps / 2, kSteps);
  const double b = resumed.run(kSteps / 2, kSteps);
  std::printf("loss %.4f at the start, %.17g at the end, %.17g if interrupted\n", start, a, b);
  bool equal = a == b;
  for (std::size_t i = 0; i < whole.model->parameters().size(); ++i) {
    equal = equal && whole.model->parameters()[i].equal(resumed.model->parameters()[i]);
  }
  return equal && a < 0.8 * start ? 0 : 1;
} catch (const std::exception& error) {
  return std::fprintf(stderr, "error: %s\n", error.what()), 1;
}
