#include "scout/policy/weight/guard.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "scout/base/random.h"

namespace scout {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Of gradients that are noise; with losses or without.
GuardInput input(std::optional<double> loss = {}) {
  GuardInput out;
  out.loss = loss;
  out.size = 100;
  out.theta_square = out.ordinary_square = 1;
  out.gradient_square = 1;
  out.momentum_square = 0.05;
  return out;
}

/// Observes `steps` losses of a function of the step, the last of which is returned.
Guard::Action feed(Guard& guard, int steps, const std::function<double(int)>& loss) {
  Guard::Action action;
  for (int t = 0; t < steps; ++t) action = guard.observe(input(loss(t)));
  return action;
}
double flat(int) { return 1.0; }

/// Steps until earlier weights are tried, at most 1000.
int steps_to_alarm(Guard& guard, const std::function<double(int)>& loss) {
  for (int t = 0; t < 1000; ++t) {
    const Guard::Action action = guard.observe(input(loss(t)));
    if (action.restore || action.exchange) return t + 1;
  }
  return 1001;
}

/// What the guard does once it has seen enough of the loss at earlier weights.
Guard::Action verdict(Guard& guard, double loss) {
  Guard::Action action;
  do {
    action = guard.observe(input(loss));
  } while (action.wait && !action.exchange);
  return action;
}

TEST(Guard, LetsHealthyTrainingsBe) {
  for (int seed = 0; seed < 20; ++seed) {
    for (const std::int64_t horizon : {0, 1000, 10'000}) {
      Random random{Seed(static_cast<std::uint64_t>(seed))};
      Guard guard(horizon);
      double drift = 0;  // noise that is correlated from batch to batch
      for (int t = 0; t < 6000; ++t) {
        const double floor = t > 3000 ? 0.1 : 0.3;                                 // a lower learning rate
        const double restart = t > 4500 ? 0.3 * std::exp(-(t - 4500) / 300.) : 0;  // and a higher one
        const double mean = floor + restart + 2 * std::exp(-t / 400.0);
        drift = 0.95 * drift + 0.1 * random.normal();
        double loss = mean * std::exp(0.3 * random.normal() + drift);
        if (random.uniform() < 0.03) loss *= 10;
        if (random.uniform() < 0.001) loss = kNaN;
        GuardInput in = input(loss);
        if (t > 2000 && random.uniform() < 0.002) in.non_finite = in.size;
        const Guard::Action action = guard.observe(in);
        ASSERT_FALSE(action.restore || action.fallback)
            << "seed " << seed << ", horizon " << horizon << ", step " << t << ": " << to_string(guard.report());
      }
    }
  }
}

TEST(Guard, LetsHealthyTrainingsWithoutLossesBe) {
  for (int seed = 0; seed < 20; ++seed) {
    Random random{Seed(static_cast<std::uint64_t>(seed))};
    Guard guard;
    for (int t = 0; t < 3000; ++t) {
      GuardInput in = input();
      in.theta_square = 0.01 + 4 * t / 3000.0;  // from a start that is far too small
      in.gradient_square = std::exp(-t / 500.0 + random.normal());
      if (random.uniform() < 0.05) in.gradient_square *= 1e8;
      const Guard::Action action = guard.observe(in);
      ASSERT_FALSE(action.restore || action.fallback) << "seed " << seed << ", step " << t;
    }
  }
}

TEST(Guard, GoesBackWhenLossesAreNotFinite) {
  Guard guard;
  EXPECT_TRUE(guard.observe(input(1)).hold) << "the start is held";
  feed(guard, 99, flat);
  feed(guard, 2, [](int) { return kNaN; });
  EXPECT_EQ(guard.report().interventions(), 0);
  EXPECT_TRUE(guard.observe(input(kNaN)).restore);
  EXPECT_EQ(guard.report().non_finite, 1);
  EXPECT_EQ(steps_to_alarm(guard, [](int) { return kNaN; }), 1001) << "restoring does not help";
  EXPECT_TRUE(guard.observe(input(1)).fallback == false);
}

TEST(Guard, GoesBackWhenMostGradientsAreNotFinite) {
  Guard guard;
  GuardInput in = input();
  in.non_finite = in.size / 2;
  for (int t = 0; t < 100; ++t) EXPECT_FALSE(guard.observe(in).restore) << "the others are good";
  in.non_finite = in.size;
  EXPECT_FALSE(guard.observe(in).restore);
  EXPECT_FALSE(guard.observe(in).restore);
  EXPECT_TRUE(guard.observe(in).restore);
}

TEST(Guard, GoesBackWhenTheLossRisesAndEarlierWeightsAreBetter) {
  // 2 -> 1; then to the level of the start, beyond measure, slowly.
  const auto after_descent = [](const std::function<double(int)>& loss) {
    Guard guard;
    feed(guard, 200, [](int t) { return 1 + std::exp(-t / 20.0); });
    const int steps = steps_to_alarm(guard, loss);
    if (steps > 1000) return steps;
    const Guard::Action action = verdict(guard, 1.05);
    EXPECT_TRUE(action.clear && action.hold && action.fallback && !action.exchange);
    EXPECT_EQ(guard.report().loss_rose, 1);
    EXPECT_EQ(guard.report().restored, 1);
    return steps;
  };
  EXPECT_EQ(after_descent([](int) { return 2.0; }), 20);
  EXPECT_EQ(after_descent([](int) { return 1e9; }), 5);
  EXPECT_LT(after_descent([](int t) { return 1 + t / 100.0; }), 130);
  EXPECT_EQ(after_descent([](int) { return 1.2; }), 1001);
}

TEST(Guard, LetsALossRiseThatEarlierWeightsDoNotUndo) {
  for (const double level : {2.0, 30.0, 1e9}) {
    Guard guard;
    feed(guard, 200, [](int t) { return 1 + std::exp(-t / 20.0); });
    steps_to_alarm(guard, [&](int) { return level; });
    const Guard::Action action = verdict(guard, 1.01 * level);
    EXPECT_TRUE(action.exchange && action.wait && !action.clear && !action.fallback) << level;
    EXPECT_TRUE(guard.observe(input(level)).hold) << "the record begins anew";
    EXPECT_EQ(steps_to_alarm(guard, [&](int t) { return level * (0.5 + std::exp(-t / 100.0) / 2); }), 1001);
    EXPECT_EQ(to_string(guard.report()), "no intervention; 1 rise that earlier weights did not undo");
  }
}

TEST(Guard, ALossThatDriftsRaisesFewAlarms) {
  Random random(Seed(1));
  Guard guard;
  int waits = 0;
  for (int t = 0; t < 5000; ++t) {
    const Guard::Action action = guard.observe(input(-5 + 0.01 * t + 0.1 * random.normal()));
    ASSERT_FALSE(action.fallback || action.clear || action.restore) << t << to_string(guard.report());
    waits += action.wait ? 1 : 0;
  }
  EXPECT_LT(waits, 75);
}

TEST(Guard, StillSeesADivergenceAfterARiseWithReason) {
  Guard guard;
  feed(guard, 200, flat);
  steps_to_alarm(guard, [](int) { return 30.0; });
  verdict(guard, 30);
  feed(guard, 200, [](int) { return 20.0; });
  EXPECT_LT(steps_to_alarm(guard, [](int t) { return 20 * std::exp(t / 20.0); }), 100);
  EXPECT_TRUE(verdict(guard, 20).fallback);
}

TEST(Guard, PassesOverBadDataThatGoOn) {
  Guard guard;
  feed(guard, 100, flat);
  EXPECT_TRUE(feed(guard, 5, [](int) { return 1e20; }).exchange);
  for (int t = 0; t < 8; ++t) {
    const Guard::Action action = guard.observe(input(1e20));
    EXPECT_TRUE(action.wait && !action.exchange);
  }
  EXPECT_TRUE(verdict(guard, 1).clear);
  for (int t = 1; t < 50; ++t) EXPECT_TRUE(guard.observe(input(1)).fallback);
  EXPECT_FALSE(guard.observe(input(1)).fallback);
  EXPECT_EQ(guard.report().restored, 1);
}

TEST(Guard, WeightsThatSomethingElseWroteBeginAStage) {
  const auto written = [](double loss) {
    GuardInput in = input(loss);
    in.written = true;
    return in;
  };
  Guard guard;
  feed(guard, 200, flat);
  EXPECT_TRUE(guard.observe(written(500)).hold);
  EXPECT_EQ(steps_to_alarm(guard, [](int) { return 500.0; }), 1001);
  EXPECT_EQ(to_string(guard.report()), "no intervention; 1 time something else changed the weights");
  // While earlier weights are tried, too.
  Guard trying;
  feed(trying, 200, flat);
  steps_to_alarm(trying, [](int) { return 500.0; });
  const Guard::Action action = trying.observe(written(1));
  EXPECT_TRUE(action.hold && !action.wait && !action.clear && !action.fallback);
  // At every step it is part of the training. There is nothing to go back to.
  Guard clipped;
  for (int t = 0; t < 200; ++t) EXPECT_TRUE(clipped.observe(written(1)).hold);
  Guard::Action last;
  for (int t = 0; t < 20; ++t) last = clipped.observe(written(500));
  EXPECT_FALSE(last.fallback || last.wait || last.restore || last.exchange);
  EXPECT_EQ(clipped.report().rises, 1);
  EXPECT_EQ(clipped.report().interventions(), 0);
}

TEST(Guard, HoldsNoWeightsThatAreWorse) {
  Guard guard;
  feed(guard, 200, flat);
  for (int t = 0; t < 1000; ++t) {
    const double loss = 1 + t / 100.0;
    const Guard::Action action = guard.observe(input(loss));
    if (action.exchange) break;
    EXPECT_FALSE(action.hold && loss > 1.3) << loss;
  }
  EXPECT_TRUE(verdict(guard, 1).clear);
}

TEST(Guard, GoesBackWithoutLossesWhenWeightsOrGradientsGrow) {
  Guard weights;
  int t = 0;
  for (GuardInput in = input(); !weights.observe(in).restore && t < 100; ++t) in.theta_square *= 4;
  EXPECT_LT(t, 20);
  Guard gradients;
  GuardInput in = input();
  for (t = 0; t < 200; ++t) gradients.observe(in);
  in.gradient_square = 1e8;
  for (t = 0; t < 100; ++t) EXPECT_FALSE(gradients.observe(in).restore) << "weights are as before";
  Guard both;
  in = input();
  for (t = 0; t < 200; ++t) both.observe(in);
  in.gradient_square = 1e8;
  in.theta_square = 9;
  for (t = 0; !both.observe(in).restore && t < 100;) ++t;
  EXPECT_EQ(t, 19);
  EXPECT_EQ(both.report().weights_grew, 1);
}

TEST(Guard, WithoutLossesWeightsMayGrowDownhill) {
  Guard guard;
  GuardInput in = input();
  for (int t = 0; t < 3000; ++t) {
    in.theta_square = std::exp(t / 100.0);
    in.gradient_square = in.theta_square * in.theta_square;
    in.slope = guard.asks_slope() ? -1 : 0;
    const Guard::Action action = guard.observe(in);
    ASSERT_FALSE(action.restore || action.clear || action.fallback) << t;
  }
  EXPECT_GT(guard.report().rises, 0);
}

/// Lets the guard go back, and returns how many steps it leaves to the fallback.
int fallback_after_divergence(Guard& guard) {
  steps_to_alarm(guard, [](int) { return 1e9; });
  int steps = verdict(guard, 1).fallback ? 1 : 0;
  while (guard.observe(input(1)).fallback) ++steps;
  return steps;
}

TEST(Guard, RelapsesMakeTheFallbackActLonger) {
  Guard guard;
  feed(guard, 100, flat);
  for (const int expected : {50, 100, 200, 400, 800, 1600, 3200, 3200}) {
    EXPECT_EQ(fallback_after_divergence(guard), expected);
  }
  feed(guard, 40'000, [](int t) { return std::exp(-t / 1000.0); });
  EXPECT_EQ(fallback_after_divergence(guard), 1600) << "after a good stretch of ten times 3200 steps";
}

TEST(Guard, AFallbackThatDivergesTakesSmallerSteps) {
  Guard guard;
  feed(guard, 100, flat);
  double rate = 1;
  for (int k = 0; k < 4; ++k) {
    steps_to_alarm(guard, [](int) { return 1e9; });
    const Guard::Action action = verdict(guard, 1);
    EXPECT_TRUE(action.fallback);
    EXPECT_EQ(action.rate, rate);
    rate /= 2;
    feed(guard, 20, flat);
  }
}

TEST(Guard, StaysWithTheFallbackNearTheEnd) {
  Guard guard(1000);
  feed(guard, 850, [](int t) { return 2 - t / 1000.0; });
  steps_to_alarm(guard, [](int) { return 1e9; });
  EXPECT_TRUE(verdict(guard, 1).fallback);
  EXPECT_TRUE(feed(guard, 135, flat).fallback);
  EXPECT_FALSE(feed(guard, 20, flat).fallback) << "after it, nothing is known";
}

TEST(Guard, AStallIsATrialOfTheFallback) {
  const auto persistent = [](double loss) {
    GuardInput in = input(loss);
    in.momentum_square = 0.5;
    return in;
  };
  const auto trial = [&](bool improves) {
    Guard guard;
    double loss = 2;
    int t = 0;
    for (; t < 200; ++t) guard.observe(persistent(loss -= 0.005));
    Guard::Action action;
    for (; t < 2000 && !action.fallback; ++t) action = guard.observe(persistent(loss));
    EXPECT_GT(t, 650);
    EXPECT_TRUE(action.hold);
    for (int k = 0; k < 99; ++k) EXPECT_TRUE(guard.observe(persistent(loss -= improves ? 0.002 : 0)).fallback);
    action = guard.observe(persistent(loss));
    EXPECT_FALSE(action.restore || action.exchange) << "no worse than before";
    EXPECT_EQ(action.fallback, improves);
    EXPECT_EQ(guard.report().stalled, 1);
    EXPECT_EQ(guard.report().stalls_ended, improves ? 1 : 0);
    int again = 0;
    while (!guard.observe(persistent(loss)).fallback == !improves && again < 5000) ++again;
    return again;
  };
  EXPECT_EQ(trial(true), 200 - 1) << "then the learned rule comes back";
  EXPECT_NEAR(trial(false), 1000, 60) << "the next stall has to last twice as long";
}

TEST(Guard, APlateauAtAMinimumIsNoStall) {
  Guard guard;
  feed(guard, 300, [](int t) { return 1 + std::exp(-t / 20.0); });
  EXPECT_FALSE(feed(guard, 20'000, flat).fallback);
  Guard nothing_gained;
  feed(nothing_gained, 1100, flat);
  EXPECT_EQ(nothing_gained.report().stalled, 1);
}

TEST(Guard, GoesOnFromARecord) {
  Random random(Seed(1));
  const auto loss = [&](int t) { return t % 700 > 690 ? 1e9 : 1 + 0.1 * random.normal(); };
  Guard whole(5000);
  for (int t = 0; t < 1000; ++t) whole.observe(input(loss(t)));
  Guard resumed(5000);
  resumed.resume(whole.record());
  for (int t = 1000; t < 3000; ++t) {
    const GuardInput in = input(loss(t));
    const Guard::Action a = whole.observe(in), b = resumed.observe(in);
    ASSERT_TRUE(a.restore == b.restore && a.exchange == b.exchange && a.wait == b.wait && a.hold == b.hold) << t;
    ASSERT_TRUE(a.fallback == b.fallback && a.rate == b.rate) << t;
  }
  EXPECT_EQ(to_string(whole.report()), to_string(resumed.report()));
  EXPECT_GT(whole.report().interventions(), 1);
}

TEST(Guard, ReportsInWords) {
  GuardReport report;
  EXPECT_EQ(to_string(report), "no intervention");
  report.loss_rose = 1;
  report.stalled = 2;
  report.stalls_ended = 1;
  report.restored = 2;
  report.fallback_steps = 150;
  EXPECT_EQ(
      to_string(report),
      "3 interventions (1 loss rose, 2 stalled, 1 ended by the fallback), 2 times restored, 150 steps by the fallback");
}

TEST(Guard, SaysWhatItCannotMend) {
  Guard guard;
  feed(guard, 100, [](int t) { return t == 50 ? kNaN : 1; });
  const std::string unknown = to_string(guard.report());
  EXPECT_NE(unknown.find("1 step was not finite: buffers"), std::string::npos) << unknown;
  guard.report().buffers = 2;
  EXPECT_EQ(to_string(guard.report()), "no intervention");
  guard.report().buffers_broken = 1;
  EXPECT_EQ(to_string(guard.report()), "no intervention; 1 buffer is not finite and there is none to bring back");
}

TEST(Guard, SaysWhatItPassedOver) {
  Guard guard;
  for (int t = 0; t < 100; ++t) {
    GuardInput in = input(1.0);
    if (t % 50 == 7) in.non_finite = 3;
    guard.observe(in);
  }
  EXPECT_EQ(to_string(guard.report()), "no intervention; 6 gradients of single weights were not finite and counted as 0");
}

}  // namespace
}  // namespace scout
