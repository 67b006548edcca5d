#include "scout/policy/joint/joint_observer.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "scout/policy/rule/action.h"

namespace scout {

JointObserver::JointObserver(int dimension, int history, bool gradient)
    : dimension_(dimension), history_(history), gradient_(gradient) {
  if (dimension < 1) throw std::invalid_argument("JointObserver: dimension must be at least 1");
  if (history < 1) throw std::invalid_argument("JointObserver: history must be at least 1");
}

void JointObserver::start(std::span<const double> theta, double f, std::span<const double> gradient, const RunFrame& frame) {
  scale_ = frame.scale;
  horizon_ = static_cast<int>(frame.horizon);
  step_ = 0;
  best_ = worst_ = f;
  largest_gradient_ = 0;
  best_theta_.assign(theta.begin(), theta.end());
  steps_.clear();
  remember(std::vector<float>(static_cast<std::size_t>(dimension_), 0.0F), theta, f, gradient);
}

void JointObserver::observe(std::span<const float> actions, std::span<const double> theta, double f,
                            std::span<const double> gradient) {
  ++step_;
  worst_ = std::max(worst_, f);
  if (f < best_) {
    best_ = f;
    best_theta_.assign(theta.begin(), theta.end());
  }
  remember(actions, theta, f, gradient);
}

void JointObserver::remember(std::span<const float> actions, std::span<const double> theta, double f,
                             std::span<const double> gradient) {
  Step step{f, {theta.begin(), theta.end()}, {actions.begin(), actions.end()}, {}};
  if (gradient_) {
    step.gradient.assign(gradient.begin(), gradient.end());
    for (double g : gradient) largest_gradient_ = std::max(largest_gradient_, std::abs(g));
  }
  steps_.insert(steps_.begin(), std::move(step));
  if (static_cast<int>(steps_.size()) > history_) steps_.pop_back();
}

void JointObserver::write(float* features) const {
  std::fill_n(features, this->features(), 0.0F);
  const double range = worst_ > best_ ? worst_ - best_ : 1.0;
  float* out = features;
  for (const Step& step : steps_) {
    *out++ = encode_step(static_cast<float>((step.f - best_) / range));
    for (std::size_t i = 0; i < step.theta.size(); ++i) {
      *out++ = std::clamp(encode_step(static_cast<float>((step.theta[i] - best_theta_[i]) / scale_)), -2.0F, 2.0F);
    }
    for (float a : step.actions) *out++ = a;
    for (double g : step.gradient)
      *out++ = encode_step(static_cast<float>(largest_gradient_ > 0 ? g / largest_gradient_ : 0.0));
  }
  features[this->features() - 2] = static_cast<float>(step_) / static_cast<float>(horizon_);
  features[this->features() - 1] = 1.0F / (1.0F + static_cast<float>(step_));
}

}  // namespace scout
