#include "scout/nn/update.h"

#include <gtest/gtest.h>

#include <cmath>

#include "scout/base/archive.h"
#include "scout/base/random.h"

namespace scout {
namespace {

constexpr std::size_t kSize = 37;  // no multiple of a vector's width

std::vector<float> gradient(Random& random) {
  std::vector<float> out(kSize);
  for (float& g : out) g = static_cast<float>(random.normal());
  out.back() = 0;
  return out;
}

// Against LibTorch's too: scout/train/ddpg/ddpg_test.cc.
TEST(Adam, IsThePapersAlgorithm) {
  std::vector<float> parameters(kSize, 1.0F);
  std::vector<double> expected(kSize, 1.0), m(kSize), v(kSize);
  Adam adam;
  Random random(Seed(1));
  for (int k = 1; k <= 20; ++k) {
    const std::vector<float> g = gradient(random);
    adam.update(parameters, g, 0.05);
    for (std::size_t i = 0; i < kSize; ++i) {
      const auto x = static_cast<double>(g[i]);
      m[i] = 0.9 * m[i] + 0.1 * x;
      v[i] = 0.999 * v[i] + 0.001 * x * x;
      expected[i] -= 0.05 * m[i] / (1 - std::pow(0.9, k)) / (std::sqrt(v[i] / (1 - std::pow(0.999, k))) + 1e-8);
      EXPECT_NEAR(parameters[i], expected[i], 2e-5) << "step " << k << ", parameter " << i;
    }
  }
  EXPECT_EQ(adam.steps, 20);
  EXPECT_EQ(parameters.back(), 1) << "without a gradient nothing moves";
}

TEST(Adam, ContinuesFromItsArchive) {
  std::vector<float> parameters(kSize, 1.0F);
  Adam adam;
  Random random(Seed(2));
  for (int k = 0; k < 5; ++k) adam.update(parameters, gradient(random), 0.05);
  ArchiveWriter writer;
  writer(adam);
  const Bytes bytes = writer.take();
  ArchiveReader reader(bytes);
  Adam restored;
  reader(restored);
  reader.finish();
  std::vector<float> again = parameters;
  const std::vector<float> g = gradient(random);
  adam.update(parameters, g, 0.05);
  restored.update(again, g, 0.05);
  EXPECT_EQ(again, parameters);
}

}  // namespace
}  // namespace scout
