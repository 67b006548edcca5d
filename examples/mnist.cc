// Trains a classifier of MNIST with the learned optimizer in the place of torch::optim::Adam: mnist [POLICY]
// Where the data are not there (scout data fetch mnist), on a generated stand-in: noisy pictures of ten patterns.
#include <torch/torch.h>

#include <cstdio>
#include <exception>

#include "scout/data/images.h"
#include "scout/policy/shipped.h"
#include "scout/torch/learned_optimizer.h"

using Examples = std::pair<at::Tensor, at::Tensor>;  // images [N, 1, 28, 28], labels [N]

Examples to_tensors(const scout::Images& images) {
  const auto count = static_cast<std::int64_t>(images.count());
  const auto pixels = torch::tensor(at::ArrayRef<std::uint8_t>(images.pixels)).view({count, 1, 28, 28});
  return {(pixels.to(torch::kFloat) / 255 - 0.13) / 0.31,
          torch::tensor(at::ArrayRef<std::uint8_t>(images.labels)).to(at::kLong)};
}

std::pair<Examples, Examples> train_and_test() {
  const scout::ImageDataSet& mnist = scout::image_data_set("mnist");
  if (scout::is_present(mnist, scout::data_folder())) {
    const auto images = scout::load_images(mnist, scout::data_folder());
    return {to_tensors(images.train), to_tensors(images.test)};
  }
  const auto patterns = torch::randn({10, 1, 28, 28});
  const auto draw = [&](std::int64_t count) {
    const auto labels = torch::randint(10, {count});
    return Examples(patterns.index_select(0, labels) + 2.5 * torch::randn({count, 1, 28, 28}), labels);
  };
  return {draw(5000), draw(1000)};
}

int main(int argc, char** argv) try {
  constexpr int kSteps = 300, kBatch = 64;
  torch::manual_seed(1);
  const auto [train, test] = train_and_test();
  torch::nn::Sequential model(torch::nn::Conv2d(torch::nn::Conv2dOptions(1, 8, 5).stride(2)), torch::nn::ReLU(),
                              torch::nn::MaxPool2d(2), torch::nn::Flatten(), torch::nn::Linear(8 * 6 * 6, 10));
  // This line was: torch::optim::Adam optimizer(model->parameters(), torch::optim::AdamOptions(1e-3));
  scout::LearnedOptimizer optimizer(
      model->parameters(),
      scout::LearnedOptimizerOptions().policy(scout::policy_or_file(argc > 1 ? argv[1] : "network")).horizon(kSteps));
  for (int step = 1; step <= kSteps; ++step) {
    const auto batch = torch::randint(train.second.size(0), {kBatch});
    const auto loss = optimizer.step([&] {
      optimizer.zero_grad();
      const auto value = torch::nn::functional::cross_entropy(model->forward(train.first.index_select(0, batch)),
                                                              train.second.index_select(0, batch));
      value.backward();
      return value;
    });
    if (step % 100 == 0) std::printf("step %d: loss %.3f\n", step, loss.item<double>());
  }
  std::printf("guard: %s\n", to_string(optimizer.guard_report()).c_str());
  const torch::NoGradGuard no_graph;
  const double accuracy = model->forward(test.first).argmax(1).eq(test.second).to(torch::kDouble).mean().item<double>();
  std::printf("accuracy on new images: %.1f %%\n", 100 * accuracy);
  return accuracy > 0.85 ? 0 : 1;  // a tenth is chance
} catch (const std::exception& error) {
  return std::fprintf(stderr, "error: %s\n", error.what()), 1;
}
