// What the rules for functions see of a run.
#include "scout/policy/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "scout/base/archive.h"
#include "scout/base/random.h"
#include "scout/policy/coordinate/coordinatewise_observer.h"
#include "scout/policy/rule/action.h"

namespace scout {
namespace {

/// A run, made up at random: points, values and gradients, and the actions that led from point to point.
struct Tape {
  struct Step {
    std::vector<float> actions;
    std::vector<double> theta, gradient;
    double f;
  };
  std::vector<Step> steps;  // the first has no actions
  double scale = 2.0;
  std::vector<double> lower, upper;

  RunFrame frame() const { return {.scale = scale, .horizon = 40, .lower = lower, .upper = upper}; }

  Tape(int dimension, int length, std::uint64_t seed) {
    Random random{Seed(seed)};
    const auto m = static_cast<std::size_t>(dimension);
    std::vector<double> theta(m);
    for (double& x : theta) x = random.normal();
    lower.assign(m, -4.0);
    upper.assign(m, 3.0);
    for (int t = 0; t <= length; ++t) {
      Step step{std::vector<float>(m), theta, std::vector<double>(m), 3.0 * random.normal()};
      if (t > 0) {
        for (std::size_t i = 0; i < m; ++i) {
          step.actions[i] = static_cast<float>(random.uniform(-1, 1));
          step.theta[i] += scale * static_cast<double>(decode_action(step.actions[i]));
        }
      }
      for (double& g : step.gradient) g = random.normal();
      theta = step.theta;
      steps.push_back(std::move(step));
    }
  }
};

Observation seen(const Tape::Step& step) { return {step.theta, step.gradient, step.f}; }

void advance(RuleRun& run, const Tape::Step& step) {
  std::copy(step.actions.begin(), step.actions.end(), run.actions().begin());
  run.observe(seen(step));
}

std::unique_ptr<RuleRun> new_run(const RuleOptions& options, int dimension) {
  const auto rule = make_rule(options);
  return rule->with(std::vector<float>(rule->parameter_count()))->new_run(dimension);
}

void make_run(RuleRun& run, const Tape& tape) {
  run.start(seen(tape.steps[0]), tape.frame());
  for (std::size_t t = 1; t < tape.steps.size(); ++t) advance(run, tape.steps[t]);
}

std::unique_ptr<RuleRun> replay(const RuleOptions& options, const Tape& tape) {
  auto run = new_run(options, static_cast<int>(tape.steps[0].theta.size()));
  make_run(*run, tape);
  return run;
}

std::vector<float> features_of(const RuleRun& run) {
  const std::size_t count = run.features();
  std::vector<std::size_t> rows(run.rows());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  std::vector<float> out(rows.size() * count, std::nanf(""));
  run.write_features(rows, out.data());
  std::vector<float> again(out.size());
  for (const std::size_t row : rows) run.write_features({&row, 1}, again.data() + row * count);
  EXPECT_EQ(again, out) << "row by row";
  return out;
}
std::vector<float> features_of(const RuleOptions& options, const Tape& tape) { return features_of(*replay(options, tape)); }

void expect_close(const std::vector<float>& a, const std::vector<float>& b, float tolerance) {
  EXPECT_THAT(a, testing::Pointwise(testing::FloatNear(tolerance), b));
}

constexpr int kLengths[] = {0, 1, 2, 7, 30};

class ObserverTest : public testing::TestWithParam<RuleOptions> {};

TEST_P(ObserverTest, DoesNotSeeAShift) {
  for (int length : kLengths) {
    const Tape tape(5, length, 1);
    Tape moved = tape;
    for (auto& step : moved.steps) {
      step.f += 100;
      for (double& x : step.theta) x += 64;
    }
    for (double& x : moved.lower) x += 64;
    for (double& x : moved.upper) x += 64;
    expect_close(features_of(GetParam(), moved), features_of(GetParam(), tape), 1e-4F);
  }
}

TEST_P(ObserverTest, DoesNotSeeTheScaleOfTheFunction) {
  for (int length : kLengths) {
    const Tape tape(5, length, 2);
    for (double factor : {1e-12, 1e-6, 1e3, 1e12}) {
      Tape scaled = tape;
      for (auto& step : scaled.steps) {
        step.f *= factor;
        for (double& g : step.gradient) g *= factor;
      }
      expect_close(features_of(GetParam(), scaled), features_of(GetParam(), tape), 1e-4F);
    }
  }
}

TEST_P(ObserverTest, MeasuresInTheStepScale) {
  for (int length : kLengths) {
    const Tape tape(5, length, 3);
    Tape scaled = tape;
    scaled.scale *= 1024;
    for (auto& step : scaled.steps) {
      for (double& x : step.theta) x *= 1024;
      for (double& g : step.gradient) g /= 1024;
    }
    for (double& x : scaled.lower) x *= 1024;
    for (double& x : scaled.upper) x *= 1024;
    expect_close(features_of(GetParam(), scaled), features_of(GetParam(), tape), 1e-4F);
  }
}

TEST_P(ObserverTest, ForgetsTheRunBefore) {
  const Tape second(5, 4, 5);
  const auto run = replay(GetParam(), Tape(5, 9, 4));
  make_run(*run, second);
  EXPECT_EQ(features_of(*run), features_of(GetParam(), second));
}

TEST_P(ObserverTest, IgnoresGradientsIfTheyAreNotObserved) {
  RuleOptions options = GetParam();
  options.gradient = false;
  const Tape tape(5, 8, 6);
  Tape other = tape;
  Tape none = tape;
  for (auto& step : other.steps) {
    for (double& g : step.gradient) g = 1e9 * g + 1;
  }
  for (auto& step : none.steps) step.gradient.clear();
  EXPECT_EQ(features_of(options, other), features_of(options, tape));
  EXPECT_EQ(features_of(options, none), features_of(options, tape));
  EXPECT_NE(make_rule(options)->signature(), make_rule(GetParam())->signature());
}

TEST_P(ObserverTest, StaysFiniteAndBoundedUnderExtremeValues) {
  struct Extreme {
    const char* what;
    void (*apply)(Tape::Step& step, int t);
  };
  const Extreme extremes[] = {
      {"huge gradients",
       [](Tape::Step& s, int) {
         for (double& g : s.gradient) g *= 1e300;
       }},
      {"gradients that become huge",
       [](Tape::Step& s, int t) {
         for (double& g : s.gradient) g *= t > 3 ? 1e300 : 1e-300;
       }},
      {"gradients that vanish",
       [](Tape::Step& s, int t) {
         for (double& g : s.gradient) g *= t > 3 ? 1e-300 : 1e300;
       }},
      {"denormal gradients",
       [](Tape::Step& s, int) {
         for (double& g : s.gradient) g *= 1e-310;
       }},
      {"zero gradients",
       [](Tape::Step& s, int) {
         for (double& g : s.gradient) g = 0;
       }},
      {"a zero gradient at first",
       [](Tape::Step& s, int t) {
         for (double& g : s.gradient) g *= t == 0 ? 0 : 1;
       }},
      {"one coordinate without gradient", [](Tape::Step& s, int) { s.gradient[1] = 0; }},
      {"huge values", [](Tape::Step& s, int) { s.f *= 1e300; }},
      {"values of both extremes", [](Tape::Step& s, int t) { s.f = t % 2 == 0 ? 1.7e308 : -1.7e308; }},
      {"denormal values", [](Tape::Step& s, int) { s.f *= 1e-310; }},
      {"a constant value", [](Tape::Step& s, int) { s.f = 5; }},
      {"a constant function",
       [](Tape::Step& s, int) {
         s.f = 5;
         for (double& g : s.gradient) g = 0;
       }},
      {"a point that does not move",
       [](Tape::Step& s, int) {
         for (double& x : s.theta) x = 1;
       }},
  };
  for (const Extreme& extreme : extremes) {
    for (int length : kLengths) {
      Tape tape(5, length, 7);
      for (std::size_t t = 0; t < tape.steps.size(); ++t) extreme.apply(tape.steps[t], static_cast<int>(t));
      for (float x : features_of(GetParam(), tape)) {
        ASSERT_TRUE(std::abs(x) < 100.0F) << extreme.what << ", " << length << " steps: " << x;
      }
    }
  }
}

const RuleOptions kAbsolute{.rule = "joint", .dimension = 5, .absolute = true};

INSTANTIATE_TEST_SUITE_P(Rules, ObserverTest,
                         testing::Values(RuleOptions{}, RuleOptions{.rule = "joint", .dimension = 5}, kAbsolute),
                         [](const auto& row) { return row.param.rule + (row.param.absolute ? "Absolute" : ""); });

TEST(JointRule, WithAbsolutePlacesIsTheHistoryAndNothingElse) {
  RuleOptions options = kAbsolute;
  options.gradient = false;
  options.history = 3;
  const Tape tape(5, 7, 12);
  const std::vector<float> features = features_of(options, tape);
  ASSERT_EQ(features.size(), 3U * (1 + 2 * 5));
  double best = INFINITY, worst = -INFINITY;
  for (const auto& step : tape.steps) best = std::min(best, step.f), worst = std::max(worst, step.f);
  for (std::size_t k = 0; k < 3; ++k) {
    const auto& step = tape.steps[7 - k];
    const float* row = features.data() + k * 11;
    EXPECT_FLOAT_EQ(row[0], encode_step(static_cast<float>((step.f - best) / (worst - best))));
    for (std::size_t i = 0; i < 5; ++i) {
      const double place = std::clamp((step.theta[i] + 0.5) / 3.5, -2.0, 2.0);  // of the box from -4 to 3
      EXPECT_NEAR(row[1 + i], place, 1e-6);
      EXPECT_EQ(row[6 + i], step.actions[i]);
    }
  }
}

TEST(JointRule, WithAbsolutePlacesGoesOnFromWhatItSaved) {
  const Tape tape(5, 9, 13);
  const auto run = replay(kAbsolute, tape);
  ArchiveWriter written;
  run->save(written);
  const Bytes bytes = written.take();
  const auto other = new_run(kAbsolute, 5);
  ArchiveReader archive(bytes);
  other->restore(archive);
  archive.finish();
  EXPECT_EQ(features_of(*other), features_of(*run));
  advance(*run, tape.steps[1]);
  advance(*other, tape.steps[1]);
  EXPECT_EQ(features_of(*other), features_of(*run));
}

TEST(JointRule, WithAbsolutePlacesNeedsABox) {
  const Tape tape(5, 0, 14);
  EXPECT_THROW(new_run(kAbsolute, 5)->start(seen(tape.steps[0]), {.scale = 1, .horizon = 9}), std::invalid_argument);
}

TEST(JointRule, WithLinearCodeTakesItsActionsForSteps) {
  RuleOptions options = kAbsolute;
  options.code = "linear";
  const Tape tape(5, 0, 15);
  const auto run = replay(options, tape);
  std::ranges::copy(std::vector<float>{1, -1, 0.5F, 0, 0.25F}, run->actions().begin());
  std::vector<double> theta(5);
  run->apply(theta);
  EXPECT_EQ(theta, (std::vector<double>{2, -2, 1, 0, 0.5})) << "in units of the step scale, 2";
  for (const float step : {-1.0F, -0.3F, 0.0F, 1e-3F}) {
    EXPECT_EQ(run->action_of(step), step);
    EXPECT_NEAR(decode_action(replay(kAbsolute, tape)->action_of(step)), step, 1e-5F * std::abs(step) + 1e-9F);
  }
}

TEST(JointRule, OfOtherInputsOrActionsHasAnotherSignature) {
  RuleOptions options{.rule = "joint", .dimension = 5};
  EXPECT_EQ(make_rule(options)->signature(), "joint/1:f,theta,step,gradient:M=5:H=4");
  options.absolute = true;
  options.code = "linear";
  EXPECT_EQ(make_rule(options)->signature(), "joint/1:f,theta,step,gradient:M=5:H=4:absolute:linear");
  options.code = "square";
  EXPECT_THAT([&] { make_rule(options); }, testing::ThrowsMessage<std::invalid_argument>(testing::HasSubstr("'code'")));
}

/// Without the features that depend on a coordinate's place among the others, as probes do.
std::vector<float> without(std::vector<float> features, std::initializer_list<int> left_out) {
  constexpr auto kFeatures = static_cast<std::size_t>(CoordinatewiseObserver::kFeatures);
  for (std::size_t row = 0; row < features.size(); row += kFeatures) {
    for (int feature : left_out) features[row + static_cast<std::size_t>(feature)] = 0;
  }
  return features;
}

TEST(CoordinatewiseObserver, IsPermutationEquivariant) {
  for (int dimension : {2, 5, 17, 33}) {
    for (int length : kLengths) {
      const Tape tape(dimension, length, 8);
      const auto m = static_cast<std::size_t>(dimension);
      std::vector<std::size_t> order(m);
      for (std::size_t i = 0; i < m; ++i) order[i] = i;
      Random random(Seed(9));
      shuffle(std::span(order), random);
      Tape permuted = tape;
      for (std::size_t t = 0; t < tape.steps.size(); ++t) {
        for (std::size_t i = 0; i < m; ++i) {
          permuted.steps[t].actions[i] = tape.steps[t].actions[order[i]];
          permuted.steps[t].theta[i] = tape.steps[t].theta[order[i]];
          permuted.steps[t].gradient[i] = tape.steps[t].gradient[order[i]];
        }
      }
      const auto features = features_of({}, tape);
      const std::size_t n = features.size() / m;
      std::vector<float> expected(features.size());
      for (std::size_t i = 0; i < m; ++i) {
        std::copy_n(features.begin() + static_cast<std::ptrdiff_t>(order[i] * n), n,
                    expected.begin() + static_cast<std::ptrdiff_t>(i * n));
      }
      constexpr int kToProbe = CoordinatewiseObserver::kToProbe;
      expect_close(without(features_of({}, permuted), {kToProbe}), without(expected, {kToProbe}), 1e-4F);
    }
  }
}

TEST(CoordinatewiseObserver, IsEquivariantToReflections) {
  for (bool gradient : {true, false}) {
    for (int length : kLengths) {
      if (!gradient && length == 0) continue;  // nothing seen yet
      const Tape tape(3, length, 12);
      Tape reflected = tape;
      reflected.lower[1] = -tape.upper[1];
      reflected.upper[1] = -tape.lower[1];
      for (auto& step : reflected.steps) {
        step.actions[1] *= -1;
        step.theta[1] *= -1;
        step.gradient[1] *= -1;
      }
      const RuleOptions options{.gradient = gradient};
      // Without gradients nothing says which way to begin to probe.
      const auto compared = [&](const Tape& each) {
        return gradient ? features_of(options, each)
                        : without(features_of(options, each), {CoordinatewiseObserver::kToProbe});
      };
      expect_close(compared(reflected), compared(tape), 1e-5F);
      auto orient = [&](const Tape& each) {
        const auto run = replay(options, each);
        std::vector<float> actions(3, 0.5F);
        run->orient(actions);
        std::vector<float> twice = actions;
        run->orient(twice);
        EXPECT_THAT(twice, testing::Each(0.5F));
        return actions;
      };
      const auto plain = orient(tape);
      const auto mirrored = orient(reflected);
      EXPECT_EQ(mirrored, (std::vector<float>{plain[0], -plain[1], plain[2]}));
    }
  }
}

// With M equal coordinates every pooled statistic is that of one coordinate, unless lanes beyond M are counted in. Probes
// are their own, and a fit counts its unknowns.
TEST(CoordinatewiseObserver, LanesBeyondTheLastCoordinateDoNotLeak) {
  const Tape one(1, 12, 10);
  const std::initializer_list<int> own{CoordinatewiseObserver::kToProbe, CoordinatewiseObserver::kQuadraticUnexplained};
  const auto expected = without(features_of({}, one), own);
  for (std::size_t m : {std::size_t{15}, std::size_t{16}, std::size_t{17}, std::size_t{33}}) {
    Tape many = one;
    for (auto& step : many.steps) {
      step.actions.assign(m, step.actions[0]);
      step.theta.assign(m, step.theta[0]);
      step.gradient.assign(m, step.gradient[0]);
    }
    many.lower.assign(m, one.lower[0]);
    many.upper.assign(m, one.upper[0]);
    const auto features = without(features_of({}, many), own);
    ASSERT_EQ(features.size(), m * expected.size());
    for (std::size_t i = 0; i < m; ++i) {
      const auto row = features.begin() + static_cast<std::ptrdiff_t>(i * expected.size());
      expect_close({row, row + static_cast<std::ptrdiff_t>(expected.size())}, expected, 1e-5F);
    }
  }
}

// However long a run probes, its points are spread evenly over the region: no gap is more than a few times the mean one.
TEST(CoordinatewiseObserver, ProbesSpreadEvenlyOverTheRegion) {
  const Tape tape(20, 0, 13);
  for (int count : {10, 30, 55, 100}) {
    const auto run = replay({}, tape);
    std::vector<double> theta = tape.steps[0].theta;
    std::vector<std::vector<double>> visited(20);
    Random random(Seed(1));
    for (int t = 0; t < count; ++t) {
      const std::vector<float> features = features_of(*run);
      const std::span<float> actions = run->actions();
      for (std::size_t i = 0; i < 20; ++i) {
        actions[i] = features[i * CoordinatewiseObserver::kFeatures + CoordinatewiseObserver::kToProbe];
      }
      run->orient(actions);
      std::vector<double> gradient(20);
      for (std::size_t i = 0; i < 20; ++i) {
        // Past the step scale, 2, an action is above 1: undo the code exactly.
        theta[i] += tape.scale * std::copysign(std::expm1(std::abs(actions[i]) * std::log1p(1e5)) / 1e5, actions[i]);
        visited[i].push_back(theta[i]);
        gradient[i] = random.normal();
      }
      run->observe({theta, gradient, random.normal()});
    }
    for (std::size_t i = 0; i < 20; ++i) {
      std::vector<double>& v = visited[i];
      std::sort(v.begin(), v.end());
      EXPECT_GE(v.front(), -4.0);
      EXPECT_LE(v.back(), 3.0);
      double gap = std::max(v.front() + 4.0, 3.0 - v.back());
      for (std::size_t k = 1; k < v.size(); ++k) gap = std::max(gap, v[k] - v[k - 1]);
      EXPECT_LT(gap, 0.7 + 7.0 * 4.5 / count) << "coordinate " << i << ", " << count << " probes";
    }
  }
}

TEST(ObserverRules, RejectOtherDimensions) {
  EXPECT_THROW(new_run({.rule = "joint", .dimension = 3}, 2), std::invalid_argument);
  EXPECT_THROW(new_run({}, 0), std::invalid_argument);
}

TEST(ObserverRules, WriteAsManyFeaturesAsTheySay) {
  for (const RuleOptions& options : {RuleOptions{}, RuleOptions{.rule = "joint", .dimension = 3},
                                     RuleOptions{.rule = "joint", .dimension = 3, .gradient = false}}) {
    for (int length : kLengths) {
      for (float x : features_of(options, Tape(3, length, 11))) EXPECT_TRUE(std::isfinite(x));
    }
  }
}

}  // namespace
}  // namespace scout
