// Trains a small image classifier with the learned optimizer in the place of torch::optim::Adam: learned_optimizer [POLICY]
// The images are generated: noisy pictures of ten patterns.
#include <torch/torch.h>

#include <cstdio>
#include <exception>

#include "scout/policy/shipped.h"
#include "scout/torch/learned_optimizer.h"

int main(int argc, char** argv) try {
  constexpr int kSteps = 300, kBatch = 64;
  torch::manual_seed(1);
  const auto patterns = torch::randn({10, 1, 8, 8});
  const auto draw = [&](std::int64_t count) {
    const auto labels = torch::randint(10, {count});
    return std::pair(patterns.index_select(0, labels) + 1.5 * torch::randn({count, 1, 8, 8}), labels);
  };
  const auto [images, labels] = draw(4096);
  const auto [test_images, test_labels] = draw(1000);

  torch::nn::Sequential model(torch::nn::Conv2d(torch::nn::Conv2dOptions(1, 16, 3).padding(1)), torch::nn::ReLU(),
                              torch::nn::MaxPool2d(2), torch::nn::Flatten(), torch::nn::Linear(16 * 4 * 4, 10));
  // This line was: torch::optim::Adam optimizer(model->parameters(), torch::optim::AdamOptions(1e-3));
  scout::LearnedOptimizer optimizer(model->parameters(),
                                    scout::LearnedOptimizerOptions()
                                        .policy(argc > 1 ? scout::Policy::load(argv[1]) : scout::policy("network-base"))
                                        .horizon(kSteps));
  for (int step = 1; step <= kSteps; ++step) {
    const auto batch = torch::randint(images.size(0), {kBatch});
    const auto loss = optimizer.step([&] {
      optimizer.zero_grad();
      const auto value =
          torch::nn::functional::cross_entropy(model->forward(images.index_select(0, batch)), labels.index_select(0, batch));
      value.backward();
      return value;
    });
    if (step % 100 == 0) std::printf("step %d: loss %.3f\n", step, loss.item<double>());
  }
  const torch::NoGradGuard no_graph;
  const double accuracy = model->forward(test_images).argmax(1).eq(test_labels).to(torch::kDouble).mean().item<double>();
  std::printf("accuracy on new images: %.1f %%\n", 100 * accuracy);
  return accuracy > 0.9 ? 0 : 1;
} catch (const std::exception& error) {
  return std::fprintf(stderr, "error: %s\n", error.what()), 1;
}
