// What conformance_test.cc does not ask of the corpus: values at known points, minibatches, and the softmax regression.
#include "scout/problem/corpus_family.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace scout {
namespace {

using Vector = std::vector<double>;

double scale(const Instance& instance) { return instance.upper()[0] / 5; }
double at(const Instance& instance, Vector z) {
  for (double& x : z) x *= scale(instance);
  return instance.true_value(z);
}

TEST(Corpus, ValuesAreThoseOfTheFormulas) {
  const auto chain = corpus_family("dependency-chain")->sample(Split::train, 0, 3);
  EXPECT_NEAR(at(*chain, {2, 3, 1}), 2 * 4 + 9 / (4 + 1e-6) + 1 / (9 + 1e-6), 1e-12);
  EXPECT_EQ(chain->optimum_value(), 0.0);
  const auto well = corpus_family("min-max-well")->sample(Split::train, 0, 3);
  EXPECT_NEAR(at(*well, {-3, 2, -0.5}), 9 + 4 - 2, 1e-9);
  EXPECT_NEAR(at(*well, {1, -1, 1}), 0, 1e-11);
  EXPECT_EQ(well->optimum_value(), 1e-12);
  const auto snake = corpus_family("outward-snake")->sample(Split::train, 0, 3);
  // On the path only the term of the radius is left, which falls outwards; each of its samples is one of 1,000 with odds ½.
  const auto path = [](double first) {
    const double second = std::numbers::pi * std::cos(first);
    return Vector{first, second, std::numbers::pi * std::cos(second)};
  };
  const auto radius = [](const Vector& z) { return std::sqrt(z[0] * z[0] + z[1] * z[1] + z[2] * z[2]); };
  EXPECT_NEAR(at(*snake, path(1)) * radius(path(1)), 500, 60);
  EXPECT_NEAR(at(*snake, path(100)) * radius(path(100)), at(*snake, path(1)) * radius(path(1)), 0.1);
  EXPECT_GT(at(*snake, {1, 0, 0}), at(*snake, path(1)) + 100);
  EXPECT_FALSE(snake->optimum_value().has_value());
  const auto projection = corpus_family("projection-quadratic")->sample(Split::train, 0, 3);
  EXPECT_NEAR(at(*projection, {1, 1, 1}), 3000, 300);
  const auto sum = corpus_family("sum-of-quadratics")->sample(Split::train, 0, 3);
  EXPECT_NEAR(at(*sum, {1, 2, 2}), 9000, 1e-6);
  EXPECT_NEAR(at(*sum, {0, 0, 0}), 1e-12, 1e-20);
}

TEST(Corpus, MinibatchesAreEstimates) {
  for (const std::string& name : corpus_names()) {
    const auto instance = corpus_family(name)->sample(Split::validation, 3, 6);
    SCOPED_TRACE(name);
    const bool noise_free = name == "dependency-chain" || name == "min-max-well" || name == "sparse-softmax";
    EXPECT_EQ(instance->stochastic(), !noise_free);
    const auto m = static_cast<std::size_t>(instance->dimension());
    Random random(Seed(1));
    Vector theta(m), whole(m), part(m), again(m), mean(m);
    instance->sample_start(random, theta);
    double f = 0, estimate = 0, sum = 0;
    instance->evaluate(theta, {&f, 1}, whole);
    constexpr std::uint64_t kBatches = 4000;
    bool all_alike = true;
    for (std::uint64_t k = 0; k < kBatches; ++k) {
      instance->evaluate_minibatch(k, theta, {&estimate, 1}, part);
      sum += estimate / kBatches;
      for (std::size_t i = 0; i < m; ++i) mean[i] += part[i] / kBatches;
      if (k == 0) again = part;
      all_alike = all_alike && part == again;
    }
    EXPECT_EQ(all_alike, noise_free);
    instance->evaluate_minibatch(0, theta, {}, part);
    EXPECT_EQ(part, again) << "of one number always the same";
    if (noise_free) continue;
    const double share = sum / f;  // the minibatch's, which is a sum
    EXPECT_GT(share, 0.008);
    EXPECT_LT(share, 0.135);
    double size = 0;
    for (const double g : whole) size = std::max(size, std::abs(g));
    for (std::size_t i = 0; i < m; ++i) EXPECT_NEAR(mean[i] / share, whole[i], 0.05 * size) << i;
  }
}

TEST(Corpus, SparseSoftmaxHasThreeTensorsAndExactGradients) {
  const auto family = corpus_family("sparse-softmax");
  EXPECT_TRUE(family->has_own_dimensions());
  const auto instance = family->sample(Split::train, 5, 0);
  ASSERT_EQ(instance->dimension(), 22);
  std::int64_t size = 0;
  for (const TensorShape& shape : instance->tensors()) size += shape.size;
  EXPECT_EQ(size, 22);
  EXPECT_NEAR(instance->true_value(Vector(22)), std::log(2), 1e-12);
  Random random(Seed(1));
  Vector theta(22), gradient(22);
  instance->sample_start(random, theta);
  instance->evaluate(theta, {}, gradient);
  for (std::size_t i = 0; i < 22; ++i) {
    const double before = theta[i];
    theta[i] = before + 1e-6;
    const double above = instance->true_value(theta);
    theta[i] = before - 1e-6;
    const double below = instance->true_value(theta);
    theta[i] = before;
    EXPECT_NEAR(gradient[i], (above - below) / 2e-6, 1e-8) << i;
  }
  EXPECT_NE(family->sample(Split::train, 6, 0)->true_value(theta), instance->true_value(theta));
  EXPECT_EQ(family->sample(Split::train, 5, 0)->true_value(theta), instance->true_value(theta));
}

TEST(Corpus, NamesAreKnownAndDimensionsChecked) {
  EXPECT_EQ(corpus_family("dependency"), nullptr);
  EXPECT_EQ(corpus_family("sparse-softmax", true), nullptr);
  EXPECT_THROW(corpus_family("outward-snake")->sample(Split::train, 0, 1), std::invalid_argument);
}

}  // namespace
}  // namespace scout
