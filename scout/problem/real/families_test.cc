// What every family of real problems must do, problem by problem.
#include "scout/problem/real/families.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "scout/base/test_comma_locale.h"
#include "scout/problem/catalog/family.h"
#include "scout/problem/real/nist_data.h"
#include "scout/problem/real/test_descent.h"

namespace scout {
namespace {

double gradient_at(const Instance& instance, std::span<const double> theta, std::size_t i) {
  std::vector<double> g(theta.size());
  instance.evaluate(theta, {}, g);
  return g[i];
}

std::vector<double> random_start(const Instance& instance, std::uint64_t number) {
  std::vector<double> theta(static_cast<std::size_t>(instance.dimension()));
  Random random(Seed(1).derive(number));
  instance.sample_start(random, theta);
  return theta;
}

class RealFamily : public testing::TestWithParam<std::string> {
 protected:
  const std::shared_ptr<const Family> family_ = family(GetParam());

  void for_each(const std::function<void(const Instance&)>& check) const {
    for (int i = 0; i < family_->fixed_instances(); ++i) {
      SCOPED_TRACE(GetParam() + ", problem " + std::to_string(i));
      check(*family_->sample(Split::test, static_cast<std::uint64_t>(i), 0));
    }
  }
};

TEST_P(RealFamily, IsForJudgingAlone) {
  EXPECT_EQ(family_->name(), GetParam());
  EXPECT_FALSE(family_->summary().empty());
  EXPECT_TRUE(family_->has_own_dimensions());
  ASSERT_GT(family_->fixed_instances(), 0);
  const auto count = static_cast<std::uint64_t>(family_->fixed_instances());
  EXPECT_THROW(family_->sample(Split::test, count, 0), std::invalid_argument);
  EXPECT_THROW(family_->sample(Split::train, 0, 0), std::invalid_argument);
  EXPECT_THROW(family_->sample(Split::validation, 0, 0), std::invalid_argument);
  EXPECT_THROW(family(GetParam() + "-noisy"), std::invalid_argument);
}

TEST_P(RealFamily, BoxHoldsStartsAndOptimum) {
  for_each([](const Instance& instance) {
    const auto m = static_cast<std::size_t>(instance.dimension());
    ASSERT_EQ(instance.lower().size(), m);
    ASSERT_EQ(instance.upper().size(), m);
    std::vector<std::vector<double>> inside{random_start(instance, 0), random_start(instance, 1)};
    EXPECT_NE(inside[0], inside[1]) << "restarts would repeat";
    if (const auto given = instance.given_start(); !given.empty()) inside.emplace_back(given.begin(), given.end());
    if (const auto best = instance.optimum(); !best.empty()) inside.emplace_back(best.begin(), best.end());
    for (const auto& theta : inside) {
      ASSERT_EQ(theta.size(), m);
      for (std::size_t i = 0; i < m; ++i) {
        EXPECT_LE(instance.lower()[i], theta[i]);
        EXPECT_GE(instance.upper()[i], theta[i]);
      }
    }
    EXPECT_GT(instance.value_scale(), 0);
    Random random(Seed(0));
    EXPECT_TRUE(std::isfinite(instance.true_value(first_start(instance, random))));
  });
}

/// Some step of several: what is too long on one problem is rounding on another.
TEST_P(RealFamily, GradientMatchesCentralDifferences) {
  const double digits = GetParam() == "gp-hyperparameters" ? 1e-10 : 1e-15;  // matrices that are nearly singular
  for_each([digits](const Instance& instance) {
    Random random(Seed(0));
    std::vector<std::vector<double>> points{first_start(instance, random), random_start(instance, 0),
                                            random_start(instance, 1)};
    if (const auto best = instance.optimum(); !best.empty()) {
      points.emplace_back(best.begin(), best.end());
      for (double& x : points.back()) x *= 1.02;
    }
    for (auto& theta : points) {
      const double f = instance.true_value(theta);
      if (!std::isfinite(f)) continue;
      for (std::size_t i = 0; i < theta.size(); ++i) {
        const double g = gradient_at(instance, theta, i), x = theta[i];
        const double size = std::max(std::abs(x), 1e-3 * std::min(1.0, instance.upper()[i] - instance.lower()[i]));
        bool near = false;
        for (double step = 1e-3 * size; step > 1e-11 * size; step /= 10) {
          theta[i] = x + step;
          const double above = instance.true_value(theta);
          theta[i] = x - step;
          const double below = instance.true_value(theta);
          theta[i] = x;
          const double lost = digits * (std::abs(f) + 1e-3 * instance.value_scale()) / step;
          const double rounding = step < 1e-7 * size ? 0 : lost;
          near = near || std::abs((above - below) / (2 * step) - g) <= 2e-5 * std::abs(g) + rounding;
        }
        EXPECT_TRUE(near) << "coordinate " << i << " of " << theta.size() << " at " << x << ", f " << f << ", slope " << g;
      }
    }
  });
}

TEST_P(RealFamily, BatchEqualsOneByOne) {
  for_each([](const Instance& instance) {
    const auto m = static_cast<std::size_t>(instance.dimension());
    std::vector<double> both, f(2), f_alone(2), g(2 * m), g_alone(m);
    for (std::uint64_t number : {0, 1}) {
      for (const double x : random_start(instance, number)) both.push_back(x);
    }
    instance.evaluate(both, f, g);
    instance.evaluate(both, f_alone, {});
    for (std::size_t b : {0, 1}) {
      const auto one = std::span(both).subspan(b * m, m);
      if (!std::isfinite(f[b])) continue;
      EXPECT_EQ(f[b], f_alone[b]);
      EXPECT_EQ(f[b], instance.true_value(one));
      instance.evaluate(one, {}, g_alone);
      EXPECT_TRUE(std::equal(g_alone.begin(), g_alone.end(), g.begin() + static_cast<long>(b * m)) ||
                  !std::isfinite(g_alone[0]));
    }
  });
}

TEST_P(RealFamily, SamplingIsDeterministic) {
  for (int i = 0; i < family_->fixed_instances(); ++i) {
    const auto one = family_->sample(Split::test, static_cast<std::uint64_t>(i), 0);
    const auto same = family_->sample(Split::test, static_cast<std::uint64_t>(i), 5);
    const auto theta = random_start(*one, 3);
    const double f = one->true_value(theta), again = same->true_value(theta);
    EXPECT_TRUE(f == again || (std::isnan(f) && std::isnan(again)));
  }
}

TEST_P(RealFamily, OptimumHasTheOptimumValueAndNothingNearItIsBelow) {
  for_each([](const Instance& instance) {
    const auto best = instance.optimum();
    if (best.empty()) return;
    ASSERT_TRUE(instance.optimum_value());
    const double f = *instance.optimum_value(), unit = instance.value_scale();
    // NIST's first set of Lanczos is exact to 13 digits: its certified point, of 11, has a larger sum of squares.
    const double rounding = f > 0 && f < 1e-24 ? 1e-18 : 1e-8 * std::abs(f) + 1e-20 * unit;
    EXPECT_NEAR(instance.true_value(best), f, rounding);
    Random random(Seed(4));
    std::vector<double> theta(best.size());
    for (int k = 0; k < 200; ++k) {
      const double reach = random.log_uniform(1e-6, 1e-1);
      for (std::size_t i = 0; i < theta.size(); ++i) {
        const double size = std::max(std::abs(best[i]), 1e-3 * (instance.upper()[i] - instance.lower()[i]));
        theta[i] = best[i] + reach * size * random.uniform(-1, 1);
      }
      const double near = instance.true_value(theta);
      if (!std::isnan(near)) {
        EXPECT_GE(near, f - rounding);
      }
    }
  });
}

TEST_P(RealFamily, DescentsDoNotGetBelowTheOptimum) {
  int reached = 0;
  for_each([&](const Instance& instance) {
    if (!instance.optimum_value()) return;
    const double f = *instance.optimum_value();
    // Tables give six or seven digits; NIST's first set of Lanczos is at the rounding of numbers.
    const double bound = f - 1e-5 * std::abs(f) - 1e-27 * instance.value_scale();
    bool there = false;
    for (std::uint64_t number = 0; number < 4; ++number) {
      Random random(Seed(5).derive(number));
      const double end = descend(instance, number == 0 ? first_start(instance, random) : random_start(instance, number));
      EXPECT_GE(end, bound);
      there = there || end <= f + std::max(1e-4 * std::abs(f), f == 0 ? 1e-8 * instance.value_scale() : 0);
    }
    reached += there;
  });
  EXPECT_GE(reached, family_->fixed_instances() / 3) << "of " << family_->fixed_instances();
}

TEST_P(RealFamily, AnswersEverywhere) {
  for_each([](const Instance& instance) {
    for (const double x : {0.0, 1e6, -1e6, 1e300, double(NAN)}) {
      std::vector<double> theta(static_cast<std::size_t>(instance.dimension()), x), g(theta.size());
      theta[0] = -0.7 * x;
      double f;
      instance.evaluate(theta, {&f, 1}, g);  // may be infinite or NaN
    }
  });
}

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const auto& real : real_families()) out.push_back(real->name());
  return out;
}

INSTANTIATE_TEST_SUITE_P(Families, RealFamily, testing::ValuesIn(names()), [](const auto& name) {
  std::string label = name.param;
  std::replace(label.begin(), label.end(), '-', '_');
  return label;
});

TEST(Nist, ReadsADataSet) {
  const NistData data = parse_nist("Nelson", nist_text("Nelson"));
  EXPECT_EQ(data.predictors, 2);
  EXPECT_EQ(data.response.size(), 128u);
  EXPECT_EQ(data.predictor.size(), 256u);
  EXPECT_EQ(data.starts[0], (std::vector<double>{2, 0.0001, -0.01}));
  EXPECT_EQ(data.starts[1], (std::vector<double>{2.5, 0.000000005, -0.05}));
  EXPECT_EQ(data.certified.front(), 2.5906836021);
  EXPECT_EQ(data.certified_sum, 3.7976833176);
  EXPECT_EQ(data.predictor[255], 275);
}

TEST(Nist, ReadsADataSetUnderAnyLocale) {
  const NistData data = parse_nist("Nelson", nist_text("Nelson"));
  const CommaLocale comma;
  const NistData again = parse_nist("Nelson", nist_text("Nelson"));
  EXPECT_EQ(again.starts[0], data.starts[0]);
  EXPECT_EQ(again.starts[1], data.starts[1]);
  EXPECT_EQ(again.response, data.response);
  EXPECT_EQ(again.predictor, data.predictor);
  EXPECT_EQ(again.certified_sum, data.certified_sum);
}

TEST(Nist, ErrorsNameTheDataSet) {
  for (const char* text : {"", "Starting Values (lines 1 to 1)\n", "Starting Values   (lines 4 to 3)\n"}) {
    try {
      parse_nist("Nelson", text);
      FAIL();
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find("'Nelson'"), std::string::npos);
    }
  }
  EXPECT_THROW(nist_text("Norris"), std::invalid_argument);
}

TEST(Nist, CertifiedSumsOfSquaresToEightDigits) {
  const auto nist = family("nist");
  ASSERT_EQ(nist->fixed_instances(), 54);
  int exact = 0;
  for (std::uint64_t i = 0; i < 54; i += 2) {
    const auto instance = nist->sample(Split::test, i, 0);
    const double ratio = instance->true_value(instance->optimum()) / *instance->optimum_value();
    exact += std::abs(ratio - 1) <= 1e-8;
  }
  EXPECT_EQ(exact, 26) << "all but Lanczos1, whose sum of squares is that of the fourteenth digit";
}

TEST(LennardJones, ATetrahedronOfUnitDistances) {
  const auto four = family("lennard-jones")->sample(Split::test, 0, 0);
  const double a = std::sqrt(0.5), h = a / 2;
  const std::vector<double> theta{h, h, h, h, -h, -h, -h, h, -h, -h, -h, h};
  EXPECT_NEAR(four->true_value(theta), *four->optimum_value(), 1e-12);
}

}  // namespace
}  // namespace scout
