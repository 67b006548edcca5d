#include "scout/train/episode/network_environment.h"

#include <algorithm>
#include <cmath>

#include "scout/optimizer/oracle.h"
#include "scout/policy/rule/action.h"
#include "scout/policy/weight/formulas.h"

namespace scout {
namespace {

constexpr float kRewardBound = 10;
constexpr float kLossOfTheRun = -1;
constexpr double kWorstShare = 10;

}  // namespace

NetworkEnvironment::NetworkEnvironment(std::shared_ptr<const Instance> instance,
                                       std::shared_ptr<const WeightStepper> stepper, const NetworkEpisode& episode)
    : instance_(std::move(instance)), stepper_(std::move(stepper)), episode_(episode) {
  const auto m = static_cast<std::size_t>(instance_->dimension());
  gradient_.resize(m);
}

void NetworkEnvironment::start(std::span<const double> theta, std::vector<std::size_t> sampled) {
  theta_.assign(theta.begin(), theta.end());
  start_theta_ = theta_;
  sampled_ = std::move(sampled);
  rows_.resize(sampled_.size());
  run_ = std::make_unique<WeightRun>(stepper_, instance_->tensors(), episode_.tell_horizon ? episode_.horizon : 0);
  step_ = 0;
  over_ = false;
  trajectory_ = {};
  trajectory_.rows = static_cast<int>(sampled_.size());
  trajectory_.features = static_cast<int>(rows_.empty() ? 0 : rows_.front().features.size());
  trajectory_.actions = 1;
  draws_ = 0;
  instance_->evaluate_minibatch(draws_++, theta_, {&f_, 1}, gradient_);
  ++evaluations_;
  over_ = !std::isfinite(f_) || !all_finite(gradient_);
  observe();
}

void NetworkEnvironment::observe() {
  run_->observe(theta_, gradient_, episode_.tell_loss ? std::optional(f_) : std::nullopt);
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    rows_[r] = run_->row(sampled_[r]);
    trajectory_.states.insert(trajectory_.states.end(), rows_[r].features.begin(), rows_[r].features.end());
  }
}

void NetworkEnvironment::step(const Move& move) {
  NetworkEnvironment* alone = this;
  if (!over_) step_together({&alone, 1}, move);
}

void NetworkEnvironment::run_together(std::span<NetworkEnvironment> environments) {
  std::vector<NetworkEnvironment*> running;
  for (NetworkEnvironment& e : environments) running.push_back(&e);
  const auto done = [](const NetworkEnvironment* e) { return e->over_ || e->step_ >= e->episode_.horizon; };
  while (std::erase_if(running, done), !running.empty()) step_together(running, {});
}

void NetworkEnvironment::step_together(std::span<NetworkEnvironment* const> environments, const Move& move) {
  thread_local std::vector<double> theta, f, gradient;
  theta.clear();
  for (NetworkEnvironment* e : environments) {
    e->advance(move);
    theta.insert(theta.end(), e->theta_.begin(), e->theta_.end());
  }
  // Credit needs the gradient before the step on the next minibatch too.
  for (const NetworkEnvironment* e : environments) {
    if (!e->rows_.empty()) theta.insert(theta.end(), e->before_.begin(), e->before_.end());
  }
  const NetworkEnvironment& first = *environments.front();
  const std::size_t m = first.theta_.size();
  f.resize(theta.size() / m);
  gradient.resize(theta.size());
  first.instance_->evaluate_minibatch(first.draws_, theta, f, gradient);
  std::size_t before = environments.size();
  for (std::size_t k = 0; k < environments.size(); ++k) {
    NetworkEnvironment& e = *environments[k];
    e.f_ = f[k];
    std::copy_n(&gradient[k * m], m, e.gradient_.begin());
    ++e.evaluations_;
    ++e.draws_;
    e.over_ = !std::isfinite(e.f_) || !all_finite(e.gradient_);
    if (!e.rows_.empty()) {
      e.reward(f[before], std::span(gradient).subspan(before * m, m));
      ++e.evaluations_;
      ++before;
    }
    e.observe();
  }
}

void NetworkEnvironment::advance(const Move& move) {
  const std::span<float> delta = run_->update();
  if (move) move(delta);
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    const float largest = kernel::kStepBound * rows_[r].step;
    const float share = largest > 0 ? -rows_[r].sign * delta[sampled_[r]] / largest : 0.0F;
    trajectory_.moves.push_back(std::clamp(encode_step(std::clamp(share, -1.0F, 1.0F)), -1.0F, 1.0F));
  }
  before_ = theta_;
  run_->apply(theta_);
  ++step_;
}

void NetworkEnvironment::reward(double f_before, std::span<const double> gradient_before) {
  const double scale = static_cast<double>(theta_.size()) / std::max(std::fabs(f_before), 1e-12);
  for (const std::size_t i : sampled_) {
    const double credit = -scale * 0.5 * (gradient_before[i] + gradient_[i]) * (theta_[i] - before_[i]);
    const float reward = over_ || !std::isfinite(credit)
                             ? kLossOfTheRun
                             : std::clamp(static_cast<float>(credit), -kRewardBound, kRewardBound);
    trajectory_.rewards.push_back(static_cast<float>(episode_.reward_scale) * reward);
  }
}

std::span<const float> NetworkEnvironment::last_rewards() const {
  return std::span(trajectory_.rewards).last(trajectory_.rewards.empty() ? 0 : sampled_.size());
}

double NetworkEnvironment::final_score(double floor) const {
  const double optimum = instance_->optimum_value().value_or(0.0);
  const double start = std::max(instance_->true_value(start_theta_) - optimum, 1e-300);
  const double value = instance_->true_value(theta_);
  evaluations_ += 2;
  if (over_ || !std::isfinite(value)) return std::log(kWorstShare);
  return std::log(std::min(std::max(0.0, value - optimum) / start + floor, kWorstShare));
}

Trajectory NetworkEnvironment::take_trajectory() {
  trajectory_.terminated = over_ || (episode_.terminal && step_ >= episode_.horizon);
  return std::move(trajectory_);
}

}  // namespace scout
