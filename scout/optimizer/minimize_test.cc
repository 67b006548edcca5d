#include "scout/optimizer/minimize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "scout/policy/test_policy.h"

namespace scout {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

const double nan = std::numeric_limits<double>::quiet_NaN();
const std::vector<double> kStart{2, -3, 1};

/// Σ w_i (θ_i - 1)², w_i = weight^i.
Objective sphere(double weight = 1) {
  return [weight](std::span<const double> theta, std::span<double> gradient) {
    double f = 0;
    double w = 1;
    for (std::size_t i = 0; i < theta.size(); ++i, w *= weight) {
      f += w * (theta[i] - 1) * (theta[i] - 1);
      if (!gradient.empty()) gradient[i] = 2 * w * (theta[i] - 1);
    }
    return f;
  };
}

MinimizeOptions options_for(std::int64_t budget, std::shared_ptr<const Policy> policy = untrained_policy()) {
  MinimizeOptions options;
  options.policy = std::move(policy);
  options.budget = budget;
  options.history = true;
  return options;
}

TEST(Minimize, Descends) {
  MinimizeOptions options = options_for(400);
  options.lower.assign(3, -5);
  options.upper.assign(3, 5);
  const auto summary = minimize(sphere(), kStart, options);
  EXPECT_LT(summary.best_value, 1.0);
  EXPECT_EQ(summary.best_value, sphere()(summary.best_point, {}));
  EXPECT_EQ(summary.status, MinimizeStatus::budget);
  EXPECT_THAT(summary.message, HasSubstr("budget"));
  EXPECT_EQ(summary.non_finite, 0);
  EXPECT_GE(summary.seconds, 0);
}

TEST(Minimize, SameSeedSameResult) {
  MinimizeOptions options = options_for(300, untrained_policy(20));
  const auto first = minimize(sphere(), kStart, options);
  const auto second = minimize(sphere(), kStart, options);
  EXPECT_EQ(first.best_point, second.best_point);
  options.seed = 1;
  const auto third = minimize(sphere(), kStart, options);
  ASSERT_GT(first.episodes, 2) << "the seed draws the starts of later episodes";
  const auto thetas = [](const MinimizeSummary& summary) {
    std::vector<std::vector<double>> out;
    for (const auto& entry : summary.history) out.push_back(entry.theta);
    return out;
  };
  EXPECT_NE(thetas(third), thetas(first));
}

TEST(Minimize, TheBudgetIsExact) {
  for (bool observes_gradient : {true, false}) {
    for (std::int64_t budget : {1, 2, 3, 4, 5, 20, 21, 22, 23, 77, 78}) {
      std::int64_t values = 0;
      std::int64_t gradients = 0;
      const Objective counted = [&](std::span<const double> theta, std::span<double> gradient) {
        ++values;
        gradients += gradient.empty() ? 0 : 1;
        return sphere()(theta, gradient);
      };
      const auto summary = minimize(counted, kStart, options_for(budget, untrained_policy(10, observes_gradient)));
      // A value without its gradient comes only where there is nothing else: user code that always writes it breaks at once.
      const std::int64_t made = observes_gradient && budget > 1 ? budget - budget % 2 : budget;
      EXPECT_EQ(values + gradients, made);
      EXPECT_EQ(summary.values, values);
      EXPECT_EQ(summary.gradients, gradients);
      EXPECT_EQ(summary.calls(), made);
      EXPECT_EQ(summary.status, MinimizeStatus::budget);
      EXPECT_EQ(summary.history.size(), static_cast<std::size_t>(values));
      EXPECT_EQ(summary.history.back().calls, made);
      EXPECT_EQ(summary.history.front().theta, kStart);
      EXPECT_EQ(gradients, observes_gradient ? budget / 2 : 0);
    }
  }
}

TEST(Minimize, EpisodesAlternateBetweenTheBestPointAndFreshStarts) {
  MinimizeOptions options = options_for(1000, untrained_policy(10));
  options.lower.assign(3, -5);
  options.upper.assign(3, 5);
  const auto summary = minimize(sphere(), kStart, options);
  std::vector<std::vector<MinimizeSummary::Evaluation>> episodes(static_cast<std::size_t>(summary.episodes));
  for (const auto& evaluation : summary.history)
    episodes.at(static_cast<std::size_t>(evaluation.episode) - 1).push_back(evaluation);
  EXPECT_EQ(episodes[0].size(), 11U);  // the start and 10 updates
  EXPECT_EQ(episodes[1].size(), 10U);  // the best point is known already
  EXPECT_EQ(episodes[2].size(), 11U);
  MinimizeSummary::Evaluation best = summary.history[0];
  for (std::size_t e = 0; e < episodes.size(); ++e) {
    if (e % 2 == 1) {
      for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_LE(std::abs(episodes[e][0].theta[i] - best.theta[i]), 0.1 * 5 * 1.001) << "a tenth of the step scale";
      }
    }
    for (const auto& evaluation : episodes[e]) {
      if (evaluation.value < best.value) best = evaluation;
    }
  }
  for (std::size_t e = 2; e < episodes.size(); e += 2) {
    for (double x : episodes[e][0].theta) EXPECT_LE(std::abs(x), 5);
    EXPECT_NE(episodes[e][0].theta, episodes[e - 2][0].theta);
  }
}

TEST(Minimize, TheHorizonIsThePolicysUnlessAsked) {
  MinimizeOptions options = options_for(100, untrained_policy(10));
  EXPECT_EQ(minimize(sphere(), kStart, options).history[11].episode, 2);
  options.horizon = 30;
  EXPECT_EQ(minimize(sphere(), kStart, options).history[30].episode, 1);
  EXPECT_EQ(minimize(sphere(), kStart, options).history[31].episode, 2);
}

/// The first step of each coordinate under a policy whose actions are always 1.
std::vector<double> full_steps(MinimizeOptions options, std::span<const double> x0) {
  const RuleOptions rule{.hidden = {8}, .gradient = false, .proposals = false};
  std::vector<float> parameters(make_rule(rule)->parameter_count(), 0.0F);
  parameters.back() = 9;  // the bias of the only output
  options.policy = std::make_shared<Policy>(PolicyDescription{rule, 60}, parameters);
  options.budget = 2;
  const auto summary = minimize(sphere(), x0, options);
  std::vector<double> out;
  for (std::size_t i = 0; i < x0.size(); ++i)
    out.push_back(std::abs(summary.history[1].theta[i] - summary.history[0].theta[i]));
  return out;
}

TEST(Minimize, StepScaleComesFromBoundsOrTheStart) {
  auto near = [](std::vector<double> expected) {
    return testing::Pointwise(testing::DoubleNear(1e-4 * expected[0]), expected);
  };
  MinimizeOptions options = options_for(2);
  const std::vector<double> large{300, -400, 0};
  EXPECT_THAT(full_steps(options, large), near({420, 560, 1.4 * std::sqrt(300.0 * 400.0)}));
  EXPECT_THAT(full_steps(options, std::vector<double>{0.1, 0, 0}), near({0.14, 0.14, 0.14}));
  EXPECT_THAT(full_steps(options, std::vector<double>{0, 0}), near({1.4, 1.4}));
  EXPECT_THAT(full_steps(options, std::vector<double>(1, 1e150)), near({1.4e150}));
  options.keep_inside = false;
  options.lower = {-10, 0, 0};
  options.upper = {10, 1, 5};
  EXPECT_THAT(full_steps(options, kStart), near({14, 0.7, 3.5}));
  options.step_scale = 4;
  EXPECT_THAT(full_steps(options, kStart), near({4, 0.2, 1}));
  options.lower.clear();
  options.upper.clear();
  EXPECT_THAT(full_steps(options, kStart), near({8.0 / 3, 4, 4.0 / 3}));
}

TEST(Minimize, BoundsMakeABadlyScaledProblemWellScaled) {
  MinimizeOptions options = options_for(150);
  options.lower.assign(2, -5);
  options.upper.assign(2, 5);
  const std::vector<double> x0{3, -2};
  const auto plain = minimize(sphere(), x0, options);
  // The same function of (θ_0, θ_1 / 1024).
  const Objective stretched = [](std::span<const double> theta, std::span<double> gradient) {
    const double point[] = {theta[0], theta[1] / 1024};
    const double f = sphere()(point, gradient);
    if (!gradient.empty()) gradient[1] /= 1024;
    return f;
  };
  options.lower[1] *= 1024;
  options.upper[1] *= 1024;
  const auto scaled = minimize(stretched, std::vector<double>{3, -2048}, options);
  EXPECT_NEAR(scaled.best_value, plain.best_value, 1e-6 * (1 + plain.best_value));
}

TEST(Minimize, BoundsAreLimits) {
  MinimizeOptions options = options_for(600, untrained_policy(15));
  options.lower = {1.5, -4, 0};
  options.upper = {3, 2, 0.5};
  const std::vector<double> x0{2, -3, 0.5};
  const auto summary = minimize(sphere(), x0, options);
  bool touched = false;
  for (const auto& evaluation : summary.history) {
    for (std::size_t i = 0; i < 3; ++i) {
      ASSERT_GE(evaluation.theta[i], options.lower[i]);
      ASSERT_LE(evaluation.theta[i], options.upper[i]);
      touched |= evaluation.theta[i] == options.lower[i] || evaluation.theta[i] == options.upper[i];
    }
  }
  EXPECT_TRUE(touched);
  options.keep_inside = false;
  bool left = false;
  for (const auto& evaluation : minimize(sphere(), x0, options).history) left |= evaluation.theta[2] > options.upper[2];
  EXPECT_TRUE(left);
}

TEST(Minimize, StopsAtTheTarget) {
  MinimizeOptions options = options_for(100000);
  options.target = 2.0;
  const auto summary = minimize(sphere(), kStart, options);
  EXPECT_EQ(summary.status, MinimizeStatus::target);
  EXPECT_LE(summary.best_value, 2.0);
  EXPECT_EQ(summary.history.back().value, summary.best_value);
  EXPECT_LT(summary.calls(), 100000);
  options.target = 1e9;
  EXPECT_EQ(minimize(sphere(), kStart, options).values, 1);
}

TEST(Minimize, TheCallbackSeesEveryEvaluationAndCanStop) {
  MinimizeOptions options = options_for(1000);
  int calls = 0;
  options.callback = [&](const MinimizeProgress& progress) {
    ++calls;
    EXPECT_EQ(progress.summary.values, calls);
    EXPECT_EQ(progress.value, sphere()(progress.theta, {}));
    return calls < 7;
  };
  const auto summary = minimize(sphere(), kStart, options);
  EXPECT_EQ(summary.status, MinimizeStatus::stopped);
  EXPECT_EQ(summary.values, 7);
}

TEST(Minimize, StopsAfterTheTime) {
  MinimizeOptions options = options_for(1000000000);
  options.history = false;
  options.max_seconds = 0.02;
  const auto summary = minimize(sphere(), kStart, options);
  EXPECT_EQ(summary.status, MinimizeStatus::time);
  EXPECT_GE(summary.seconds, 0.02);
  EXPECT_TRUE(summary.history.empty());
}

TEST(Minimize, NonFiniteValuesRankWorstAndAreCounted) {
  for (double bad : {nan, std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) {
    int met = 0;
    const Objective patchy = [&](std::span<const double> theta, std::span<double> gradient) {
      const double f = sphere()(theta, gradient);
      if (theta[0] > 1.5 || f > 15) return f;
      ++met;
      return bad;
    };
    const auto summary = minimize(patchy, std::vector<double>{4, 1, 1}, options_for(400));
    EXPECT_GT(met, 0);
    EXPECT_EQ(summary.non_finite, met);
    EXPECT_TRUE(std::isfinite(summary.best_value));
    EXPECT_LT(summary.best_value, 9);
    EXPECT_EQ(summary.status, MinimizeStatus::budget);
    EXPECT_EQ(summary.calls(), 400);
  }
}

TEST(Minimize, AGradientThatIsNotFiniteIsNotFollowed) {
  const Objective kinked = [](std::span<const double> theta, std::span<double> gradient) {
    const double f = sphere()(theta, gradient);
    if (f < 4 && !gradient.empty()) gradient[1] = nan;
    return f;
  };
  const auto summary = minimize(kinked, kStart, options_for(200));
  EXPECT_GT(summary.non_finite, 0);
  EXPECT_GE(summary.best_value, 4) << "the best point is one where both were finite";
  for (const auto& evaluation : summary.history) {
    for (double x : evaluation.theta) ASSERT_TRUE(std::isfinite(x));
  }
}

TEST(Minimize, TriesOtherStartsUntilOneIsFinite) {
  const Objective half = [](std::span<const double> theta, std::span<double> gradient) {
    const double f = sphere()(theta, gradient);
    return theta[0] < 0.9 ? f : nan;
  };
  MinimizeOptions options = options_for(400);
  options.lower.assign(3, -5);
  options.upper.assign(3, 5);
  const auto summary = minimize(half, kStart, options);
  EXPECT_FALSE(std::isfinite(summary.history[0].value));
  EXPECT_TRUE(std::isfinite(summary.best_value));
  EXPECT_LT(summary.best_point[0], 0.9);
}

TEST(Minimize, SaysThatNothingWasFinite) {
  for (std::int64_t budget : {1, 2, 31}) {
    const auto summary = minimize([](auto, auto) { return nan; }, kStart, options_for(budget));
    EXPECT_EQ(summary.status, MinimizeStatus::never_finite);
    EXPECT_THAT(summary.message, HasSubstr("finite nowhere"));
    EXPECT_TRUE(summary.best_point.empty());
    EXPECT_EQ(summary.calls(), budget == 31 ? 30 : budget);
    EXPECT_EQ(summary.non_finite, summary.values);
  }
}

struct UsersException {
  int code;
};

TEST(Minimize, ExceptionsComeOutUnchangedAndTheBestIsKept) {
  int calls = 0;
  const Objective throwing = [&](std::span<const double> theta, std::span<double> gradient) {
    if (++calls == 12) throw UsersException{42};
    return sphere()(theta, gradient);
  };
  MinimizeSummary summary;
  try {
    minimize(throwing, kStart, options_for(1000), summary);
    FAIL();
  } catch (const UsersException& exception) {
    EXPECT_EQ(exception.code, 42);
  }
  EXPECT_EQ(summary.status, MinimizeStatus::threw);
  EXPECT_EQ(summary.values, 12);
  EXPECT_EQ(summary.history.size(), 11U);
  EXPECT_EQ(summary.best_value, sphere()(summary.best_point, {}));

  MinimizeOptions options = options_for(10);
  options.callback = [](const MinimizeProgress&) -> bool { throw UsersException{43}; };
  EXPECT_THROW(minimize(sphere(), kStart, options), UsersException);
}

TEST(Minimize, PoliciesWithoutGradientsAskForValuesOnly) {
  const Objective values_only = [](std::span<const double> theta, std::span<double> gradient) {
    EXPECT_TRUE(gradient.empty());
    return sphere()(theta, gradient);
  };
  const auto summary = minimize(values_only, kStart, options_for(50, untrained_policy(10, false)));
  EXPECT_EQ(summary.values, 50);
  EXPECT_EQ(summary.gradients, 0);
}

TEST(Minimize, AnyDimension) {
  for (std::size_t m : {std::size_t{1}, std::size_t{16}, std::size_t{33}, std::size_t{1000}}) {
    const std::vector<double> x0(m, 3.0);
    const auto summary = minimize(sphere(), x0, options_for(60));
    EXPECT_LT(summary.best_value, 4.0 * static_cast<double>(m));
  }
}

TEST(Minimize, BadOptionsAreNamed) {
  auto with = [](auto change) {
    return [change] {
      MinimizeOptions options = options_for(10);
      std::vector<double> x0 = kStart;
      change(options, x0);
      minimize(sphere(), x0, options);
    };
  };
  using O = MinimizeOptions;
  using X = std::vector<double>;
  auto says = [](const char* a, const char* b, const char* c) {
    return ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr(a), HasSubstr(b), HasSubstr(c)));
  };
  EXPECT_THAT(with([](O& o, X&) { o.policy = untrained_network_policy(); }), says("policy", "weight", "LearnedOptimizer"));
  EXPECT_THAT(with([](O& o, X&) { o.budget = 0; }), says("budget", "0", "at least 1"));
  EXPECT_THAT(with([](O& o, X&) { o.horizon = -2; }), says("horizon", "-2", "at least 0"));
  EXPECT_THAT(with([](O& o, X&) { o.step_scale = nan; }), says("step_scale", "nan", "a number"));
  EXPECT_THAT(with([](O& o, X&) { o.step_scale = INFINITY; }), says("step_scale", "inf", "finite"));
  EXPECT_THAT(with([](O& o, X&) { o.max_seconds = 0; }), says("max_seconds", "0", "greater than 0"));
  EXPECT_THAT(with([](O& o, X&) { o.target = nan; }), says("target", "nan", ""));
  EXPECT_THAT(with([](O& o, X&) { o.lower = {0, 0}; }), says("lower", "2 numbers", "as many as x0, 3"));
  EXPECT_THAT(with([](O& o, X&) {
                o.lower = {0, -9, 0}, o.upper = {3, -9.5, 1};
              }),
              says("upper[1]", "-9.5", "at least lower[1] = -9.0"));
  EXPECT_THAT(with([](O& o, X&) { o.lower = X(3, nan); }), says("lower", "nan", "a number"));
  EXPECT_THAT(with([](O& o, X&) { o.upper = X(3, -INFINITY); }), says("upper[0]", "-inf", "a number, or inf"));
  EXPECT_THAT(with([](O& o, X&) { o.lower = X(3, 0), o.upper = X(3, 4); }), says("x0[1]", "-3", "[0.0, 4.0]"));
  EXPECT_THAT(with([](O& o, X& x) { o.lower = o.upper = x; }), says("upper", "equal to lower everywhere", "one coordinate"));
  EXPECT_THAT(with([](O& o, X&) { o.patience = -1; }), says("patience", "-1", "at least 0"));
  EXPECT_THAT([] { minimize(Objective(), kStart, options_for(10)); }, says("objective", "empty", "called"));
  EXPECT_THAT(with([](O&, X& x) { x.clear(); }), says("x0", "empty", "one coordinate"));
  EXPECT_THAT(with([](O&, X& x) { x[2] = nan; }), says("x0[2]", "nan", "finite"));
}

}  // namespace
}  // namespace scout
