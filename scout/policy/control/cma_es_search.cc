#include "scout/policy/control/cma_es_search.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace scout {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLeastEigenvalue = 1e-30;
constexpr double kWorstCondition = 1e14;
constexpr double kLeastDeviation = 1e-13;
/// Values that differ by less than this share of their size are the same.
constexpr double kRounding = 1e-14;

}  // namespace

int CmaEsSearch::usual_population(std::size_t dimension) {
  return 4 + static_cast<int>(3 * std::log(static_cast<double>(dimension)));
}

void CmaEsSearch::start(std::span<const double> mean, double deviation, int population, Random random) {
  dimension_ = mean.size();
  full_ = dimension_ <= kFullMemory;
  random_ = random;
  population_ = std::max(population, 4);
  parents_ = population_ / 2;
  generation_ = decomposed_ = last_gain_ = member_ = 0;
  sigma_ = deviation;
  best_ = kInfinity;
  range_ = 0;
  recent_.clear();
  over_ = false;
  const auto n = static_cast<double>(dimension_);

  weights_.clear();
  double sum = 0, squares = 0, negative = 0, negative_squares = 0;
  for (int i = 0; i < population_; ++i) {
    const double w = std::log((population_ + 1) / 2.0) - std::log(i + 1.0);
    weights_.push_back(w);
    (i < parents_ ? sum : negative) += w;
    (i < parents_ ? squares : negative_squares) += w * w;
  }
  effective_ = sum * sum / squares;
  const double negative_effective = negative_squares > 0 ? negative * negative / negative_squares : 0;
  c_sigma_ = (effective_ + 2) / (n + effective_ + 5);
  damping_ = 1 + 2 * std::max(0.0, std::sqrt((effective_ - 1) / (n + 1)) - 1) + c_sigma_;
  c_path_ = (4 + effective_ / n) / (n + 4 + 2 * effective_ / n);
  const double faster = full_ ? 1 : (n + 2) / 3;
  c_one_ = std::min(0.5, faster * 2 / ((n + 1.3) * (n + 1.3) + effective_));
  c_mu_ = std::min(1 - c_one_, faster * 2 * (effective_ - 2 + 1 / effective_) / ((n + 2) * (n + 2) + effective_));
  const double alpha =
      std::min({1 + c_one_ / c_mu_, 1 + 2 * negative_effective / (effective_ + 2), (1 - c_one_ - c_mu_) / (n * c_mu_)});
  for (int i = 0; i < population_; ++i) {
    double& w = weights_[static_cast<std::size_t>(i)];
    w = i < parents_ ? w / sum : (negative < 0 && full_ ? alpha * w / -negative : 0.0);
  }
  expected_norm_ = std::sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));

  mean_.assign(mean.begin(), mean.end());
  path_.assign(dimension_, 0.0);
  step_path_ = path_;
  lengths_.assign(dimension_, 1.0);
  covariance_.assign(full_ ? dimension_ * dimension_ : dimension_, full_ ? 0.0 : 1.0);
  axes_.clear();
  if (full_) {
    for (std::size_t i = 0; i < dimension_; ++i) covariance_[i * dimension_ + i] = 1;
    axes_ = covariance_;
  }
  steps_.resize(static_cast<std::size_t>(population_) * dimension_);
  values_.resize(static_cast<std::size_t>(population_));
  penalties_ = values_;
  draw();
}

void CmaEsSearch::transform(std::span<const double> z, std::span<double> y) const {
  if (!full_) {
    for (std::size_t i = 0; i < dimension_; ++i) y[i] = lengths_[i] * z[i];
    return;
  }
  for (std::size_t i = 0; i < dimension_; ++i) {
    y[i] = 0;
    for (std::size_t k = 0; k < dimension_; ++k) y[i] += axes_[k * dimension_ + i] * lengths_[k] * z[k];
  }
}

void CmaEsSearch::whiten(std::span<const double> y, std::span<double> z) const {
  for (std::size_t k = 0; k < dimension_; ++k) {
    if (!full_) {
      z[k] = y[k] / lengths_[k];
      continue;
    }
    z[k] = 0;
    for (std::size_t i = 0; i < dimension_; ++i) z[k] += axes_[k * dimension_ + i] * y[i];
    z[k] /= lengths_[k];
  }
}

void CmaEsSearch::draw() {
  std::vector<double> z(dimension_);
  for (double& x : z) x = random_.normal();
  const std::span y = std::span(steps_).subspan(static_cast<std::size_t>(member_) * dimension_, dimension_);
  transform(z, y);
  point_.resize(dimension_);
  double penalty = 0;
  for (std::size_t i = 0; i < dimension_; ++i) {
    const double x = mean_[i] + sigma_ * y[i];
    point_[i] = std::clamp(x, 0.0, 1.0);
    const double variance = full_ ? covariance_[i * dimension_ + i] : covariance_[i];
    penalty += (x - point_[i]) * (x - point_[i]) / (variance * sigma_ * sigma_);
  }
  penalties_[static_cast<std::size_t>(member_)] = penalty;
}

void CmaEsSearch::tell(const Answer& answer) {
  const double value = std::isnan(answer.value) ? kInfinity : answer.value;
  values_[static_cast<std::size_t>(member_)] = value;
  if (value < best_) {
    if (!(best_ - value <= kRounding * std::abs(value))) last_gain_ = generation_;
    best_ = value;
  }
  if (++member_ == population_) {
    member_ = 0;
    advance();
    over_ = finished();
  }
  if (!over_) draw();
}

void CmaEsSearch::advance() {
  const std::size_t m = dimension_;
  const auto count = static_cast<std::size_t>(population_);
  std::vector<double> sorted = values_;
  std::ranges::sort(sorted);
  // Infinite values rank last, and say nothing of the scale.
  const auto finite = static_cast<std::size_t>(std::ranges::count_if(values_, [](double v) { return std::isfinite(v); }));
  const double quartiles = finite > 3 ? sorted[3 * finite / 4] - sorted[finite / 4] : 0;
  range_ = finite > 0 ? sorted[finite - 1] - sorted[0] : kInfinity;
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {},
                           [&](std::size_t k) { return values_[k] + quartiles * penalties_[k] / static_cast<double>(m); });

  std::vector<double> step(m, 0.0), white(m);
  for (std::size_t r = 0; r < static_cast<std::size_t>(parents_); ++r) {
    for (std::size_t i = 0; i < m; ++i) step[i] += weights_[r] * steps_[order[r] * m + i];
  }
  for (std::size_t i = 0; i < m; ++i) mean_[i] = std::clamp(mean_[i] + sigma_ * step[i], -0.2, 1.2);
  whiten(step, white);
  // p_σ lives in the frame of the axes turned back: B z.
  std::vector<double> turned(m, 0.0);
  if (full_) {
    for (std::size_t k = 0; k < m; ++k) {
      for (std::size_t i = 0; i < m; ++i) turned[i] += axes_[k * m + i] * white[k];
    }
  } else {
    turned = white;
  }
  double norm = 0;
  for (std::size_t i = 0; i < m; ++i) {
    step_path_[i] = (1 - c_sigma_) * step_path_[i] + std::sqrt(c_sigma_ * (2 - c_sigma_) * effective_) * turned[i];
    norm += step_path_[i] * step_path_[i];
  }
  norm = std::sqrt(norm);
  ++generation_;
  const double bound = (1.4 + 2.0 / (static_cast<double>(m) + 1)) * expected_norm_;
  const bool moderate = norm / std::sqrt(1 - std::pow(1 - c_sigma_, 2.0 * generation_)) < bound;
  for (std::size_t i = 0; i < m; ++i) {
    path_[i] = (1 - c_path_) * path_[i] + (moderate ? std::sqrt(c_path_ * (2 - c_path_) * effective_) : 0.0) * step[i];
  }

  double weight_sum = 0;
  std::vector<double> used(count);
  for (std::size_t r = 0; r < count; ++r) {
    weight_sum += weights_[r];
    used[r] = weights_[r];
    if (weights_[r] >= 0) continue;
    whiten(std::span(steps_).subspan(order[r] * m, m), white);
    double square = 1e-300;
    for (const double z : white) square += z * z;
    used[r] *= static_cast<double>(m) / square;
  }
  const double keep = 1 - c_one_ - c_mu_ * weight_sum + (moderate ? 0.0 : c_one_ * c_path_ * (2 - c_path_));
  const auto entry = [&](std::size_t i, std::size_t j, double& c) {
    double rank_mu = 0;
    for (std::size_t r = 0; r < count; ++r) {
      if (used[r] != 0) rank_mu += used[r] * steps_[order[r] * m + i] * steps_[order[r] * m + j];
    }
    c = keep * c + c_one_ * path_[i] * path_[j] + c_mu_ * rank_mu;
  };
  for (std::size_t i = 0; i < m; ++i) {
    if (!full_) {
      entry(i, i, covariance_[i]);
      continue;
    }
    for (std::size_t j = 0; j <= i; ++j) {
      entry(i, j, covariance_[i * m + j]);
      covariance_[j * m + i] = covariance_[i * m + j];
    }
  }
  sigma_ *= std::exp(std::min(1.0, c_sigma_ / damping_ * (norm / expected_norm_ - 1)));

  recent_.push_back(sorted[0]);
  const std::size_t window = 10 + (30 * m + count - 1) / count;
  if (recent_.size() > window) recent_.erase(recent_.begin());
  const double wait = 1 / (10 * static_cast<double>(m) * (c_one_ + c_mu_));
  if (generation_ - decomposed_ > wait || generation_ == 1) decompose();
}

void CmaEsSearch::decompose() {
  decomposed_ = generation_;
  const auto n = static_cast<Eigen::Index>(dimension_);
  if (!full_) {
    for (std::size_t i = 0; i < dimension_; ++i) {
      covariance_[i] = std::max(covariance_[i], kLeastEigenvalue);
      lengths_[i] = std::sqrt(covariance_[i]);
    }
    return;
  }
  const Eigen::Map<const Eigen::MatrixXd> covariance(covariance_.data(), n, n);
  if (!covariance.allFinite()) return;
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(covariance);
  Eigen::Map<Eigen::VectorXd>(lengths_.data(), n) = solver.eigenvalues().cwiseMax(kLeastEigenvalue).cwiseSqrt();
  Eigen::Map<Eigen::MatrixXd>(axes_.data(), n, n) = solver.eigenvectors();
}

double CmaEsSearch::deviation() const { return lengths_.empty() ? 0 : sigma_ * std::ranges::max(lengths_); }

double CmaEsSearch::condition() const {
  if (lengths_.empty()) return 1;
  const auto [least, most] = std::ranges::minmax(lengths_);
  return (most / least) * (most / least);
}

bool CmaEsSearch::finished() const {
  if (!std::isfinite(sigma_) || sigma_ > 1e3 || deviation() < kLeastDeviation || condition() > kWorstCondition) return true;
  const std::size_t window =
      10 + (30 * dimension_ + static_cast<std::size_t>(population_) - 1) / static_cast<std::size_t>(population_);
  if (recent_.size() < window) return false;
  const auto [least, most] = std::ranges::minmax(recent_);
  if (most - least <= kRounding * std::abs(best_) || !std::isfinite(most - least)) return true;
  return idle_generations() > 150 + 30 * static_cast<int>(dimension_) / population_;
}

}  // namespace scout
