#include "scout/problem/network/family.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <map>
#include <stdexcept>

#include "scout/problem/network/perceptron.h"

namespace scout {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::vector<double> start_of(const Instance& instance, std::uint64_t number = 0) {
  Random random(Seed(1).derive(number));
  std::vector<double> theta(static_cast<std::size_t>(instance.dimension()));
  instance.sample_start(random, theta);
  return theta;
}

double draw_value(const Instance& instance, std::uint64_t draw, std::span<const double> theta) {
  double f = 0;
  instance.evaluate_draw(draw, theta, {&f, 1}, {});
  return f;
}

std::map<std::string, double> metrics_of(const Instance& instance, std::span<const double> theta) {
  std::map<std::string, double> out;
  for (const auto& metric : instance.metrics(theta)) out[metric.name] = metric.value;
  return out;
}

std::string error_of(const std::string& name) {
  try {
    family(name);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no error";
}

/// What every family of the table must do, on the data that need no files; several architectures, activations and starts.
class NetworkConformance : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Instance> sample(std::uint64_t index = 0, Split split = Split::validation) const {
    return family(GetParam())->sample(split, index, 7);
  }
};

TEST_P(NetworkConformance, GradientMatchesDirectionalDifferences) {
  const auto instance = sample();
  const auto m = static_cast<std::size_t>(instance->dimension());
  for (const bool minibatch : {false, true}) {
    const auto evaluate = [&](std::span<const double> theta, std::span<double> f, std::span<double> gradient) {
      if (minibatch) return instance->evaluate_draw(3, theta, f, gradient);
      instance->evaluate(theta, f, gradient);
    };
    const auto theta = start_of(*instance);
    std::vector<double> gradient(m);
    evaluate(theta, {}, gradient);
    double norm = 0;
    for (const double g : gradient) norm += g * g;
    norm = std::sqrt(norm);
    ASSERT_GT(norm, 0);
    // Along the gradient, over a step that changes f by much more than single precision loses.
    const double step = 3e-3 / std::max(norm, 0.3);
    double f[2];
    for (const int side : {0, 1}) {
      auto moved = theta;
      for (std::size_t i = 0; i < m; ++i) moved[i] += (side == 0 ? -step : step) * gradient[i] / norm;
      evaluate(moved, {&f[side], 1}, {});
    }
    EXPECT_NEAR((f[1] - f[0]) / (2 * step), norm, 0.01 * norm + 2e-4);
  }
}

TEST_P(NetworkConformance, BatchEqualsOneByOne) {
  const auto instance = sample();
  const auto m = static_cast<std::size_t>(instance->dimension());
  std::vector<double> theta;
  for (std::uint64_t b = 0; b < 3; ++b) {
    for (const double x : start_of(*instance, b)) theta.push_back(x);
  }
  std::vector<double> f(3), g(3 * m), f_alone(3), g_alone(3 * m), one(m);
  instance->evaluate_draw(5, theta, f, g);
  instance->evaluate_draw(5, theta, f_alone, {});
  instance->evaluate_draw(5, theta, {}, g_alone);
  EXPECT_EQ(f, f_alone);
  EXPECT_EQ(g, g_alone);
  for (std::size_t b = 0; b < 3; ++b) {
    const auto point = std::span(theta).subspan(b * m, m);
    EXPECT_EQ(draw_value(*instance, 5, point), f[b]);
    instance->evaluate_draw(5, point, {}, one);
    EXPECT_TRUE(std::equal(one.begin(), one.end(), g.begin() + static_cast<std::ptrdiff_t>(b * m)));
  }
}

TEST_P(NetworkConformance, DrawsAreDeterministicDifferAndAverageToTheLoss) {
  const auto instance = sample();
  const auto theta = start_of(*instance);
  EXPECT_EQ(draw_value(*sample(), 2, theta), draw_value(*instance, 2, theta));
  EXPECT_NE(draw_value(*instance, 3, theta), draw_value(*instance, 2, theta));
  double sum = 0;
  double square = 0;
  constexpr int count = 100;
  for (std::uint64_t draw = 0; draw < count; ++draw) {
    const double f = draw_value(*instance, draw, theta);
    sum += f;
    square += f * f;
  }
  const double mean = sum / count;
  const double deviation = std::sqrt(square / count - mean * mean);
  EXPECT_NEAR(mean, instance->true_value(theta), 4 * deviation / std::sqrt(count)) << "all 1,024 examples are judged";
}

TEST_P(NetworkConformance, InstancesDifferAndStartsLieInTheBox) {
  const auto instance = sample();
  const auto theta = start_of(*instance);
  for (const auto& other : {sample(1), sample(0, Split::test), sample(0, Split::train)}) {
    ASSERT_EQ(other->dimension(), instance->dimension());
    EXPECT_NE(other->true_value(theta), instance->true_value(theta));
  }
  for (std::uint64_t number = 0; number < 3; ++number) {
    const auto start = start_of(*instance, number);
    for (std::size_t i = 0; i < start.size(); ++i) {
      ASSERT_GE(start[i], instance->lower()[i]);
      ASSERT_LE(start[i], instance->upper()[i]);
    }
  }
  EXPECT_NE(start_of(*instance, 1), start_of(*instance, 2));
}

TEST_P(NetworkConformance, GradientDescentOnMinibatchesLearns) {
  const auto instance = sample();
  auto theta = start_of(*instance);
  const double before = instance->true_value(theta);
  std::vector<double> gradient(theta.size());
  for (std::uint64_t step = 0; step < 150; ++step) {
    instance->evaluate_draw(step, theta, {}, gradient);
    for (std::size_t i = 0; i < theta.size(); ++i) theta[i] -= 0.2 * gradient[i];
  }
  EXPECT_LT(instance->true_value(theta), before);
  const auto metrics = metrics_of(*instance, theta);
  EXPECT_NEAR(metrics.at("train-loss"), instance->true_value(theta), 1e-5);
  EXPECT_GE(metrics.at("held-out-accuracy"), 0);
  EXPECT_LE(metrics.at("train-accuracy"), 1);
}

INSTANTIATE_TEST_SUITE_P(Families, NetworkConformance,
                         testing::Values("softmax-blobs", "softmax-teacher", "mlp-spirals:hidden=16x16,activation=tanh",
                                         "mlp-parity:hidden=8,init=lsuv", "mlp-blobs:batch=16,init=he",
                                         "mlp-teacher:hidden=20,activation=sigmoid,init=large", "mlp-recall",
                                         "mlp-blobs:init=saturated", "mlp-teacher:init=small"),
                         [](const auto& name) {
                           std::string label;
                           for (const char c : name.param) label += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
                           return label;
                         });

TEST(NetworkFamily, NamesAreListedAndResolve) {
  EXPECT_THAT(family_names(), testing::IsSupersetOf({"rastrigin", "softmax-mnist", "mlp-spirals", "mlp20-mnist"}));
  for (const auto& name : network_family_names()) {
    EXPECT_EQ(family(name)->name(), name);
    EXPECT_TRUE(family(name)->has_own_dimensions());
  }
  EXPECT_THAT(error_of("mlp-mnst"), HasSubstr("did you mean 'mlp-mnist'"));
  EXPECT_THAT(error_of("mlp-mnst:batch=3"), HasSubstr("did you mean 'mlp-mnist'"));
}

TEST(NetworkFamily, AxesAreCheckedByName) {
  EXPECT_THAT(error_of("mlp-blobs:bach=3"), AllOf(HasSubstr("mlp-blobs:bach=3"), HasSubstr("did you mean 'batch'")));
  EXPECT_THAT(error_of("mlp-blobs:batch=0"), HasSubstr("option 'batch' is 0: must be"));
  EXPECT_THAT(error_of("mlp-blobs:init=he|she"), AllOf(HasSubstr("she"), HasSubstr("lsuv")));
  EXPECT_THAT(error_of("mlp-blobs:hidden=3x"), HasSubstr("hidden"));
  EXPECT_THAT(error_of("mlp-blobs:batch"), HasSubstr("expected AXIS=VALUE"));
  EXPECT_THROW(family("softmax-blobs:hidden=3")->sample(Split::train, 0, 0), std::invalid_argument);
}

TEST(NetworkFamily, AxesDrawTheirValuesAndShareTheRest) {
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

TEST(NetworkFamily, MissingDataAreAnErrorThatSaysHowToGetThem) {
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

TEST(NetworkFamily, Mlp20OnMnistLearns) {
  if (!is_present(image_data_set("mnist"), data_folder())) {
    GTEST_SKIP() << "no mnist in " << data_folder() << ": set SCOUT_DATA, or `scout data fetch mnist`";
  }
  const auto instance = family("mlp20-mnist")->sample(Split::test, 0, 0);
  EXPECT_EQ(instance->dimension(), 15910);
  auto theta = start_of(*instance);
  EXPECT_NEAR(instance->true_value(theta), std::log(10), 0.05);
  std::vector<double> gradient(theta.size());
  for (std::uint64_t step = 0; step < 300; ++step) {
    instance->evaluate_draw(step, theta, {}, gradient);
    for (std::size_t i = 0; i < theta.size(); ++i) theta[i] -= 1.0 * gradient[i];
  }
  const auto metrics = metrics_of(*instance, theta);
  EXPECT_GT(metrics.at("held-out-accuracy"), 0.85);
  EXPECT_NEAR(metrics.at("train-loss"), instance->true_value(theta), 0.08);
}

}  // namespace
}  // namespace scout
