#include "scout/bench/tables/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace scout::bench {
namespace {

TEST(Statistics, Quantiles) {
  const std::vector<double> x{4, 1, 3, 2};
  EXPECT_DOUBLE_EQ(median(x), 2.5);
  EXPECT_DOUBLE_EQ(quantile(x, 0), 1);
  EXPECT_DOUBLE_EQ(quantile(x, 1), 4);
  EXPECT_DOUBLE_EQ(quantile(x, 0.25), 1.75);
}

TEST(Statistics, InfiniteValuesSortLast) {
  EXPECT_DOUBLE_EQ(median(std::vector<double>{1, INFINITY, 2}), 2);
  EXPECT_EQ(median(std::vector<double>{1, INFINITY, INFINITY}), INFINITY);
  EXPECT_EQ(median(std::vector<double>{INFINITY, INFINITY}), INFINITY);
  EXPECT_EQ(median(std::vector<double>{1, INFINITY}), INFINITY);
}

TEST(Statistics, InterquartileMean) {
  // Eight values: the middle four. Six: the quarters cut through the second and the fifth, which count half.
  EXPECT_DOUBLE_EQ(interquartile_mean(std::vector<double>{100, 1, 2, 3, 4, 5, 6, -50}), (2 + 3 + 4 + 5) / 4.0);
  EXPECT_DOUBLE_EQ(interquartile_mean(std::vector<double>{0, 1, 2, 4, 8, 100}), (0.5 * 1 + 2 + 4 + 0.5 * 8) / 3.0);
  EXPECT_DOUBLE_EQ(interquartile_mean(std::vector<double>{7}), 7);
  EXPECT_DOUBLE_EQ(interquartile_mean(std::vector<double>{1, 2, 3, INFINITY}), 2.5);
}

TEST(Statistics, RelativeGap) {
  EXPECT_DOUBLE_EQ(relative_gap(1, 4), 0.25);
  EXPECT_DOUBLE_EQ(relative_gap(-1e-16, 4), 0);
  EXPECT_DOUBLE_EQ(relative_gap(0, 0), 0);
  EXPECT_EQ(relative_gap(1, 0), INFINITY);
}

TEST(Statistics, BootstrapOfIdenticalInstancesHasNoWidth) {
  const std::vector<Stratum> strata{{{1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}}};
  const auto interval = bootstrap(strata, interquartile_mean);
  EXPECT_DOUBLE_EQ(interval.estimate, 2.5);
  EXPECT_DOUBLE_EQ(interval.low, 2.5);
  EXPECT_DOUBLE_EQ(interval.high, 2.5);
}

TEST(Statistics, BootstrapStaysWithinStrata) {
  // One instance a stratum: nothing to resample, however far the strata are apart.
  const std::vector<Stratum> strata{{{0.0}}, {{10.0}}};
  const auto interval = bootstrap(strata, median);
  EXPECT_DOUBLE_EQ(interval.low, 5);
  EXPECT_DOUBLE_EQ(interval.high, 5);
}

TEST(Statistics, BootstrapCoversTheMeanAsItShould) {
  // Means of 40 standard normals: the interval is about ±1.96/√40 wide, and holds 0 in about 95 of 100 experiments.
  const auto mean = [](std::span<const double> x) {
    double sum = 0;
    for (double value : x) sum += value;
    return sum / static_cast<double>(x.size());
  };
  int covered = 0;
  double width = 0;
  for (int experiment = 0; experiment < 100; ++experiment) {
    Random random(Seed(5).derive(experiment));
    Stratum stratum;
    for (int i = 0; i < 40; ++i) stratum.push_back({random.normal()});
    const auto interval = bootstrap({&stratum, 1}, mean, 400);
    covered += interval.low <= 0 && 0 <= interval.high;
    width += (interval.high - interval.low) / 100;
  }
  EXPECT_GE(covered, 88);
  EXPECT_LE(covered, 99);
  EXPECT_NEAR(width, 2 * 1.96 / std::sqrt(40.0), 0.06);
}

TEST(Statistics, BootstrapIsDeterministic) {
  const std::vector<Stratum> strata{{{1, 5}, {2, 9}, {3, 4}, {8, 8}}};
  const auto a = bootstrap(strata, median);
  const auto b = bootstrap(strata, median);
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
  EXPECT_LT(a.low, a.high);
}

TEST(Statistics, BootstrapKeepsTheSeedsOfAnInstanceTogether) {
  // Two instances with equal seeds each: a resample has mean 0, 1 or 2, never anything between.
  const Stratum stratum{{0, 0, 0, 0}, {2, 2, 2, 2}};
  std::vector<double> seen;
  bootstrap({&stratum, 1}, [&](std::span<const double> x) {
    double sum = 0;
    for (double value : x) sum += value / static_cast<double>(x.size());
    seen.push_back(sum);
    return sum;
  });
  for (double mean : seen) EXPECT_TRUE(mean == 0 || mean == 1 || mean == 2) << mean;
}

TEST(Statistics, SuccessRateAndProfile) {
  const std::vector<double> x{0.1, 0.01, 1, INFINITY};
  EXPECT_DOUBLE_EQ(success_rate(x, 0.1), 0.5);
  EXPECT_DOUBLE_EQ(success_rate(x, 1e-9), 0);
  EXPECT_EQ(performance_profile(x, std::vector<double>{1e-3, 0.05, 0.5, 1}), (std::vector<double>{0, 0.25, 0.5, 0.75}));
}

TEST(Statistics, ExpectedRunningTime) {
  // 10 and 30 calls to the target, and a failure that cost 100: (10 + 30 + 100) / 2.
  EXPECT_DOUBLE_EQ(expected_running_time(std::vector<TargetCost>{{10, 200}, {30, 200}, {INFINITY, 100}}), 70);
  EXPECT_EQ(expected_running_time(std::vector<TargetCost>{{INFINITY, 100}}), INFINITY);
}

TEST(Statistics, DataProfile) {
  const std::vector<TargetCost> runs{{10, 200}, {30, 200}, {INFINITY, 100}, {200, 200}};
  EXPECT_EQ(data_profile(runs, std::vector<double>{1, 10, 50, 1000}), (std::vector<double>{0, 0.25, 0.5, 0.75}));
}

TEST(Statistics, LogSpace) {
  const auto x = log_space(1, 100, 3);
  EXPECT_DOUBLE_EQ(x[0], 1);
  EXPECT_NEAR(x[1], 10, 1e-12);
  EXPECT_EQ(x[2], 100);
}

TEST(Statistics, MeansHaveStudentsIntervals) {
  const std::vector<double> values{1, 2, 3, 4, 5};
  const Interval interval = mean_interval(values);
  EXPECT_DOUBLE_EQ(interval.estimate, 3);
  EXPECT_NEAR(interval.high - 3, 2.776 * std::sqrt(2.5 / 5), 1e-9);
  EXPECT_NEAR(3 - interval.low, 2.776 * std::sqrt(2.5 / 5), 1e-9);
  const std::vector<double> same(40, 2.0);
  EXPECT_EQ(mean_interval(same).low, 2);
}

}  // namespace
}  // namespace scout::bench
