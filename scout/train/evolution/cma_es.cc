#include "scout/train/evolution/cma_es.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

namespace scout {
namespace {

/// A spread of log gaps that says nothing.
constexpr double kNoSpread = 0.05;

std::vector<std::size_t> sorted_by(const std::vector<double>& key) {
  std::vector<std::size_t> order(key.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t k) { return key[k]; });
  return order;
}

}  // namespace

SeparableCmaEs::SeparableCmaEs(std::vector<double> mean, double deviation, int population, double mean_rate)
    : mean_(std::move(mean)),
      variance_(mean_.size(), 1.0),
      path_(mean_.size(), 0.0),
      step_path_(mean_.size(), 0.0),
      sigma_(deviation),
      population_(population),
      mean_rate_(mean_rate) {
  if (population < 4) throw std::invalid_argument("SeparableCmaEs: population must be at least 4");
  double sum = 0;
  for (int i = 0; i < population / 2; ++i) {
    weights_.push_back(std::log(population / 2 + 0.5) - std::log(i + 1.0));
    sum += weights_.back();
  }
  double squares = 0;
  for (double& w : weights_) {
    w /= sum;
    squares += w * w;
  }
  effective_ = 1.0 / squares;
}

const std::vector<SeparableCmaEs::Sample>& SeparableCmaEs::ask(Random& random) {
  const std::vector<double> numbers(mean_.size());
  samples_.assign(static_cast<std::size_t>(population_), {numbers, numbers});
  for (Sample& sample : samples_) {
    for (std::size_t i = 0; i < mean_.size(); ++i) {
      sample.direction[i] = random.normal();
      sample.point[i] = mean_[i] + sigma_ * std::sqrt(variance_[i]) * sample.direction[i];
    }
  }
  return samples_;
}

void SeparableCmaEs::replace(std::vector<std::vector<double>> directions) {
  samples_.clear();
  for (std::vector<double>& direction : directions) samples_.push_back({std::move(direction), {}});
}

void SeparableCmaEs::tell(std::span<const std::size_t> order) {
  // Hansen, "The CMA evolution strategy: a tutorial" (2016), table 1; the learning rates of C are (n + 2)/3 times larger, as
  // in Ros & Hansen.
  const auto n = static_cast<double>(mean_.size());
  const double mu = effective_;
  const double c_sigma = (mu + 2) / (n + mu + 5);
  const double damping = 1 + 2 * std::max(0.0, std::sqrt((mu - 1) / (n + 1)) - 1) + c_sigma;
  const double c_path = (4 + mu / n) / (n + 4 + 2 * mu / n);
  const double faster = (n + 2) / 3;
  const double c_one = std::min(0.5, faster * 2 / ((n + 1.3) * (n + 1.3) + mu));
  const double c_mu = std::min(1 - c_one, faster * 2 * (mu - 2 + 1 / mu) / ((n + 2) * (n + 2) + mu));
  const double expected_norm = std::sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));

  double norm = 0;
  for (std::size_t i = 0; i < mean_.size(); ++i) {
    double z = 0;
    double z_square = 0;
    for (std::size_t k = 0; k < weights_.size(); ++k) {
      const double d = samples_[order[k]].direction[i];
      z += weights_[k] * d;
      z_square += weights_[k] * d * d;
    }
    const double root = std::sqrt(variance_[i]);
    mean_[i] += mean_rate_ * sigma_ * root * z;
    step_path_[i] = (1 - c_sigma) * step_path_[i] + std::sqrt(c_sigma * (2 - c_sigma) * mu) * z;
    norm += step_path_[i] * step_path_[i];
    path_[i] = (1 - c_path) * path_[i] + std::sqrt(c_path * (2 - c_path) * mu) * root * z;
    variance_[i] = (1 - c_one - c_mu + c_mu * z_square) * variance_[i] + c_one * path_[i] * path_[i];
  }
  sigma_ *= std::exp(c_sigma / damping * (std::sqrt(norm) / expected_norm - 1));
}

std::vector<std::size_t> selection_order(const std::vector<std::span<const double>>& scores, std::string_view rule) {
  const std::size_t count = scores.size();
  std::vector<double> merit(count, 0.0);
  std::vector<double> score(count);
  for (std::size_t p = 0; count > 0 && p < scores.front().size(); ++p) {
    for (std::size_t c = 0; c < count; ++c) score[c] = scores[c][p];
    const std::vector<std::size_t> order = sorted_by(score);
    const double median = score[order[count / 2]];
    double spread = kNoSpread;
    for (const double s : score) spread += std::fabs(s - median) / static_cast<double>(count);
    for (std::size_t r = 0; r < count; ++r) {
      const std::size_t c = order[r];
      merit[c] += rule == "mean" ? score[c] : rule == "ranks" ? static_cast<double>(r) : (score[c] - median) / spread;
    }
  }
  return sorted_by(merit);
}

}  // namespace scout
