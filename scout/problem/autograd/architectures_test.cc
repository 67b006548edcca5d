#include "scout/problem/autograd/architectures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "scout/problem/catalog/family.h"
#include "scout/problem/classifier/test_conformance.h"

namespace scout {
namespace {

[[maybe_unused]] const bool added = (add_architectures(autograd_architectures()), true);

INSTANTIATE_TEST_SUITE_P(Sequences, ClassifierConformance,
                         testing::Values("rnn-recall:hidden=8", "rnn-markov:hidden=6,batch=32",
                                         "transformer-markov:hidden=8,batch=32",
                                         "transformer-recall:hidden=8x8,init=he,batch=32"),
                         label_of);

/// Random images of 8x8 in colour, 4 classes.
class RandomImages : public ExampleSource {
 public:
  RandomImages() : ExampleSource({3, 8, 8}, 4, 1) {}
  std::size_t count(DataPart) const override { return 100; }
  void read(DataPart, std::span<const std::uint32_t> indices, Random*, std::span<float> inputs,
            std::span<std::int32_t> labels) const override {
    for (std::size_t i = 0; i < indices.size(); ++i) {
      Random random(Seed(indices[i]));
      for (float& x : inputs.subspan(i * input_size(), input_size())) x = static_cast<float>(random.normal());
      labels[i] = static_cast<std::int32_t>(random.index(4));
    }
  }
};

struct Batch {
  std::vector<float> inputs = std::vector<float>(20 * 3 * 64);
  std::vector<std::int32_t> labels = std::vector<std::int32_t>(20);
  Batch() {
    std::vector<std::uint32_t> indices(20);
    for (std::uint32_t i = 0; i < 20; ++i) indices[i] = i;
    RandomImages().read(DataPart::inner_train, indices, nullptr, inputs, labels);
  }
};

std::unique_ptr<Classifier> image_network(const std::string& name, std::vector<int> hidden) {
  for (const auto& row : autograd_architectures()) {
    if (row.name == name) return row.make({hidden, "relu", "glorot", 20, 8, false}, RandomImages());
  }
  throw std::invalid_argument(name);
}

class ImageNetworks : public testing::TestWithParam<std::pair<std::string, std::vector<int>>> {
 protected:
  const std::unique_ptr<Classifier> network_ = image_network(GetParam().first, GetParam().second);
  const Batch batch_;
  std::vector<float> start(const std::string& initialisation) const {
    std::vector<float> theta(network_->parameter_count());
    Random random(Seed(2));
    initialise(initialisation, *network_, batch_.inputs, random, theta);
    return theta;
  }
};

TEST_P(ImageNetworks, GradientMatchesDifferencesAlongEachTensor) {
  auto theta = start("he");
  std::vector<float> gradient(theta.size());
  const Score score = network_->evaluate(theta, batch_.inputs, batch_.labels, gradient);
  EXPECT_EQ(network_->evaluate(theta, batch_.inputs, batch_.labels, {}).loss, score.loss);
  for (const auto& tensor : network_->tensors()) {
    const auto slope = std::span(gradient).subspan(tensor.offset, tensor.size);
    double norm = 0;
    for (const float g : slope) norm += g * g;
    norm = std::sqrt(norm);
    const double step = 1e-3 / std::max(norm, 1.0);  // small beside the kinks of ReLU
    double f[2];
    for (const int side : {0, 1}) {
      auto moved = theta;
      for (std::size_t i = 0; i < tensor.size && norm > 0; ++i) {
        moved[tensor.offset + i] += static_cast<float>((side == 0 ? -step : step) * slope[i] / norm);
      }
      f[side] = network_->evaluate(moved, batch_.inputs, batch_.labels, {}).loss;
    }
    EXPECT_NEAR((f[1] - f[0]) / (2 * step), norm, 0.03 * norm + 1e-3) << "tensor at " << tensor.offset;
  }
}

TEST_P(ImageNetworks, SeveralAtOnceGetWhatEachGetsAlone) {
  const std::size_t m = network_->parameter_count();
  // The stack's limits divide 300 classifiers into several batches, and leave an odd one.
  for (const std::size_t classifiers : {1, 3, 300}) {
    std::vector<float> thetas;
    for (std::size_t k = 0; k < classifiers; ++k) {
      std::vector<float> theta(m);
      Random random(Seed(5).derive(static_cast<std::uint64_t>(k)));
      initialise(k % 2 == 0 ? "he" : "large", *network_, batch_.inputs, random, theta);
      thetas.insert(thetas.end(), theta.begin(), theta.end());
    }
    std::vector<Score> scores(classifiers), silent(classifiers);
    std::vector<float> gradients(classifiers * m), alone(m);
    network_->evaluate_each(thetas, batch_.inputs, batch_.labels, scores, gradients);
    network_->evaluate_each(thetas, batch_.inputs, batch_.labels, silent, {});
    for (std::size_t k = 0; k < classifiers; ++k) {
      const Score score = network_->evaluate(std::span(thetas).subspan(k * m, m), batch_.inputs, batch_.labels, alone);
      EXPECT_NEAR(scores[k].loss, score.loss, 1e-5 * score.loss);
      EXPECT_EQ(scores[k].correct, score.correct);
      EXPECT_EQ(silent[k].loss, scores[k].loss);
      double largest = 0;
      for (const float g : alone) largest = std::max<double>(largest, std::abs(g));
      for (std::size_t i = 0; i < m; ++i) ASSERT_NEAR(gradients[k * m + i], alone[i], 1e-4 * largest) << k << ' ' << i;
    }
  }
}

TEST_P(ImageNetworks, TensorsCoverTheParametersAndLsuvReachesEachWeight) {
  std::size_t next = 0;
  for (const auto& tensor : network_->tensors()) {
    EXPECT_EQ(tensor.offset, next);
    next += tensor.size;
  }
  const auto theta = start("lsuv");
  for (std::size_t t = 0; t < network_->tensors().size(); ++t) {
    if (network_->tensors()[t].kind != ParameterTensor::Kind::weight) continue;
    EXPECT_NEAR(network_->output_deviation(theta, batch_.inputs, t), 1, 0.05) << "tensor " << t;
  }
}

INSTANTIATE_TEST_SUITE_P(Autograd, ImageNetworks,
                         testing::Values(std::pair{"conv", std::vector{4, 6}}, std::pair{"resnet", std::vector{4, 6, 6}}),
                         [](const auto& classifier) { return classifier.param.first; });

TEST(Architectures, AreAsLargeAsTheyShouldBe) {
  EXPECT_EQ(image_network("conv", {32, 64, 64})->parameter_count(),
            3U * 9 * 32 + 32 + 32 * 9 * 64 + 64 + 64 * 9 * 64 + 64 + 64 * 4 + 4);
  EXPECT_THROW(image_network("conv", {}), std::invalid_argument);
  EXPECT_THROW(image_network("resnet", {}), std::invalid_argument);
  EXPECT_THROW(family("rnn-recall:hidden=4x4")->sample(Split::train, 0, 0), std::invalid_argument);
  EXPECT_THROW(family("transformer-recall:hidden=5")->sample(Split::train, 0, 0), std::invalid_argument);
}

TEST(Architectures, SequenceNetworksAreCausal) {
  // Changing the last symbol changes no score but the last step's: with labels at each step, f splits into steps.
  for (const auto& name : {"rnn", "transformer"}) {
    const auto source = example_source("markov", 0, false, Seed(1));
    std::unique_ptr<Classifier> classifier;
    for (const auto& row : autograd_architectures()) {
      if (row.name == name) classifier = row.make({{8}, "relu", "he", 1, 0, false}, *source);
    }
    std::vector<float> inputs(source->input_size());
    std::vector<std::int32_t> labels(16);
    source->read(DataPart::test, std::vector<std::uint32_t>{3}, nullptr, inputs, labels);
    std::vector<float> theta(classifier->parameter_count());
    Random random(Seed(5));
    initialise("he", *classifier, inputs, random, theta);
    // The gradient of f's last term is softmax - label; so compare f for two last labels: their difference is that of the
    // last step's scores, which must move with the last symbol; the sum over other steps must not.
    const auto loss = [&](std::span<const float> x, std::int32_t last) {
      labels[15] = last;
      return classifier->evaluate(theta, x, labels, {}).loss * 16;
    };
    auto changed = inputs;
    const std::size_t last_symbol = 15 * 6;
    for (std::size_t s = 0; s < 6; ++s) changed[last_symbol + s] = inputs[last_symbol + (s + 1) % 6];
    // exp(-loss of the last step) over all labels sums to 1: what is left is the loss of the other steps.
    const auto others = [&](std::span<const float> x) {
      double lowest = loss(x, 0);
      double sum = 0;
      for (std::int32_t c = 0; c < 6; ++c) sum += std::exp(lowest - loss(x, c));
      return lowest - std::log(sum);
    };
    EXPECT_NEAR(others(changed), others(inputs), 1e-5) << name;
    EXPECT_GT(std::abs(loss(changed, 0) - loss(inputs, 0)), 1e-3) << name;
  }
}

TEST(Architectures, ConvLearnsCifar100) {
  if (!is_present(image_data_set("cifar-100"), data_folder())) {
    GTEST_SKIP() << "no cifar-100 in " << data_folder() << ": set SCOUT_DATA, or `scout data fetch cifar-100`";
  }
  const auto instance = family("conv-cifar-100:side=8,init=he,batch=64,hidden=16x16")->sample(Split::test, 0, 0);
  auto theta = start_of(*instance);
  const double before = instance->true_value(theta);
  std::vector<double> gradient(theta.size());
  for (std::uint64_t step = 0; step < 60; ++step) {
    instance->evaluate_minibatch(step, theta, {}, gradient);
    for (std::size_t i = 0; i < theta.size(); ++i) theta[i] -= 0.3 * gradient[i];
  }
  EXPECT_LT(instance->true_value(theta), before - 0.2);
}

}  // namespace
}  // namespace scout
