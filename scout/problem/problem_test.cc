#include "scout/problem/problem.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "scout/problem/catalog/family.h"

namespace scout {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// Σ (θ_i - c)², where a seed draws c.
Problem draw_bowl(Random& random, int dimension) {
  const double centre = random.uniform(-1, 1);
  Problem out;
  out.lower.assign(static_cast<std::size_t>(dimension), -2);
  out.upper.assign(static_cast<std::size_t>(dimension), 2);
  out.optimum.assign(static_cast<std::size_t>(dimension), centre);
  out.optimum_value = 0;
  out.evaluate = [centre](std::span<const double> theta, std::span<double> gradient) {
    double f = 0;
    for (std::size_t i = 0; i < theta.size(); ++i) {
      f += (theta[i] - centre) * (theta[i] - centre);
      if (!gradient.empty()) gradient[i] = 2 * (theta[i] - centre);
    }
    return f;
  };
  return out;
}

auto says(const char* a, const char* b) { return ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr(a), HasSubstr(b))); }

TEST(DrawnFamily, InstancesArePermanentAndSplitsDisjoint) {
  const auto bowls = drawn_family("bowls", "bowls", 0, draw_bowl);
  EXPECT_FALSE(bowls->has_own_dimensions());
  EXPECT_EQ(bowls->fixed_instances(), 0);
  const auto centre = [&](Split split, std::uint64_t index, int m) { return bowls->sample(split, index, m)->optimum()[0]; };
  EXPECT_EQ(centre(Split::train, 3, 2), centre(Split::train, 3, 2));
  EXPECT_NE(centre(Split::train, 3, 2), centre(Split::train, 4, 2));
  EXPECT_NE(centre(Split::train, 3, 2), centre(Split::validation, 3, 2));
  EXPECT_NE(centre(Split::train, 3, 2), centre(Split::test, 3, 2));
  EXPECT_NE(centre(Split::train, 3, 2), centre(Split::train, 3, 3));
  EXPECT_THAT([&] { bowls->sample(Split::train, 0, 0); }, says("bowls", "dimension is 0"));
  const auto flat = drawn_family("flat-bowls", "bowls", 2, draw_bowl);
  EXPECT_TRUE(flat->has_own_dimensions());
  EXPECT_EQ(flat->sample(Split::test, 0, 7)->dimension(), 2);
}

TEST(DrawnFamily, AnInstanceIsWhatWasDrawn) {
  const auto instance = drawn_family("bowls", "bowls", 2, draw_bowl)->sample(Split::test, 0, 2);
  const double c = instance->optimum()[0];
  std::vector<double> f(2), gradient(4);
  instance->evaluate(std::vector<double>{c, c + 1, c - 2, c}, f, gradient);
  EXPECT_THAT(f, testing::Pointwise(testing::DoubleNear(1e-12), {1.0, 4.0}));
  EXPECT_THAT(gradient, testing::Pointwise(testing::DoubleNear(1e-12), {0.0, 2.0, -4.0, 0.0}));
  EXPECT_EQ(instance->true_value(instance->optimum()), 0);
  std::vector<double> start(2);
  Random random(Seed(1));
  instance->sample_start(random, start);
  for (const double x : start) EXPECT_LE(std::abs(x), 2);
}

TEST(DrawnFamily, WhatDoesNotFitIsNamed) {
  const auto with = [](auto change) {
    return [change] {
      drawn_family("odd", "odd", 2, [change](Random& random, int dimension) {
        Problem problem = draw_bowl(random, dimension);
        change(problem);
        return problem;
      })->sample(Split::train, 0, 2);
    };
  };
  EXPECT_THAT(with([](Problem& p) { p.evaluate = nullptr; }), says("problem 'odd'", "evaluate"));
  EXPECT_THAT(with([](Problem& p) { p.lower.pop_back(); }), says("lower", "1 numbers"));
  EXPECT_THAT(with([](Problem& p) { p.upper[1] = -2; }), says("upper[1]", "lower[1]"));
  EXPECT_THAT(with([](Problem& p) { p.upper[1] = INFINITY; }), says("upper", "finite"));
  EXPECT_THAT(with([](Problem& p) { p.lower[1] = NAN; }), says("lower[1]", "finite"));
  EXPECT_THAT(with([](Problem& p) { p.optimum = {1}; }), says("optimum", "as lower"));
  EXPECT_THAT(with([](Problem& p) { p.optimum[1] = 9; }), says("optimum[1]", "within the box"));
  EXPECT_THAT(with([](Problem& p) { p.optimum_value = NAN; }), says("optimum_value", "finite"));
  EXPECT_THAT(with([](Problem& p) { p.unit = 0; }), says("unit", "greater than 0"));
  EXPECT_THAT([] { drawn_family("two words", "", 2, draw_bowl); }, says("name", "letters"));
  EXPECT_THAT([] { drawn_family("bowls", "", -1, draw_bowl); }, says("dimension", "-1"));
  EXPECT_THAT([] { drawn_family("bowls", "", 2, nullptr); }, says("draw", "empty"));
}

TEST(DrawnFamily, BeginsWhereFIsFinite) {
  const auto draw = [](double share) {
    return [share](Random& random, int dimension) {
      Problem out = draw_bowl(random, dimension);
      const double end = out.lower[0] + share * (out.upper[0] - out.lower[0]);
      out.evaluate = [end](std::span<const double> theta, std::span<double>) { return theta[0] < end ? theta[0] : NAN; };
      return out;
    };
  };
  Random random(Seed(1));
  std::vector<double> start(2);
  const auto half = drawn_family("half", "", 2, draw(0.5))->sample(Split::train, 0, 2);
  for (int n = 0; n < 20; ++n) {
    half->sample_start(random, start);
    EXPECT_TRUE(std::isfinite(half->true_value(start)));
  }
  const auto nowhere = drawn_family("nowhere", "", 2, draw(0))->sample(Split::train, 0, 2);
  EXPECT_THAT([&] { nowhere->sample_start(random, start); },
              ThrowsMessage<std::runtime_error>(AllOf(HasSubstr("'nowhere'"), HasSubstr("1000 random starts"))));
}

TEST(DrawnFamily, IsFoundByNameOnceAdded) {
  EXPECT_THROW(family("own-bowls"), std::invalid_argument);
  add_family(drawn_family("own-bowls", "bowls", 2, draw_bowl));
  EXPECT_EQ(family("own-bowls")->summary(), "bowls");
  EXPECT_THAT(family_names(), testing::Contains("own-bowls"));
  EXPECT_THAT([] { family("own-bowls-rotated"); }, says("'own-bowls-rotated'", "'own-bowls' has no variants"));
  EXPECT_THAT([] { family("nist:from=near"); }, says("'nist:from=near'", "'nist' has no variants"));
  EXPECT_THAT([] { add_family(drawn_family("own-bowls", "", 2, draw_bowl)); }, says("own-bowls", "of that name"));
  EXPECT_THAT([] { add_family(drawn_family("rastrigin", "", 2, draw_bowl)); }, says("rastrigin", "of that name"));
}

}  // namespace
}  // namespace scout
