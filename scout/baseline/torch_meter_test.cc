#include "scout/baseline/torch_meter.h"

#include <gtest/gtest.h>
#include <torch/optim/adam.h>

#include <map>
#include <string>

#include "scout/baseline/test_optimizer.h"

namespace scout::baseline {
namespace {

/// A filter, a matrix, a vector and a scalar.
const std::vector<TensorShape> shapes{{24, 4, 4}, {15, 2, 5}, {7, 1, 7}, {1, 0, 1}};
constexpr std::int64_t weights = 24 + 15 + 7 + 1;

TEST(TorchMeter, StateIsCountedToTheByte) {
  const std::map<std::string, std::int64_t> bytes_a_weight{{"sgd", 0},     {"momentum", 4}, {"nesterov", 4}, {"adagrad", 4},
                                                           {"rmsprop", 4}, {"adam", 8},     {"adamw", 8}};
  for (const auto& [name, bytes] : bytes_a_weight) {
    for (const auto& settings : {optimizer_entry(name).grid().front(), optimizer_entry(name).grid().back()}) {
      const auto meter = make_optimizer(name, settings)->step_meter(shapes, 10);
      ASSERT_TRUE(meter) << name;
      for (int step = 0; step < 3; ++step) EXPECT_GE(meter->step(), 0) << name;
      EXPECT_EQ(meter->state_bytes(), bytes * weights) << name;
    }
  }
}

TEST(TorchMeter, StepsMoveTheWeightsOfTheShapesGiven) {
  std::vector<at::Tensor> seen;
  const auto meter = torch_meter(shapes, [&](const std::vector<at::Tensor>& parameters) {
    seen = parameters;
    return std::make_unique<torch::optim::Adam>(parameters, torch::optim::AdamOptions(0.5));
  });
  ASSERT_EQ(seen.size(), shapes.size());
  std::vector<at::Tensor> before;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    EXPECT_EQ(seen[i].numel(), shapes[i].size);
    EXPECT_EQ(seen[i].dim(), shapes[i].dimensions);
    EXPECT_EQ(seen[i].scalar_type(), at::kFloat);
    before.push_back(seen[i].clone());
  }
  meter->step();
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    EXPECT_NEAR((seen[i] - before[i]).abs().min().item<double>(), 0.5, 1e-3) << "Adam's first step is its learning rate";
  }
}

TEST(TorchMeter, ThereIsNoneWhereAStepIsNothingApartFromTheRun) {
  for (const char* name : {"random-search", "multistart-adam", "cmaes"}) {
    for (const auto& entry : optimizers()) {
      if (std::string(entry.name).ends_with(name)) {
        EXPECT_FALSE(entry.make(entry.grid().front())->step_meter(shapes, 10)) << entry.name;
      }
    }
  }
}

}  // namespace
}  // namespace scout::baseline
