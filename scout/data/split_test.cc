#include "scout/data/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "scout/data/test_files.h"

namespace scout {
namespace {

TEST(Split, PartsAreDisjointAndTogetherAll) {
  std::set<std::uint32_t> seen;
  std::vector<std::size_t> sizes;
  for (const DataPart part : {DataPart::inner_train, DataPart::inner_validation, DataPart::outer_validation}) {
    const auto indices = part_indices("mnist", 60000, part);
    sizes.push_back(indices.size());
    seen.insert(indices.begin(), indices.end());
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{48000, 6000, 6000}));
  EXPECT_EQ(seen.size(), 60000U);
  EXPECT_EQ(*seen.rbegin(), 59999U);
  EXPECT_THROW(part_indices("mnist", 60000, DataPart::test), std::invalid_argument);
}

/// The parts are part of every published result: these numbers must never change.
TEST(Split, PartsStayTheSame) {
  const auto validation = part_indices("cifar-100", 50000, DataPart::outer_validation);
  EXPECT_EQ(std::vector<std::uint32_t>(validation.begin(), validation.begin() + 4),
            (std::vector<std::uint32_t>{18015, 17829, 29743, 48752}));
  EXPECT_NE(part_indices("cifar-10", 50000, DataPart::outer_validation), validation);
}

TEST(Split, DividesASmallDataSet) {
  const TemporaryFolder folder;
  const ImageDataSet set = small_cifar();
  write_small_cifar(set, folder.path());
  const TrainAndTest images = load_images(set, folder.path());
  const ImageParts parts = divide(set, images, 4);
  EXPECT_EQ(parts[DataPart::inner_train].count(), 16U);
  EXPECT_EQ(parts[DataPart::inner_validation].count(), 2U);
  EXPECT_EQ(parts[DataPart::outer_validation].count(), 2U);
  EXPECT_EQ(parts[DataPart::test].pixels, images.test.pixels);
  const auto first = part_indices(set.name, 20, DataPart::outer_validation)[0];
  EXPECT_EQ(parts[DataPart::outer_validation].labels[0], images.train.labels[first]);
  EXPECT_TRUE(std::equal(parts[DataPart::outer_validation].pixels.begin(),
                         parts[DataPart::outer_validation].pixels.begin() + 48, images.train.pixels.begin() + first * 48));
  EXPECT_EQ(divide(set, images, 2)[DataPart::test].side, 2);
}

TEST(Split, StandardisationGivesMeanZeroAndDeviationOne) {
  Images images{.channels = 2, .side = 2, .classes = 1};
  images.pixels = {0, 100, 200, 40, 7, 7, 7, 7, 10, 20, 30, 40, 7, 7, 7, 7};
  images.labels = {0, 0};
  const auto standardisation = standardisation_of(images);
  EXPECT_FLOAT_EQ(standardisation.mean[0], 55.0F);
  EXPECT_FLOAT_EQ(standardisation.mean[1], 7.0F);
  EXPECT_FLOAT_EQ(standardisation.deviation[1], 1.0F) << "a constant channel is left in its scale";
  std::vector<float> out(16);
  gather(images, std::vector<std::uint32_t>{1, 0}, standardisation, {}, nullptr, out);
  EXPECT_FLOAT_EQ(out[0], (10.0F - 55.0F) / standardisation.deviation[0]) << "image 1 comes first";
  double sum = 0;
  double square = 0;
  for (const std::size_t i : {0U, 1U, 2U, 3U, 8U, 9U, 10U, 11U}) {
    sum += out[i];
    square += out[i] * out[i];
  }
  EXPECT_NEAR(sum / 8, 0, 1e-6);
  EXPECT_NEAR(square / 8, 1, 1e-6);
  EXPECT_EQ(out[4], 0.0F);
}

TEST(Split, AugmentationCropsAndFlips) {
  Images images{.channels = 1, .side = 2, .classes = 1};
  images.pixels = {1, 2, 3, 4};
  images.labels = {0};
  const Standardisation identity{{0.0F}, {1.0F}};
  Random random(Seed(1));
  std::set<std::vector<float>> seen;
  std::vector<float> out(4);
  const std::vector<std::uint32_t> first{0};
  for (int k = 0; k < 400; ++k) {
    gather(images, first, identity, {.padding = 1, .flip = true}, &random, out);
    seen.insert(out);
  }
  EXPECT_TRUE(seen.contains({1, 2, 3, 4}));
  EXPECT_TRUE(seen.contains({2, 1, 4, 3})) << "flipped";
  EXPECT_TRUE(seen.contains({0, 0, 0, 1})) << "the window moved up and left";
  EXPECT_TRUE(seen.contains({4, 0, 0, 0})) << "the window moved down and right";
  EXPECT_FALSE(seen.contains({3, 4, 1, 2})) << "never upside down";
  EXPECT_EQ(seen.size(), 18U) << "nine places, flipped or not";
  seen.clear();
  for (int k = 0; k < 100; ++k) {
    gather(images, first, identity, {.padding = 0, .flip = true}, &random, out);
    seen.insert(out);
  }
  EXPECT_EQ(seen.size(), 2U);
}

TEST(Split, OfficialCifar100HasTheKnownMoments) {
  const ImageDataSet& set = image_data_set("cifar-100");
  if (!is_present(set, data_folder())) {
    GTEST_SKIP() << "no cifar-100 in " << data_folder() << ": set SCOUT_DATA, or `scout data fetch cifar-100`";
  }
  const auto moments = standardisation_of(load_images(set, data_folder()).train);
  const std::array mean{0.50707516, 0.48654887, 0.44091784};
  const std::array deviation{0.26733429, 0.25643846, 0.27615047};
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(moments.mean[c] / 255, mean[c], 1e-6);
    EXPECT_NEAR(moments.deviation[c] / 255, deviation[c], 1e-6);
  }
}

}  // namespace
}  // namespace scout
