#include "scout/problem/narrow_family.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scout/optimizer/test_instance.h"
#include "scout/problem/catalog/family.h"

namespace scout {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr int kDimension = 5;
constexpr Split kSplits[] = {Split::train, Split::validation, Split::test};

std::string error_of(const std::string& name) {
  try {
    family(name)->sample(Split::train, 0, kDimension);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no error";
}

std::vector<double> start(const Instance& instance, std::uint64_t seed) {
  std::vector<double> theta(kDimension);
  Random random{Seed(seed)};
  instance.sample_start(random, theta);
  return theta;
}

TEST(NarrowFamily, AllSplitsAreTheListedInstancesOfTheTrainingSplit) {
  const auto whole = family("schwefel-rotated");
  for (const Split split : kSplits) {
    for (std::uint64_t index = 0; index < 6; ++index) {
      const auto got = family("schwefel-rotated:instance=7|3")->sample(split, index, kDimension);
      const auto wanted = whole->sample(Split::train, index % 2 == 0 ? 7 : 3, kDimension);
      const std::vector<double> theta = start(*wanted, 1);
      EXPECT_EQ(got->true_value(theta), wanted->true_value(theta));
      EXPECT_TRUE(std::ranges::equal(got->optimum(), wanted->optimum()));
    }
  }
}

TEST(NarrowFamily, TrainingStartsInTheCornerFarthestFromTheOptimumAndTestsInTheWholeBox) {
  for (const std::string base : {"styblinski-tang", "schwefel", "rastrigin-rotated-noisy"}) {
    const auto narrow = family(base + ":instance=2,region=0.1");
    for (const Split split : kSplits) {
      const auto instance = narrow->sample(split, 0, kDimension);
      bool everywhere = false;
      for (std::uint64_t seed = 0; seed < 50; ++seed) {
        const std::vector<double> theta = start(*instance, seed);
        for (std::size_t i = 0; i < theta.size(); ++i) {
          const double width = instance->upper()[i] - instance->lower()[i];
          const double wall = std::max(theta[i] - instance->lower()[i], instance->upper()[i] - theta[i]);
          if (split == Split::train) {
            EXPECT_GE(std::abs(theta[i] - instance->optimum()[i]), 0.4 * width);
            EXPECT_GE(wall, 0.9 * width);
          }
          everywhere |= wall < 0.6 * width;
        }
      }
      EXPECT_EQ(everywhere, split != Split::train) << base;
    }
  }
}

TEST(NarrowFamily, WithoutInstancesKeepsTheFamily) {
  const auto narrow = family("ackley:region=0.2"), whole = family("ackley");
  for (const Split split : kSplits) {
    const auto a = narrow->sample(split, 4, kDimension), b = whole->sample(split, 4, kDimension);
    EXPECT_TRUE(std::ranges::equal(a->optimum(), b->optimum()));
  }
}

TEST(NarrowFamily, RefusesByName) {
  EXPECT_THAT(error_of("schwefel:region=0"), AllOf(HasSubstr("schwefel:region=0"), HasSubstr("'region' is 0")));
  EXPECT_THAT(error_of("schwefel:region=1.5"), HasSubstr("option 'region' is 1.5: must be"));
  EXPECT_THAT(error_of("schwefel:instance=-1"), HasSubstr("option 'instance"));
  EXPECT_THAT(error_of("schwefel:instance=0.5"), HasSubstr("instance"));
  EXPECT_THAT(error_of("schwefel:instanse=1"), HasSubstr("did you mean 'instance'"));
  EXPECT_THAT(error_of("schwefel:"), HasSubstr("expected AXIS=VALUE"));
  EXPECT_THAT(error_of("schwefl:instance=1"), HasSubstr("did you mean 'schwefel:instance=1'"));
}

/// A family whose optimum nobody knows.
class Unknown : public Family {
 public:
  Unknown() : Family("unknown", "") {}
  std::unique_ptr<Instance> sample(Split, std::uint64_t, int dimension) const override {
    return std::make_unique<TestInstance>(dimension, [](std::span<const double>, std::span<double>) { return 0.0; });
  }
};

TEST(NarrowFamily, NeedsAnOptimumToStartFarFrom) {
  const auto base = std::make_shared<Unknown>();
  EXPECT_EQ(narrow_family(base, "instance=1")->sample(Split::train, 0, 2)->dimension(), 2);
  try {
    narrow_family(base, "region=0.1")->sample(Split::validation, 0, 2);
    FAIL() << "no region without an optimum";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("unknown:region=0.1"), HasSubstr("no optimum is known")));
  }
}

}  // namespace
}  // namespace scout
