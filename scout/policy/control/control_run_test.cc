#include "scout/policy/control/control_run.h"

#include <gtest/gtest.h>

#include <cmath>

#include "scout/policy/control/cma_es_search.h"
#include "scout/policy/rules.h"

namespace scout {
namespace {

double ripples(std::span<const double> x, std::span<double> g) {
  double f = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    f += x[i] * x[i] + 0.5 * (1 - std::cos(6 * x[i]));
    if (!g.empty()) g[i] = 2 * x[i] + 3 * std::sin(6 * x[i]);
  }
  return f;
}

struct Ended {
  double best = HUGE_VAL;
  int values = 0, gradients = 0;
  std::vector<double> points{};
};

/// A run of the untrained rule on `shift` + `factor` f.
Ended run(std::size_t m, std::int64_t calls, double price = 1, double factor = 1, double shift = 0, bool bounded = true,
          int spoil = 0) {
  static const auto rule = make_rule({.rule = "control", .decisions = 1});
  Random random(Seed(1));
  const auto stepper = rule->with(rule->initial_parameters(random));
  const auto made = stepper->new_run(static_cast<int>(m));
  std::vector<double> theta(m), gradient(m);
  const std::vector<double> lower(m, -4), upper(m, 6);
  for (double& x : theta) x = random.uniform(-4, 6);
  Ended out;
  const auto value = [&](std::span<double> g) {
    double f = shift + factor * ripples(theta, g);
    for (double& x : g) x *= factor;
    ++out.values;
    if (spoil > 0 && out.values % spoil == 0) f = std::nan("");
    if (f < out.best) out.best = f;
    out.points.insert(out.points.end(), theta.begin(), theta.end());
    return f;
  };
  RunFrame frame{.lower = lower, .upper = upper};
  frame.calls = calls;
  frame.gradient_price = price;
  if (bounded) frame.least = lower, frame.most = upper;
  const double first = value({});
  made->start({theta, {}, first}, frame);
  ProposalScratch scratch;
  RuleRun* const alone = made.get();
  while (!made->over()) {
    stepper->decide({&alone, 1}, scratch);
    stepper->propose({&alone, 1}, scratch);
    made->apply(theta);
    const bool wanted = made->wants_gradient();
    out.gradients += wanted ? 1 : 0;
    const double f = value(wanted ? std::span<double>(gradient) : std::span<double>());
    made->observe({theta, wanted ? std::span<const double>(gradient) : std::span<const double>(), f});
  }
  return out;
}

TEST(ControlRun, FindsTheBestOfManyMinima) {
  EXPECT_LT(run(5, 600).best, 1e-12);
  EXPECT_LT(run(50, 2000).best, 1e-6);
}

TEST(ControlRun, UsesItsCallsAndNoMore) {
  for (const double price : {1.0, 5.0}) {
    const Ended ended = run(4, 300, price);
    const double calls = ended.values + price * ended.gradients;
    EXPECT_LE(calls, 300);
    EXPECT_GT(calls, 300 - 1 - price);
  }
}

TEST(ControlRun, StaysInTheBox) {
  for (const double x : run(3, 500).points) {
    EXPECT_GE(x, -4);
    EXPECT_LE(x, 6);
  }
}

TEST(ControlRun, NeitherUnitNorLevelOfFMatters) {
  const Ended plain = run(4, 200);
  EXPECT_EQ(run(4, 200, 1, 1024).points, plain.points);
  EXPECT_EQ(run(4, 200).points, plain.points) << "it draws the same";
}

TEST(ControlRun, GoesOnWhereFIsNotFinite) { EXPECT_LT(run(4, 600, 1, 1, 0, true, 3).best, 1); }

TEST(CmaEsSearch, AdaptsToAnIllConditionedBowl) {
  constexpr std::size_t kM = 8;
  for (const bool turned : {false, true}) {
    CmaEsSearch search;
    search.start(std::vector<double>(kM, 0.8), 0.2, CmaEsSearch::usual_population(kM), Random(Seed(3)));
    double best = HUGE_VAL;
    for (int calls = 0; calls < 6000 && !search.over(); ++calls) {
      const auto x = search.ask().point;
      double f = 0;
      for (std::size_t i = 0; i < kM; ++i) {
        const double next = turned ? x[(i + 1) % kM] : 0.4;
        const double z = x[i] - 0.4 + 0.5 * (next - 0.4);
        f += std::pow(1e4, static_cast<double>(i) / (kM - 1)) * z * z;
      }
      best = std::min(best, f);
      search.tell({f});
    }
    EXPECT_LT(best, 1e-12) << turned;
    EXPECT_GT(search.condition(), 1e3);
  }
}

}  // namespace
}  // namespace scout
