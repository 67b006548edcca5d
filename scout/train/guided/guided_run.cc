#include "scout/train/guided/guided_run.h"

#include <algorithm>
#include <stdexcept>

namespace scout {
namespace {

constexpr double kLargest = 1e6;  // of a number of a state

/// Its square root times a standard normal vector.
VectorXd noise_of(const MatrixXd& covariance, Random& random) {
  VectorXd out(covariance.rows());
  for (double& x : out) x = random.normal();
  if (covariance.isZero(0)) return VectorXd::Zero(covariance.rows());
  return covariance.llt().matrixL() * out;
}

}  // namespace

double GuidedRecord::cost(int dimension) const {
  const auto size = static_cast<std::size_t>(state_size(dimension));
  double sum = 0;
  for (std::size_t at = size; at < x.size(); at += size) sum += x[at + static_cast<std::size_t>(value_at(dimension))];
  return sum;
}

Candidate GuidedRecord::packed() const {
  Candidate out{condition, x, {static_cast<double>(setting)}};
  out.direction.insert(out.direction.end(), u.begin(), u.end());
  out.direction.insert(out.direction.end(), in.begin(), in.end());
  return out;
}

GuidedRecord GuidedRecord::unpacked(const Candidate& candidate, int steps, int dimension, int features) {
  const auto xs = static_cast<std::ptrdiff_t>(steps + 1) * state_size(dimension);
  const auto us = static_cast<std::ptrdiff_t>(steps) * dimension;
  const auto ins = static_cast<std::ptrdiff_t>(steps) * features;
  if (std::ssize(candidate.direction) != xs + us + ins || candidate.score.size() != 1) {
    throw std::runtime_error("damaged findings: a run has " + std::to_string(candidate.direction.size()) +
                             " numbers, not those of " + std::to_string(steps) + " steps");
  }
  const auto begin = candidate.direction.begin();
  return {static_cast<int>(candidate.generation),
          static_cast<int>(candidate.score[0]),
          {begin, begin + xs},
          {begin + xs, begin + xs + us},
          {begin + xs + us, candidate.direction.end()}};
}

LinearGaussian momentum_controller(const VectorXd& gradient, double rate, double decay) {
  const Eigen::Index m = gradient.size();
  LinearGaussian out{MatrixXd::Zero(m, 3 * m + 1), VectorXd::Zero(m), MatrixXd::Zero(m, m)};
  const double largest = gradient.lpNorm<Eigen::Infinity>();
  if (largest > 0) out.gain.middleCols(m, m) = -rate / largest * MatrixXd::Identity(m, m);
  out.gain.rightCols(m) = decay * MatrixXd::Identity(m, m);
  return out;
}

VectorXd GuidedMover::state(const Episode& episode) const {
  const auto m = static_cast<Eigen::Index>(origin_.size());
  VectorXd out(3 * m + 1);
  for (Eigen::Index i = 0; i < m; ++i) {
    const auto k = static_cast<std::size_t>(i);
    out[i] = (episode.theta()[k] - origin_[k]) / episode.scale();
    out[m + i] = episode.gradient()[k] * episode.scale() / episode.start_gap();
    out[2 * m + 1 + i] = last_[k];
  }
  out[2 * m] = (episode.value() - episode.start_value()) / episode.start_gap();
  return out.cwiseMax(-kLargest).cwiseMin(kLargest);
}

void GuidedMover::move(Episode& episode) {
  const std::span<float> actions = episode.run().actions();
  if (step_ == 0) {
    origin_.assign(episode.theta().begin(), episode.theta().end());
    last_.assign(origin_.size(), 0.0);
  }
  const auto m = static_cast<Eigen::Index>(actions.size());
  const VectorXd x = state(episode);
  if (plan_.record.setting >= 0 && step_ == 0) {
    momentum_ = momentum_controller(x.segment(m, m), plan_.rate, plan_.decay);
  }
  std::vector<float> in(episode.run().features());
  const std::size_t row = 0;
  episode.run().write_features({&row, 1}, in.data());

  VectorXd u(m);
  const auto act = [&](const LinearGaussian& law) { u = law.gain * x + law.offset + noise_of(law.covariance, random_); };
  if (plan_.controller != nullptr) {
    act((*plan_.controller)[step_]);
  } else if (plan_.record.setting >= 0) {
    act(momentum_);
  } else {
    for (Eigen::Index i = 0; i < m; ++i) u[i] = static_cast<double>(actions[static_cast<std::size_t>(i)]);
    u += noise_of(plan_.noise, random_);
  }
  for (std::size_t i = 0; i < actions.size(); ++i) {
    actions[i] = static_cast<float>(std::clamp(u[static_cast<Eigen::Index>(i)], -1.0, 1.0));
    last_[i] = static_cast<double>(actions[i]);
  }
  GuidedRecord& record = plan_.record;
  record.x.insert(record.x.end(), x.begin(), x.end());
  record.u.insert(record.u.end(), last_.begin(), last_.end());
  record.in.insert(record.in.end(), in.begin(), in.end());
  ++step_;
}

GuidedRecord GuidedMover::finish(const Episode& episode) {
  const VectorXd x = state(episode);
  plan_.record.x.insert(plan_.record.x.end(), x.begin(), x.end());
  return std::move(plan_.record);
}

}  // namespace scout
