#include "scout/problem/classifier/perceptron.h"

#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <cmath>
#include <numeric>
#include <stdexcept>

namespace scout {
namespace {

struct Problem {
  Perceptron classifier;
  int inputs;
  std::vector<float> theta;
  std::vector<float> x;
  std::vector<std::int32_t> labels;

  Problem(std::vector<int> sizes, Activation activation, std::size_t rows)
      : classifier(sizes, activation), inputs(sizes.front()), theta(classifier.parameter_count()) {
    Random random(Seed(11));
    for (float& p : theta) p = static_cast<float>(0.5 * random.normal());
    x.resize(rows * static_cast<std::size_t>(inputs));
    for (float& v : x) v = static_cast<float>(random.normal());
    for (std::size_t r = 0; r < rows; ++r) {
      labels.push_back(static_cast<std::int32_t>(random.index(static_cast<std::uint64_t>(sizes.back()))));
    }
  }
};

const std::vector<std::pair<std::vector<int>, Activation>> kNets{{{3, 4}, Activation::relu},
                                                                 {{5, 7, 3}, Activation::sigmoid},
                                                                 {{5, 7, 3}, Activation::tanh},
                                                                 {{4, 6, 5, 2}, Activation::relu}};

at::Tensor apply(Activation activation, const at::Tensor& x) {
  return activation == Activation::relu ? x.relu() : activation == Activation::tanh ? x.tanh() : x.sigmoid();
}

TEST(Perceptron, AgreesWithAutograd) {
  for (const auto& [sizes, activation] : kNets) {
    Problem problem(sizes, activation, 9);
    std::vector<float> gradient(problem.theta.size(), 5.0F);
    const Score score = problem.classifier.evaluate(problem.theta, problem.x, problem.labels, gradient);

    auto theta = torch::from_blob(problem.theta.data(), {std::ssize(problem.theta)}).to(at::kDouble).requires_grad_();
    auto h = torch::from_blob(problem.x.data(), {9, sizes.front()}).to(at::kDouble);
    std::int64_t offset = 0;
    for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
      const std::int64_t weights = static_cast<std::int64_t>(sizes[i]) * sizes[i + 1];
      const auto w = theta.slice(0, offset, offset + weights).view({sizes[i + 1], sizes[i]});
      h = h.matmul(w.t()) + theta.slice(0, offset + weights, offset + weights + sizes[i + 1]);
      offset += weights + sizes[i + 1];
      if (i + 2 < sizes.size()) h = apply(activation, h);
    }
    const auto labels = torch::from_blob(problem.labels.data(), {9}, at::kInt).to(at::kLong);
    const auto loss = -h.log_softmax(1).gather(1, labels.unsqueeze(1)).mean();
    EXPECT_NEAR(score.loss, loss.item<double>(), 1e-6);
    EXPECT_EQ(score.correct, h.argmax(1).eq(labels).sum().item<std::int64_t>());
    const auto expected = torch::autograd::grad({loss}, {theta}).front();
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      EXPECT_NEAR(gradient[i], expected[static_cast<std::int64_t>(i)].item<double>(), 1e-6);
    }
    EXPECT_EQ(problem.classifier.evaluate(problem.theta, problem.x, problem.labels, {}).loss, score.loss);
  }
}

TEST(Perceptron, AgreesWithFiniteDifferences) {
  for (const auto& [sizes, activation] : kNets) {
    Problem problem(sizes, activation, 9);
    std::vector<float> gradient(problem.theta.size());
    problem.classifier.evaluate(problem.theta, problem.x, problem.labels, gradient);
    const auto loss = [&] { return problem.classifier.evaluate(problem.theta, problem.x, problem.labels, {}).loss; };
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      const float before = problem.theta[i];
      const float step = 1e-3F;
      problem.theta[i] = before + step;
      const double above = loss();
      problem.theta[i] = before - step;
      const double below = loss();
      problem.theta[i] = before;
      EXPECT_NEAR(gradient[i], (above - below) / (2 * static_cast<double>(step)), 1e-3) << i;
    }
  }
}

TEST(Perceptron, TensorsCoverTheParameters) {
  const Perceptron classifier({784, 20, 10}, Activation::sigmoid);
  EXPECT_EQ(classifier.parameter_count(), 15910U);
  std::size_t next = 0;
  for (const auto& tensor : classifier.tensors()) {
    EXPECT_EQ(tensor.offset, next);
    next += tensor.size;
  }
  EXPECT_EQ(next, classifier.parameter_count());
  EXPECT_THROW(Perceptron({3}, Activation::relu), std::invalid_argument);
  EXPECT_THROW(Perceptron({3, 0, 2}, Activation::relu), std::invalid_argument);
}

TEST(Perceptron, CrossEntropyIsStableAndSaysSoWhereItIsNot) {
  std::vector<float> scores{1e4F, 0, -1e4F, 0};
  const std::vector<std::int32_t> labels{0, 0};
  const Score score = cross_entropy(scores, labels, true);
  EXPECT_DOUBLE_EQ(score.loss, 5e3);
  EXPECT_EQ(score.correct, 1);
  EXPECT_EQ(scores, (std::vector<float>{0, 0, -0.5F, 0.5F}));
  std::vector<float> bad{NAN, 0, INFINITY, 1};
  EXPECT_FALSE(std::isfinite(cross_entropy(bad, labels, false).loss));
}

}  // namespace
}  // namespace scout
