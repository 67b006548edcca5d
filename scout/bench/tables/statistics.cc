#include "scout/bench/tables/statistics.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

namespace scout::bench {
namespace {

std::vector<double> sorted(std::span<const double> values) {
  std::vector<double> out(values.begin(), values.end());
  std::ranges::sort(out);
  return out;
}

/// The .975-quantile of Student's t, by degrees of freedom from 1; beyond them the normal distribution's is near enough.
constexpr double kStudent[]{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                            2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                            2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
constexpr double kNormal = 1.960;

}  // namespace

Interval mean_interval(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double square = 0;
  for (const double x : values) square += (x - mean) * (x - mean);
  const std::size_t freedom = values.size() - 1;
  const double t = freedom <= std::size(kStudent) ? kStudent[freedom - 1] : kNormal;
  const double half = t * std::sqrt(square / (n - 1) / n);
  return {mean, mean - half, mean + half};
}

double quantile(std::span<const double> values, double q) {
  const auto x = sorted(values);
  const double position = q * static_cast<double>(x.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const double weight = position - static_cast<double>(below);
  if (weight == 0.0 || x[below] == x[below + 1]) return x[below];  // also keeps 0 * infinity and infinity - infinity out
  return x[below] + weight * (x[below + 1] - x[below]);
}

double median(std::span<const double> values) { return quantile(values, 0.5); }

double interquartile_mean(std::span<const double> values) {
  const auto x = sorted(values);
  const double n = static_cast<double>(x.size());
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    // Value i covers [i, i + 1]; the middle half is [n/4, 3n/4].
    const double rank = static_cast<double>(i);
    const double weight = std::min(rank + 1, 0.75 * n) - std::max(rank, 0.25 * n);
    if (weight > 0) sum += weight * x[i];
  }
  return sum / (0.5 * n);
}

double relative_gap(double gap, double start_gap) {
  if (gap <= 0) return 0;
  return start_gap > 0 ? gap / start_gap : INFINITY;
}

Interval bootstrap(std::span<const Stratum> strata, const std::function<double(std::span<const double>)>& statistic,
                   int resamples, Seed seed) {
  std::vector<double> pool;
  for (const auto& stratum : strata) {
    for (const auto& row : stratum) pool.insert(pool.end(), row.begin(), row.end());
  }
  Interval out{statistic(pool), 0, 0};
  std::vector<double> estimates;
  for (int b = 0; b < resamples; ++b) {
    Random random(seed.derive("bootstrap").derive(b));
    pool.clear();
    for (const auto& stratum : strata) {
      for (std::size_t i = 0; i < stratum.size(); ++i) {
        const auto& row = stratum[random.index(stratum.size())];
        pool.insert(pool.end(), row.begin(), row.end());
      }
    }
    estimates.push_back(statistic(pool));
  }
  out.low = quantile(estimates, 0.025);
  out.high = quantile(estimates, 0.975);
  return out;
}

double success_rate(std::span<const double> values, double target) {
  const auto hits = std::ranges::count_if(values, [&](double x) { return x <= target; });
  return static_cast<double>(hits) / static_cast<double>(values.size());
}

std::vector<double> performance_profile(std::span<const double> values, std::span<const double> thresholds) {
  std::vector<double> out;
  for (double threshold : thresholds) out.push_back(success_rate(values, threshold));
  return out;
}

double expected_running_time(std::span<const TargetCost> runs) {
  double cost = 0;
  int successes = 0;
  for (const auto& run : runs) {
    const bool success = std::isfinite(run.to_target);
    cost += success ? run.to_target : run.in_all;
    successes += success;
  }
  return successes > 0 ? cost / successes : INFINITY;
}

std::vector<double> data_profile(std::span<const TargetCost> runs, std::span<const double> costs) {
  std::vector<double> to_target;
  for (const auto& run : runs) to_target.push_back(run.to_target);
  return performance_profile(to_target, costs);
}

std::vector<double> log_space(double low, double high, int count) {
  std::vector<double> out;
  for (int i = 0; i < count; ++i) out.push_back(low * std::pow(high / low, static_cast<double>(i) / (count - 1)));
  out.back() = high;
  return out;
}

}  // namespace scout::bench
