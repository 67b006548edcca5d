#include "scout/problem/classifier/family.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <map>
#include <stdexcept>

#include "scout/problem/classifier/test_conformance.h"

namespace scout {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string error_of(const std::string& name) {
  try {
    family(name);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no error";
}

INSTANTIATE_TEST_SUITE_P(Families, ClassifierConformance,
                         testing::Values("softmax-blobs", "softmax-teacher", "mlp-spirals:hidden=16x16,activation=tanh",
                                         "mlp-parity:hidden=8,init=lsuv", "mlp-blobs:batch=16,init=he",
                                         "mlp-teacher:hidden=20,activation=sigmoid,init=large", "mlp-recall",
                                         "mlp-blobs:init=saturated", "mlp-teacher:init=small",
                                         "mlp-blobs:rescale=0.5,rescale_all=1"),
                         label_of);

TEST(ClassifierFamily, NamesAreListedAndResolve) {
  EXPECT_THAT(family_names(), testing::IsSupersetOf({"rastrigin", "softmax-mnist", "mlp-spirals", "mlp20-mnist"}));
  for (const auto& name : classifier_family_names()) {
    EXPECT_EQ(family(name)->name(), name);
    EXPECT_TRUE(family(name)->has_own_dimensions());
  }
  EXPECT_THAT(error_of("mlp-mnst"), HasSubstr("did you mean 'mlp-mnist'"));
  EXPECT_THAT(error_of("mlp-mnst:batch=3"), HasSubstr("did you mean 'mlp-mnist'"));
}

TEST(ClassifierFamily, AxesAreCheckedByName) {
  EXPECT_THAT(error_of("mlp-blobs:bach=3"), AllOf(HasSubstr("mlp-blobs:bach=3"), HasSubstr("did you mean 'batch'")));
  EXPECT_THAT(error_of("mlp-blobs:batch=0"), HasSubstr("option 'batch' is 0: must be"));
  EXPECT_THAT(error_of("mlp-blobs:init=he|she"), AllOf(HasSubstr("she"), HasSubstr("lsuv")));
  EXPECT_THAT(error_of("mlp-blobs:hidden=3x"), HasSubstr("hidden"));
  EXPECT_THAT(error_of("mlp-blobs:batch"), HasSubstr("expected AXIS=VALUE"));
  EXPECT_THROW(family("softmax-blobs:hidden=3")->sample(Split::train, 0, 0), std::invalid_argument);
}

TEST(ClassifierFamily, AxesDrawTheirValuesAndShareTheRest) {
  const auto mixed = family("mlp-blobs:hidden=4|8x8,batch=16|64");
  std::map<int, int> dimensions;
  for (std::uint64_t index = 0; index < 20; ++index) ++dimensions[mixed->sample(Split::train, index, 0)->dimension()];
  EXPECT_EQ(dimensions.size(), 2U);
  EXPECT_TRUE(dimensions.contains(8 * 4 + 4 + 4 * 5 + 5));
  const auto one = family("mlp-blobs:init=he")->sample(Split::test, 2, 0);
  const auto other = family("mlp-blobs:init=large,batch=8")->sample(Split::test, 2, 0);
  const auto theta = start_of(*one);
  EXPECT_EQ(one->true_value(theta), other->true_value(theta)) << "the same data";
  EXPECT_NE(start_of(*other), theta);
}

// θ = c φ, with one c for all weights: the same values, and gradients c times as large.
TEST(ClassifierFamily, RescaledAsAWholeItIsTheSameNetwork) {
  const double most = std::log(1000.0);
  double least_log = 0, greatest_log = 0;
  for (std::uint64_t index = 0; index < 40; ++index) {
    const auto plain = family("mlp-blobs:hidden=4,batch=16")->sample(Split::train, index, 0);
    const auto scaled = family("mlp-blobs:hidden=4,batch=16,rescale_all=6.907755")->sample(Split::train, index, 0);
    const std::vector<double> theta = start_of(*plain), phi = start_of(*scaled);
    const double c = theta[0] / phi[0];
    least_log = std::min(least_log, std::log(c));
    greatest_log = std::max(greatest_log, std::log(c));
    for (std::size_t i = 0; i < phi.size(); ++i) EXPECT_NEAR(c * phi[i], theta[i], 1e-6 * std::fabs(theta[i]));
    std::vector<double> slope(theta.size()), scaled_slope(theta.size());
    double f = 0, scaled_f = 0;
    plain->evaluate_minibatch(5, theta, {&f, 1}, slope);
    scaled->evaluate_minibatch(5, phi, {&scaled_f, 1}, scaled_slope);
    EXPECT_NEAR(scaled_f, f, 1e-5 * f);
    for (std::size_t i = 0; i < phi.size(); ++i)
      EXPECT_NEAR(scaled_slope[i] / c, slope[i], 1e-4 * std::fabs(slope[i]) + 1e-6);
    EXPECT_NEAR(scaled->upper()[0] * c, plain->upper()[0], 1e-6 * plain->upper()[0]);
  }
  EXPECT_GE(least_log, -most - 1e-5);
  EXPECT_LE(greatest_log, most + 1e-5);
  EXPECT_LT(least_log, -0.8 * most) << "of 40 draws from the whole range";
  EXPECT_GT(greatest_log, 0.8 * most);
}

TEST(ClassifierFamily, MissingDataAreAnErrorThatSaysHowToGetThem) {
  const char* before = std::getenv("SCOUT_DATA");
  const std::string kept = before == nullptr ? "" : before;
  setenv("SCOUT_DATA", "/nonexistent", 1);
  try {
    family("mlp-mnist:side=9")->sample(Split::train, 0, 0);
    ADD_FAILURE();
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("/nonexistent/mnist/train-images"), HasSubstr("scout data fetch mnist")));
  }
  setenv("SCOUT_DATA", kept.c_str(), 1);
}

TEST(ClassifierFamily, Mlp20OnMnistLearns) {
  if (!is_present(image_data_set("mnist"), data_folder())) {
    GTEST_SKIP() << "no mnist in " << data_folder() << ": set SCOUT_DATA, or `scout data fetch mnist`";
  }
  const auto instance = family("mlp20-mnist")->sample(Split::test, 0, 0);
  EXPECT_EQ(instance->dimension(), 15910);
  auto theta = start_of(*instance);
  EXPECT_NEAR(instance->true_value(theta), std::log(10), 0.05);
  std::vector<double> gradient(theta.size());
  for (std::uint64_t step = 0; step < 300; ++step) {
    instance->evaluate_minibatch(step, theta, {}, gradient);
    for (std::size_t i = 0; i < theta.size(); ++i) theta[i] -= 1.0 * gradient[i];
  }
  const auto metrics = metrics_of(*instance, theta);
  EXPECT_GT(metrics.at("held-out-accuracy"), 0.85);
  EXPECT_NEAR(metrics.at("train-loss"), instance->true_value(theta), 0.08);
}

}  // namespace
}  // namespace scout
