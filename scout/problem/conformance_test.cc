// What every family must do, for every suffix and several dimensions. A new problem is covered as soon as its file exists.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <stdexcept>

#include "scout/problem/catalog/family.h"
#include "scout/problem/instance.h"

namespace scout {
namespace {

/// One instance and what the tests ask of it.
struct Subject {
  std::shared_ptr<const Family> family;
  std::unique_ptr<Instance> instance;
  bool noisy;
  std::size_t m;

  std::vector<double> start(std::uint64_t number) const {
    std::vector<double> theta(m);
    Random random(Seed(1).derive("start").derive(number));
    instance->sample_start(random, theta);
    return theta;
  }
  double value(std::span<const double> theta) const {
    double f;
    instance->evaluate(theta, {&f, 1}, {});
    return f;
  }
  std::vector<double> gradient(std::span<const double> theta) const {
    std::vector<double> g(m);
    instance->evaluate(theta, {}, g);
    return g;
  }
  double width() const { return instance->upper()[0] - instance->lower()[0]; }
  /// What rounding may cost f, a sum of terms and an offset.
  double rounding(double f) const {
    return 1e-13 * (std::abs(f) + std::abs(instance->optimum_value().value_or(0.0)) + 1e-3);
  }
};

/// By base name; every test goes through the suffixes and dimensions itself.
class Conformance : public testing::TestWithParam<std::string> {
 protected:
  static void for_each(const std::vector<std::string>& suffixes, const std::function<void(const Subject&)>& check) {
    for (const auto& suffix : suffixes) {
      const auto found = family(GetParam() + suffix);
      for (int dimension : {1, 2, 3, 10, 37}) {
        SCOPED_TRACE(found->name() + " of dimension " + std::to_string(dimension));
        std::unique_ptr<Instance> instance;
        try {
          instance = found->sample(Split::validation, 0, dimension);
        } catch (const std::invalid_argument&) {
          ASSERT_EQ(dimension, 1) << "every family has instances from dimension 2 on";
          continue;
        }
        check({found, std::move(instance), suffix.ends_with("-noisy"), static_cast<std::size_t>(dimension)});
      }
    }
  }
  static void for_each_noiseless(const std::function<void(const Subject&)>& check) { for_each({"", "-rotated"}, check); }
  static void for_each(const std::function<void(const Subject&)>& check) {
    for_each({"", "-rotated", "-noisy", "-rotated-noisy"}, check);
  }
};

double largest(std::span<const double> v) {
  double out = 0.0;
  for (double x : v) out = std::max(out, std::abs(x));
  return out;
}

TEST_P(Conformance, GradientMatchesCentralDifferences) {
  for_each_noiseless([](const Subject& subject) {
    const double step = 1e-6 * subject.width();
    for (std::uint64_t number = 0; number < 4; ++number) {
      std::vector<double> theta = subject.start(number);
      if (number == 3) {  // near the optimum, where a start hardly ever is
        for (std::size_t i = 0; i < subject.m && !subject.instance->optimum().empty(); ++i) {
          theta[i] = subject.instance->optimum()[i] + 0.01 * (theta[i] - subject.instance->optimum()[i]);
        }
      }
      const std::vector<double> g = subject.gradient(theta);
      const double tolerance = 1e-5 * largest(g) + subject.rounding(subject.value(theta)) / step;
      for (std::size_t i = 0; i < subject.m; ++i) {
        const double x = theta[i];
        theta[i] = x + step;
        const double above = subject.value(theta);
        theta[i] = x - step;
        const double below = subject.value(theta);
        theta[i] = x;
        EXPECT_NEAR(g[i], (above - below) / (2.0 * step), tolerance) << "coordinate " << i << ", point " << number;
      }
    }
  });
}

TEST_P(Conformance, OptimumIsStationaryAndHasTheOptimumValue) {
  for_each([](const Subject& subject) {
    if (subject.instance->optimum().empty()) return;
    ASSERT_TRUE(subject.instance->optimum_value().has_value());
    EXPECT_EQ(subject.instance->true_value(subject.instance->optimum()), *subject.instance->optimum_value());
    if (subject.noisy) return;
    double typical = 0.0;
    for (std::uint64_t number = 0; number < 8; ++number)
      typical = std::max(typical, largest(subject.gradient(subject.start(number))));
    EXPECT_LE(largest(subject.gradient(subject.instance->optimum())), 1e-9 * typical);
  });
}

/// Many random points in and around the box, and descents from starts and from beside the optimum, never get below f*.
TEST_P(Conformance, NothingIsBelowTheOptimum) {
  for_each_noiseless([](const Subject& subject) {
    if (subject.instance->optimum().empty()) return;
    const double optimum = *subject.instance->optimum_value();
    Random random(Seed(2));
    std::vector<double> theta(subject.m);
    for (int k = 0; k < 2000; ++k) {
      const double reach = k % 2 == 0 ? 1.0 : random.log_uniform(1e-4, 10.0);
      for (std::size_t i = 0; i < subject.m; ++i) {
        const double centre = k % 2 == 0 ? 0.5 * (subject.instance->lower()[i] + subject.instance->upper()[i])
                                         : subject.instance->optimum()[i];
        theta[i] = centre + 0.5 * reach * subject.width() * random.uniform(-1.0, 1.0);
      }
      const double f = subject.value(theta);
      ASSERT_GE(f, optimum - subject.rounding(f)) << "random point " << k;
    }
    for (std::uint64_t number = 0; number < 10; ++number) {
      theta = subject.start(number);
      if (number % 2 == 1) {
        for (std::size_t i = 0; i < subject.m; ++i)
          theta[i] = subject.instance->optimum()[i] + 0.03 * (theta[i] - subject.instance->optimum()[i]);
      }
      double f = subject.value(theta);
      double length = 0.1 * subject.width();
      for (int step = 0; step < 200 && length > 1e-9 * subject.width(); ++step) {
        const std::vector<double> g = subject.gradient(theta);
        const double norm = largest(g);
        if (norm == 0.0) break;
        std::vector<double> next(theta);
        for (std::size_t i = 0; i < subject.m; ++i) next[i] -= length * g[i] / norm;
        const double f_next = subject.value(next);
        length *= f_next < f ? 1.5 : 0.3;
        if (f_next < f) {
          f = f_next;
          theta = next;
        }
      }
      ASSERT_GE(f, optimum - subject.rounding(f)) << "descent " << number;
    }
  });
}

TEST_P(Conformance, BatchEqualsOneByOne) {
  for_each([](const Subject& subject) {
    constexpr std::size_t count = 5;
    std::vector<double> theta;
    for (std::size_t b = 0; b < count; ++b) {
      for (double x : subject.start(b)) theta.push_back(x);
    }
    std::vector<double> f(count);
    std::vector<double> g(count * subject.m);
    subject.instance->evaluate(theta, f, g);
    std::vector<double> f_alone(count);
    std::vector<double> g_alone(count * subject.m);
    subject.instance->evaluate(theta, f_alone, {});
    subject.instance->evaluate(theta, {}, g_alone);
    EXPECT_EQ(f, f_alone);
    EXPECT_EQ(g, g_alone);
    for (std::size_t b = 0; b < count; ++b) {
      const auto one = std::span(theta).subspan(b * subject.m, subject.m);
      EXPECT_EQ(subject.value(one), f[b]);
      EXPECT_EQ(subject.gradient(one), std::vector<double>(g.begin() + static_cast<long>(b * subject.m),
                                                           g.begin() + static_cast<long>((b + 1) * subject.m)));
    }
  });
}

TEST_P(Conformance, SamplingIsDeterministic) {
  for_each([](const Subject& subject) {
    const int dimension = subject.instance->dimension();
    const auto again = subject.family->sample(Split::validation, 0, dimension);
    const auto other = subject.family->sample(Split::validation, 1, dimension);
    const auto elsewhere = subject.family->sample(Split::test, 0, dimension);
    const std::vector<double> theta = subject.start(0);
    EXPECT_EQ(static_cast<std::size_t>(dimension), subject.m);
    EXPECT_EQ(again->true_value(theta), subject.instance->true_value(theta));
    double f;
    again->evaluate(theta, {&f, 1}, {});
    EXPECT_EQ(f, subject.value(theta));
    EXPECT_NE(other->true_value(theta), subject.instance->true_value(theta));
    EXPECT_NE(elsewhere->true_value(theta), subject.instance->true_value(theta));
  });
}

TEST_P(Conformance, BoxHoldsStartsAndOptimum) {
  for_each([](const Subject& subject) {
    for (std::uint64_t index = 0; index < 5; ++index) {
      const auto instance = subject.family->sample(Split::train, index, static_cast<int>(subject.m));
      Random random(Seed(3).derive(index));
      std::vector<double> theta(subject.m);
      instance->sample_start(random, theta);
      for (std::size_t i = 0; i < subject.m; ++i) {
        EXPECT_LT(instance->lower()[i], instance->upper()[i]);
        EXPECT_GE(theta[i], instance->lower()[i]);
        EXPECT_LE(theta[i], instance->upper()[i]);
        if (instance->optimum().empty()) continue;
        EXPECT_GT(instance->optimum()[i], instance->lower()[i]);
        EXPECT_LT(instance->optimum()[i], instance->upper()[i]);
      }
    }
  });
}

TEST_P(Conformance, FiniteFarOutside) {
  for_each([](const Subject& subject) {
    for (double x : {-1e6, 1e6}) {
      std::vector<double> theta(subject.m, x);
      theta[0] = -0.7 * x;
      EXPECT_TRUE(std::isfinite(subject.value(theta)));
      EXPECT_TRUE(std::isfinite(subject.instance->true_value(theta)));
      for (double g : subject.gradient(theta)) EXPECT_TRUE(std::isfinite(g));
    }
  });
}

/// Classifiers, which have dimensions of their own, go through classifier/family_test.cc.
std::vector<std::string> functions() {
  auto names = family_names();
  std::erase_if(names, [](const std::string& name) { return family(name)->has_own_dimensions(); });
  return names;
}

INSTANTIATE_TEST_SUITE_P(Families, Conformance, testing::ValuesIn(functions()), [](const auto& name) {
  std::string label = name.param;
  std::replace(label.begin(), label.end(), '-', '_');
  return label;
});

}  // namespace
}  // namespace scout
