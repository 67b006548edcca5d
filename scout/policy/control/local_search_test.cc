#include "scout/policy/control/local_search.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

namespace scout {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
using Function = std::function<double(std::span<const double>, std::span<double>)>;

struct Found {
  double value = kInfinity;
  std::vector<double> point;
  int values = 0, gradients = 0;
};

/// Runs a search to its end, or for so many calls.
Found search(const Function& f, std::vector<double> start, const LocalSearchOptions& options = {}, double low = -kInfinity,
             double high = kInfinity, int most = 3000) {
  const std::vector<double> lower(start.size(), low), upper(start.size(), high);
  LocalSearch search(lower, upper);
  search.start(start, options);
  Found found;
  std::vector<double> gradient(start.size());
  while (!search.over() && found.values < most) {
    const Question question = search.ask();
    for (const double x : question.point) {
      EXPECT_GE(x, low);
      EXPECT_LE(x, high);
    }
    const double value = f(question.point, gradient);
    ++found.values;
    found.gradients += question.gradient ? 1 : 0;
    if (value < found.value) {
      found.value = value;
      found.point.assign(question.point.begin(), question.point.end());
    }
    search.tell(
        {value, question.gradient && std::isfinite(value) ? std::span<const double>(gradient) : std::span<const double>()});
  }
  return found;
}

double rosenbrock(std::span<const double> x, std::span<double> g) {
  double f = 0;
  for (double& v : g) v = 0;
  for (std::size_t i = 0; i + 1 < x.size(); ++i) {
    const double a = x[i + 1] - x[i] * x[i], b = 1 - x[i];
    f += 100 * a * a + b * b;
    g[i] += -400 * a * x[i] - 2 * b;
    g[i + 1] += 200 * a;
  }
  return f;
}

/// A bowl whose axes differ by `condition` in curvature, at (0.3, 0.3, ...).
Function bowl(double condition) {
  return [condition](std::span<const double> x, std::span<double> g) {
    double f = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double c = std::pow(condition, static_cast<double>(i) / static_cast<double>(x.size() - 1));
      f += c * (x[i] - 0.3) * (x[i] - 0.3);
      g[i] = 2 * c * (x[i] - 0.3);
    }
    return f;
  };
}

TEST(LocalSearch, FollowsACurvedValleyToItsEnd) {
  for (const std::size_t m : {2UL, 10UL, 40UL}) {
    const Found found = search(rosenbrock, std::vector<double>(m, -1.2));
    EXPECT_LT(found.value, 1e-20) << m;
    EXPECT_LT(found.values, 12 * static_cast<int>(m) + 60) << m;
  }
}

TEST(LocalSearch, MindsNoCondition) {
  EXPECT_LT(search(bowl(1e8), std::vector<double>(10, -0.5)).value, 1e-15);
  EXPECT_LT(search(bowl(1e4), std::vector<double>(250, -0.5)).value, 1e-9) << "few pairs";
}

TEST(LocalSearch, StaysInItsBoundsAndHoldsWhatIsPushedOut) {
  const Found found = search(bowl(100), std::vector<double>(5, 0.9), {}, 0.5, 1);
  for (const double x : found.point) EXPECT_EQ(x, 0.5);
  EXPECT_LT(found.values, 60);
}

TEST(LocalSearch, AsksForDearGradientsOnlyWhereFHasFallen) {
  const Found cheap = search(rosenbrock, std::vector<double>(6, -1.2));
  const Found dear = search(rosenbrock, std::vector<double>(6, -1.2), {.dear_gradients = true});
  EXPECT_EQ(cheap.gradients, cheap.values);
  EXPECT_LT(dear.gradients, 0.8 * dear.values);
  EXPECT_LT(dear.gradients, 1.1 * cheap.gradients);
  EXPECT_LT(dear.value, 1e-20);
}

TEST(LocalSearch, GetsAlongWhereFIsNotFinite) {
  const Found found = search(
      [](std::span<const double> x, std::span<double> g) {  // no value to the left of 0
        g[0] = x[0] > 0 ? 1 - 1 / x[0] : std::nan("");
        return x[0] > 0 ? x[0] - std::log(x[0]) : std::nan("");
      },
      {50}, {.first_step = 100});
  EXPECT_NEAR(found.point.at(0), 1, 1e-6);
  EXPECT_EQ(search([](auto, std::span<double>) { return kInfinity; }, {1}).values, 1) << "nowhere to go";
}

TEST(LocalSearch, EndsWhereThereIsNoSlope) {
  EXPECT_EQ(search(
                [](auto, std::span<double> g) {
                  g[0] = 0;
                  return 3.0;
                },
                {1})
                .values,
            1);
}

}  // namespace
}  // namespace scout
