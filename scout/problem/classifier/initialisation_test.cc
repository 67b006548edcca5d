#include "scout/problem/classifier/initialisation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "scout/problem/classifier/perceptron.h"

namespace scout {
namespace {

class Initialisation : public testing::Test {
 protected:
  const Perceptron classifier_{{40, 60, 30, 5}, Activation::relu};
  std::vector<float> inputs_ = std::vector<float>(100 * 40);
  Initialisation() {
    Random random(Seed(3));
    for (float& x : inputs_) x = static_cast<float>(2 + 3 * random.normal());
  }
  std::vector<float> draw(const std::string& name) const {
    std::vector<float> theta(classifier_.parameter_count(), NAN);
    Random random(Seed(4));
    initialise(name, classifier_, inputs_, random, theta);
    return theta;
  }
  double deviation(const std::vector<float>& theta, std::size_t tensor) const {
    const auto& t = classifier_.tensors()[tensor];
    double square = 0;
    for (const float x : std::span(theta).subspan(t.offset, t.size)) square += x * x;
    return std::sqrt(square / static_cast<double>(t.size));
  }
};

TEST_F(Initialisation, HasTheDocumentedMoments) {
  const double glorot = std::sqrt(2.0 / 100);  // of a uniform distribution with bound √(6 / 100)
  EXPECT_NEAR(deviation(draw("glorot"), 0), glorot, 0.03 * glorot);
  EXPECT_EQ(deviation(draw("glorot"), 1), 0);
  EXPECT_NEAR(deviation(draw("he"), 0), std::sqrt(2.0 / 40), 0.01);
  EXPECT_NEAR(deviation(draw("normal"), 0), 0.01, 0.001);
  EXPECT_NEAR(deviation(draw("normal"), 1), 0.01, 0.003);
  EXPECT_NEAR(deviation(draw("small"), 2), 0.01 * deviation(draw("glorot"), 2), 1e-6);
  EXPECT_NEAR(deviation(draw("large"), 2), 10 * deviation(draw("glorot"), 2), 1e-5);
  EXPECT_NEAR(deviation(draw("saturated"), 0), glorot, 0.03 * glorot);
  EXPECT_NEAR(deviation(draw("saturated"), 1), 5, 1.5);
}

TEST_F(Initialisation, LsuvGivesEachLayerUnitVariance) {
  const auto theta = draw("lsuv");
  for (const std::size_t tensor : {0U, 2U, 4U}) {
    EXPECT_NEAR(classifier_.output_deviation(theta, inputs_, tensor), 1, 0.02);
    EXPECT_GT(std::abs(classifier_.output_deviation(draw("large"), inputs_, tensor) - 1), 0.5);
  }
  // Rows of the second layer [30, 60] are orthogonal, and so are columns of the first [60, 40].
  const float* first = theta.data();
  const float* second = &theta[classifier_.tensors()[2].offset];
  double along_rows = 0;
  double along_columns = 0;
  for (std::size_t j = 0; j < 60; ++j) along_rows += second[j] * second[60 + j];
  for (std::size_t r = 0; r < 60; ++r) along_columns += first[r * 40] * first[r * 40 + 1];
  EXPECT_NEAR(along_rows, 0, 1e-5);
  EXPECT_NEAR(along_columns, 0, 1e-5);
}

TEST_F(Initialisation, StartsStayWithinTheirBounds) {
  for (const auto& name : initialisations()) {
    const auto theta = draw(name);
    for (const auto& tensor : classifier_.tensors()) {
      for (const float x : std::span(theta).subspan(tensor.offset, tensor.size)) {
        ASSERT_LE(std::abs(x), start_bound(name, tensor) * (1 + 1e-6)) << name;
      }
    }
  }
  EXPECT_THROW(draw("xavier"), std::invalid_argument);
}

}  // namespace
}  // namespace scout
