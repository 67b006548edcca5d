#include "scout/train/episode/environment.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "scout/policy/rule/action.h"

namespace scout {
namespace {

bool all_finite(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

}  // namespace

Environment::Environment(std::shared_ptr<const Instance> instance, const ObserverOptions& observer,
                         const RewardOptions& reward, double step_scale, bool credit_by_coordinate)
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
  draws_ = 0;
  instance_->evaluate_minibatch(draws_++, theta_, {&f_, 1}, gradient_);
  ++evaluations_;
  start_value_ = best_ = worst_ = f_;
  best_theta_ = theta_;
  best_gradient_ = gradient_;
  step_ = 0;
  best_step_ = 0;
  horizon_ = horizon;
  reference_ = instance_->optimum_value().value_or(f_);
  // Without a known optimum the first gap is unknown: the gradient's size over a tenth of the box stands in.
  start_gap_ = f_ - reference_;
  if (!(start_gap_ > 0)) {
    double norm = 0;
    for (double g : gradient_) norm += std::abs(g);
    start_gap_ = std::max(0.1 * scale_ * norm, 1e-300);
  }
  observer_->start(theta_, f_, gradient_, {scale_, horizon, instance_->lower(), instance_->upper()});
  trajectory_ = {};
  if (record_) {
    trajectory_.rows = rows();
    trajectory_.features = features();
    trajectory_.actions = observer_->actions();
    const auto row_size = static_cast<std::size_t>(rows() * features());
    trajectory_.states.reserve(row_size * static_cast<std::size_t>(horizon + 1));
    trajectory_.states.resize(row_size);
    observer_->write(trajectory_.states.data());
    if (reward_.of != "final") row_potentials(theta_, f_, row_potentials_);
  }
}

void Environment::step(std::span<const float> actions) {
  const double f_before = f_;
  const double best_before = best_;
  for (std::size_t i = 0; i < theta_.size(); ++i) theta_[i] += scale_ * static_cast<double>(decode_action(actions[i]));
  instance_->evaluate_minibatch(draws_++, theta_, {&f_, 1}, gradient_);
  ++evaluations_;
  ++step_;
  const bool finite = std::isfinite(f_) && all_finite(gradient_);
  if (finite) {
    worst_ = std::max(worst_, f_);
    if (f_ < best_) {
      best_ = f_;
      best_theta_ = theta_;
      best_gradient_ = gradient_;
      best_step_ = step_;
      if (!instance_->optimum_value()) reference_ = std::min(reference_, f_);
    }
  } else {
    f_ = worst_;  // for the reward; then the run goes on from its best point
  }
  last_rise_ = potential(f_) - potential(f_before);
  last_reward_ = reward_.of == "current" ? last_rise_ : potential(best_) - potential(best_before);
  if (!finite) {
    theta_ = best_theta_;
    gradient_ = best_gradient_;
    f_ = best_;
  }
  if (record_) {
    reward_rows(finite);
    oriented_.assign(actions.begin(), actions.end());
    observer_->orient(oriented_);
    trajectory_.moves.insert(trajectory_.moves.end(), oriented_.begin(), oriented_.end());
    trajectory_.rewards.insert(trajectory_.rewards.end(), row_rewards_.begin(), row_rewards_.end());
  }
  observer_->observe(actions, theta_, f_, gradient_);
  if (record_) {
    const auto row_size = static_cast<std::size_t>(rows() * features());
    trajectory_.states.resize(trajectory_.states.size() + row_size);
    observer_->write(trajectory_.states.data() + trajectory_.states.size() - row_size);
  }
}

void Environment::row_potentials(std::span<const double> theta, double f, std::vector<double>& out) {
  out.assign(row_rewards_.size(), potential(f));
  const auto optimum = instance_->optimum();
  if (!by_coordinate_ || optimum.empty()) return;
  // Integrated gradients (midpoint rule); what the quadrature misses is shared out equally.
  const std::size_t m = theta.size();
  shares_.assign(m, 0.0);
  point_.resize(m);
  for (int k = 0; k < reward_.path_points; ++k) {
    const double t = (k + 0.5) / reward_.path_points;
    for (std::size_t i = 0; i < m; ++i) point_[i] = optimum[i] + t * (theta[i] - optimum[i]);
    instance_->evaluate(point_, {}, point_gradient_);
    ++evaluations_;
    for (std::size_t i = 0; i < m; ++i) shares_[i] += point_gradient_[i] * (theta[i] - optimum[i]) / reward_.path_points;
  }
  if (!all_finite(shares_)) return;  // a gradient on the way was not finite: the coordinates share the potential
  const double missed = (f - reference_ - std::accumulate(shares_.begin(), shares_.end(), 0.0)) / static_cast<double>(m);
  for (std::size_t i = 0; i < m; ++i) {
    const double own = std::max(0.0, shares_[i] + missed) * static_cast<double>(m) / start_gap_;
    out[i] = -reward_.scale * std::log(own + reward_.floor);
  }
}

void Environment::reward_rows(bool finite) {
  const bool ended = step_ == horizon_;
  if (reward_.of == "final") {
    if (ended) {
      row_potentials(best_theta_, best_, row_potentials_);
    } else {
      row_potentials_.assign(row_rewards_.size(), 0.0);
    }
    std::copy(row_potentials_.begin(), row_potentials_.end(), row_rewards_.begin());
    return;
  }
  if (reward_.of == "best" && best_step_ != step_) {
    std::fill(row_rewards_.begin(), row_rewards_.end(), 0.0F);
    return;
  }
  previous_potentials_.swap(row_potentials_);
  row_potentials(theta_, f_, row_potentials_);
  if (!finite) {  // the potentials are the best point's by now, and getting there earns nothing
    std::fill(row_rewards_.begin(), row_rewards_.end(), static_cast<float>(last_reward_));
    return;
  }
  for (std::size_t i = 0; i < row_rewards_.size(); ++i) {
    row_rewards_[i] = static_cast<float>(row_potentials_[i] - previous_potentials_[i]);
  }
}

Trajectory Environment::take_trajectory() {
  trajectory_.terminated = reward_.finite && step_ >= horizon_;
  return std::move(trajectory_);
}

}  // namespace scout
