// What `minimize` reaches on real problems, which no policy is trained on: a floor, so that a change that loses some is
// seen.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "scout/optimizer/minimize.h"
#include "scout/problem/catalog/family.h"
#include "scout/problem/instance.h"

namespace scout {
namespace {

struct Units {
  double of_f = 1;
  bool mixed = false;  ///< θ_i is measured in units of 1e-6, 1 and 1e6, by turns
};

/// How many of the NIST data sets, from both starts, are fitted to 4 digits of the certified sum of squares.
int fitted(std::int64_t budget, bool bounded, const Units& units = {}) {
  const auto nist = family("nist");
  int out = 0;
  for (std::int64_t k = 0; k < 54; ++k) {
    const auto instance = nist->sample(Split::test, k, 0);
    const auto m = static_cast<std::size_t>(instance->dimension());
    Random random(Seed(static_cast<std::uint64_t>(k)));
    std::vector<double> start = first_start(*instance, random), unit(m, 1.0), theta(m);
    for (std::size_t i = 0; i < m; ++i) {
      if (units.mixed) unit[i] = std::pow(10.0, 6.0 * (static_cast<double>(i % 3) - 1));
      start[i] /= unit[i];
    }
    const auto f = [&](std::span<const double> x, std::span<double> gradient) {
      double value = 0;
      for (std::size_t i = 0; i < m; ++i) theta[i] = x[i] * unit[i];
      instance->evaluate(theta, {&value, 1}, gradient);
      for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] *= unit[i] * units.of_f;
      return value * units.of_f;
    };
    MinimizeOptions options;
    options.budget = budget;
    for (std::size_t i = 0; bounded && i < m; ++i) {
      options.lower.push_back(instance->lower()[i] / unit[i]);
      options.upper.push_back(instance->upper()[i] / unit[i]);
    }
    const double found = minimize(f, start, options).best_value / units.of_f;
    const double certified = instance->optimum_value().value();
    out += found - certified <= (certified != 0 ? 1e-4 * std::abs(certified) : 1e-8 * instance->value_scale()) ? 1 : 0;
  }
  return out;
}

TEST(MinimizeRealProblems, FitsNistDataWithoutBounds) { EXPECT_GE(fitted(4000, false), 50); }

TEST(MinimizeRealProblems, FitsNistDataWithinBounds) { EXPECT_GE(fitted(1000, true), 42); }

TEST(MinimizeRealProblems, UnitsMatterLittle) {
  const int usual = fitted(4000, false);
  EXPECT_NEAR(fitted(4000, false, {.of_f = 1e6}), usual, 1);
  EXPECT_NEAR(fitted(4000, false, {.of_f = 1e-6}), usual, 1);
  EXPECT_NEAR(fitted(4000, false, {.mixed = true}), usual, 1);
}

}  // namespace
}  // namespace scout
