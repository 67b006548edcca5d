// Pure functions over tables of results. Nothing here reads a file, a clock or a generator that it did not seed.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "scout/base/random.h"

namespace scout::bench {

/// The q-quantile, q in [0, 1], by linear interpolation between order statistics (Hyndman & Fan 1996, type 7). Infinite
/// values sort last; between a finite and an infinite value the quantile is infinite. Needs at least one value, none NaN.
double quantile(std::span<const double> values, double q);
double median(std::span<const double> values);

/// Interquartile mean: the mean of the middle half, the values at its edges counted in part (Agarwal et al. 2021, eq. 2).
double interquartile_mean(std::span<const double> values);

/// (f - f*) / (f(start) - f*), not below 0. A start at the optimum counts as solved if the gap is 0 and as infinitely bad
/// otherwise.
double relative_gap(double gap, double start_gap);

struct Interval {
  double estimate;
  double low;
  double high;
};

/// The mean of `values` with its 95 % interval by Student's t. Needs at least two values.
Interval mean_interval(std::span<const double> values);

/// Results of one stratum (a problem): one row an instance, which holds the results of its seeds.
using Stratum = std::vector<std::vector<double>>;

/// `statistic` of all values pooled, with a 95 % percentile interval by stratified bootstrap (Agarwal et al. 2021): in each
/// stratum, as many instances as it has are drawn with replacement, each with all its seeds. (The runs on one instance are
/// not independent; drawing them one by one would make the intervals too narrow.)
Interval bootstrap(std::span<const Stratum> strata, const std::function<double(std::span<const double>)>& statistic,
                   int resamples = 1000, Seed seed = Seed(0));

/// The share of values that are at most `target`.
double success_rate(std::span<const double> values, double target);

/// The performance profile: success_rate at each of `thresholds` (score distribution, Agarwal et al. 2021, §4.2).
std::vector<double> performance_profile(std::span<const double> values, std::span<const double> thresholds);

/// What one run paid until it reached a target: infinity if it did not; and what it paid in all.
struct TargetCost {
  double to_target;
  double in_all;
};

/// Expected running time (Hansen et al. 2021, COCO): the cost of all runs up to the target, failed runs whole, divided by
/// the number of successes; infinity if there is none.
double expected_running_time(std::span<const TargetCost> runs);

/// The share of runs that reached the target within each of `costs` (data profile, Moré & Wild 2009; one target a run).
std::vector<double> data_profile(std::span<const TargetCost> runs, std::span<const double> costs);

/// `count` >= 2 points from `low` to `high`, evenly spaced in the logarithm.
std::vector<double> log_space(double low, double high, int count);

}  // namespace scout::bench
