#include "scout/meta/environment.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "scout/policy/action.h"

namespace scout {
namespace {

/// Coordinates whose parts of a step nearly cancel get credits far larger than the reward; they are bounded.
constexpr double kCreditBound = 10.0;

bool all_finite(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

}  // namespace

Environment::Environment(std::shared_ptr<const Instance> instance, const ObserverOptions& observer, const RewardOptions& reward,
                         double step_scale, bool credit_by_coordinate)
    : instance_(std::move(instance)),
      observer_(make_observer(observer, instance_->dimension())),
      reward_(reward),
      observe_gradient_(observer.gradient),
      by_coordinate_(credit_by_coordinate && observer_->rows() > 1) {
  const auto m = static_cast<std::size_t>(instance_->dimension());
  double width = 0;
  for (std::size_t i = 0; i < m; ++i) width += instance_->upper()[i] - instance_->lower()[i];
  scale_ = step_scale * width / static_cast<double>(m);
  theta_.resize(m);
  gradient_.resize(m);
  point_gradient_.resize(m);
  row_rewards_.resize(static_cast<std::size_t>(observer_->rows()));
}

double Environment::potential(double f) const {
  return -reward_.scale * std::log(std::max(0.0, f - reference_) / start_gap_ + reward_.floor);
}

void Environment::start(std::span<const double> theta, int horizon) {
  std::copy(theta.begin(), theta.end(), theta_.begin());
  instance_->evaluate(theta_, {&f_, 1}, gradient_);
  ++evaluations_;
  start_value_ = best_ = worst_ = f_;
  best_theta_ = theta_;
  best_gradient_ = gradient_;
  step_ = 0;
  horizon_ = horizon;
  reference_ = instance_->optimum_value().value_or(f_);
  // Without a known optimum the first gap is unknown: the gradient's size over a tenth of the box stands in.
  start_gap_ = f_ - reference_;
  if (!(start_gap_ > 0)) {
    double norm = 0;
    for (double g : gradient_) norm += std::abs(g);
    start_gap_ = std::max(0.1 * scale_ * norm, 1e-300);
  }
  observer_->start(theta_, f_, gradient_, scale_, horizon);
  trajectory_ = {};
  if (record_) {
    trajectory_.rows = rows();
    trajectory_.features = features();
    trajectory_.actions = observer_->actions();
    const auto row_size = static_cast<std::size_t>(rows() * features());
    trajectory_.states.reserve(row_size * static_cast<std::size_t>(horizon + 1));
    trajectory_.states.resize(row_size);
    observer_->write(trajectory_.states.data());
  }
}

void Environment::step(std::span<const float> actions) {
  previous_ = theta_;
  previous_gradient_ = gradient_;
  const double f_before = f_;
  const double best_before = best_;
  for (std::size_t i = 0; i < theta_.size(); ++i) theta_[i] += scale_ * static_cast<double>(decode_action(actions[i]));
  instance_->evaluate(theta_, {&f_, 1}, gradient_);
  ++evaluations_;
  ++step_;
  const bool finite = std::isfinite(f_) && all_finite(gradient_);
  if (finite) {
    worst_ = std::max(worst_, f_);
    if (f_ < best_) {
      best_ = f_;
      best_theta_ = theta_;
      best_gradient_ = gradient_;
      if (!instance_->optimum_value()) reference_ = std::min(reference_, f_);
    }
  } else {
    f_ = worst_;
  }
  const bool of_current = reward_.of == "current";
  last_reward_ = of_current ? potential(f_) - potential(f_before) : potential(best_) - potential(best_before);
  if (record_) {
    const bool at_end = reward_.of == "final";
    const bool ended = step_ == horizon_;
    std::fill(row_rewards_.begin(), row_rewards_.end(), at_end ? (ended ? static_cast<float>(potential(best_)) : 0.0F) : static_cast<float>(last_reward_));
    if (by_coordinate_ && finite && of_current) credit(previous_, previous_gradient_, f_before, last_reward_);
    if (by_coordinate_ && at_end && ended) final_credit();
    oriented_.assign(actions.begin(), actions.end());
    observer_->orient(oriented_);
    trajectory_.moves.insert(trajectory_.moves.end(), oriented_.begin(), oriented_.end());
    trajectory_.rewards.insert(trajectory_.rewards.end(), row_rewards_.begin(), row_rewards_.end());
  }
  if (!finite) {
    theta_ = best_theta_;
    gradient_ = best_gradient_;
    f_ = best_;
  }
  observer_->observe(actions, theta_, f_, gradient_);
  if (record_) {
    const auto row_size = static_cast<std::size_t>(rows() * features());
    trajectory_.states.resize(trajectory_.states.size() + row_size);
    observer_->write(trajectory_.states.data() + trajectory_.states.size() - row_size);
  }
}

void Environment::credit(std::span<const double> before, std::span<const double> gradient_before, double f_before,
                         double reward) {
  const std::size_t m = theta_.size();
  const double change = f_ - f_before;
  if (std::abs(change) < 1e-14 * (std::abs(f_) + std::abs(f_before)) + 1e-300) return;  // nothing to share out
  shares_.assign(m, 0.0);
  const int intervals = reward_.path_points + 1;
  auto add = [&](std::span<const double> gradient, double weight) {
    for (std::size_t i = 0; i < m; ++i) shares_[i] += weight * gradient[i] * (theta_[i] - before[i]) / intervals;
  };
  add(gradient_before, 0.5);
  add(gradient_, 0.5);
  point_.resize(m);
  for (int k = 1; k < intervals; ++k) {
    const double t = static_cast<double>(k) / intervals;
    for (std::size_t i = 0; i < m; ++i) point_[i] = before[i] + t * (theta_[i] - before[i]);
    instance_->evaluate(point_, {}, point_gradient_);
    ++evaluations_;
    add(point_gradient_, 1.0);
  }
  const double missed = change - std::accumulate(shares_.begin(), shares_.end(), 0.0);
  const double factor = static_cast<double>(m) * reward / change;
  for (std::size_t i = 0; i < m; ++i) {
    const double own = factor * (shares_[i] + missed / static_cast<double>(m));
    row_rewards_[i] = static_cast<float>(std::clamp(own, -kCreditBound, kCreditBound));
  }
}

void Environment::final_credit() {
  const auto optimum = instance_->optimum();
  if (optimum.empty()) return;
  // Each coordinate's part of the gap: integrated gradients from the optimum to the best point (Sundararajan et al. 2017).
  constexpr int kPoints = 64;
  const std::size_t m = theta_.size();
  shares_.assign(m, 0.0);
  point_.resize(m);
  for (int k = 0; k < kPoints; ++k) {  // midpoint rule
    const double t = (k + 0.5) / kPoints;
    for (std::size_t i = 0; i < m; ++i) point_[i] = optimum[i] + t * (best_theta_[i] - optimum[i]);
    instance_->evaluate(point_, {}, point_gradient_);
    for (std::size_t i = 0; i < m; ++i) shares_[i] += point_gradient_[i] * (best_theta_[i] - optimum[i]) / kPoints;
  }
  const double missed = (best_ - reference_ - std::accumulate(shares_.begin(), shares_.end(), 0.0)) / static_cast<double>(m);
  for (std::size_t i = 0; i < m; ++i) {
    const double own = std::max(0.0, shares_[i] + missed) * static_cast<double>(m) / start_gap_;
    row_rewards_[i] = static_cast<float>(-reward_.scale * std::log(own + reward_.floor));
  }
}

Trajectory Environment::take_trajectory() {
  trajectory_.terminated = reward_.finite && step_ >= horizon_;
  return std::move(trajectory_);
}

}  // namespace scout
