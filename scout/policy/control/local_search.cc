#include "scout/policy/control/local_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "scout/base/dot.h"

namespace scout {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// The Wolfe conditions: f falls by at least this share of what the slope promises,
constexpr double kArmijo = 1e-4;
/// and the slope is at most this share of the first.
constexpr double kCurvature = 0.7;
/// f does not tell points apart whose values differ by less than this share.
constexpr double kRounding = 4e-15;
constexpr int kMostTrials = 25;
constexpr int kIdleSteps = 3;
/// Of the distance to the end of the bracket: trial points keep away from both.
constexpr double kMargin = 0.1;
constexpr double kLongestStretch = 10;

/// The minimum of the cubic through two values and slopes; NaN if it has none (Nocedal & Wright 2006, eq. 3.59).
double cubic_minimum(double a, double fa, double ga, double b, double fb, double gb) {
  const double d1 = ga + gb - 3 * (fa - fb) / (a - b);
  const double square = d1 * d1 - ga * gb;
  if (!(square >= 0)) return std::nan("");
  const double d2 = std::copysign(std::sqrt(square), b - a);
  return b - (b - a) * (gb + d2 - d1) / (gb - ga + 2 * d2);
}

}  // namespace

void LocalSearch::start(std::span<const double> point, const LocalSearchOptions& options) {
  options_ = options;
  first_step_ = options.first_step;
  point_.assign(point.begin(), point.end());
  for (std::size_t i = 0; i < point_.size(); ++i) point_[i] = std::clamp(point_[i], lower_[i], upper_[i]);
  trial_ = point_;
  value_ = kInfinity;
  steps_ = small_ = 0;
  model_.clear(point_.size());
  gradient_wanted_ = true;
  stage_ = Stage::start;
}

bool LocalSearch::held(std::size_t i) const {
  return (point_[i] <= lower_[i] && gradient_[i] > 0) || (point_[i] >= upper_[i] && gradient_[i] < 0);
}

void LocalSearch::tell(const Answer& answer) {
  if (stage_ == Stage::line && !gradient_wanted_) return judge_value(answer.value);
  const bool usable = std::isfinite(answer.value) && !answer.gradient.empty();
  if (stage_ == Stage::line) {
    judge(usable ? answer.value : kInfinity, answer.gradient);
  } else if (!usable) {
    stage_ = Stage::over;
  } else {
    value_ = answer.value;
    gradient_.assign(answer.gradient.begin(), answer.gradient.end());
    begin_line();
  }
}

void LocalSearch::begin_line() {
  const std::size_t m = point_.size();
  std::vector<char> is_held(m);
  for (std::size_t i = 0; i < m; ++i) is_held[i] = held(i) ? 1 : 0;
  direction_.resize(m);
  for (int attempt = 0;; ++attempt) {
    model_.direction(gradient_, is_held, direction_);
    slope_ = 0;
    for (std::size_t i = 0; i < m; ++i) slope_ += direction_[i] * gradient_[i];
    length_ = std::sqrt(dot(direction_, direction_));
    if (slope_ < 0 && std::isfinite(length_) && length_ > 0) break;
    if (attempt > 0 || model_.empty()) {  // no slope is left
      stage_ = Stage::over;
      return;
    }
    model_.clear(m);
  }
  low_ = {0, value_, slope_};
  high_ = {kInfinity, 0, 0};
  trials_ = 0;
  best_value_ = value_;
  stage_ = Stage::line;
  try_step(std::min(model_.empty() ? first_step_ / length_ : 1.0, options_.longest_step / length_));
}

void LocalSearch::try_step(double step) {
  step_ = step;
  gradient_wanted_ = !options_.dear_gradients;
  bool moved = false;
  for (std::size_t i = 0; i < point_.size(); ++i) {
    trial_[i] = std::clamp(point_[i] + step * direction_[i], lower_[i], upper_[i]);
    moved = moved || trial_[i] != point_[i];
  }
  if (!moved) give_up_line();
}

void LocalSearch::judge_value(double value) {
  double promised = 0;
  for (std::size_t i = 0; i < point_.size(); ++i) promised += gradient_[i] * (trial_[i] - point_[i]);
  if (value <= value_ + std::max(kArmijo * promised, kRounding * std::abs(value_))) {
    gradient_wanted_ = true;  // of the same point
    return;
  }
  ++trials_;
  high_ = {step_, std::isfinite(value) ? value : kInfinity, std::nan("")};
  if (trials_ >= kMostTrials) return give_up_line();
  const double width = step_ - low_.step;
  // The parabola through the value and slope below, and the value here.
  const double bend = high_.value - low_.value - low_.slope * width;
  const double at = std::isfinite(bend) && bend > 0 ? -0.5 * low_.slope * width * width / bend : 0.1 * width;
  try_step(low_.step + std::clamp(at, kMargin * width, (1 - kMargin) * width));
}

void LocalSearch::judge(double value, std::span<const double> gradient) {
  ++trials_;
  if (value == kInfinity) {
    high_ = {step_, kInfinity, 0};
    if (trials_ >= kMostTrials) return give_up_line();
    return try_step(low_.step + (trials_ < 4 ? 0.25 : 0.1) * (high_.step - low_.step));
  }
  if (value < best_value_) {
    best_value_ = value;
    best_ = trial_;
    best_gradient_.assign(gradient.begin(), gradient.end());
  }
  // The projected line: a coordinate on its bound does not move on.
  double promised = 0, slope = 0;
  bool moves = false;
  for (std::size_t i = 0; i < point_.size(); ++i) {
    promised += gradient_[i] * (trial_[i] - point_[i]);
    if (trial_[i] != point_[i] + step_ * direction_[i]) continue;
    slope += gradient[i] * direction_[i];
    moves = moves || direction_[i] != 0;
  }
  const bool falls = value <= value_ + kArmijo * promised;
  const bool level = value <= value_ + kRounding * std::abs(value_) && slope <= (2 * kArmijo - 1) * slope_;
  if (!falls && !level) {
    high_ = {step_, value, slope};
  } else if (slope < kCurvature * slope_ && moves && step_ * length_ < options_.longest_step) {
    low_ = {step_, value, slope};
  } else {
    return accept(value, gradient);
  }
  if (trials_ >= kMostTrials) return give_up_line();
  interpolate();
}

void LocalSearch::interpolate() {
  if (high_.step == kInfinity) {  // further on
    const double longest = std::min(kLongestStretch * low_.step, options_.longest_step / length_);
    const double secant = low_.slope > slope_ ? low_.step * slope_ / (slope_ - low_.slope) : kInfinity;
    return try_step(std::clamp(secant, std::min(2 * low_.step, longest), longest));
  }
  const double width = high_.step - low_.step;
  double at = high_.value == kInfinity || std::isnan(high_.slope)
                  ? std::nan("")
                  : cubic_minimum(low_.step, low_.value, low_.slope, high_.step, high_.value, high_.slope);
  if (!std::isfinite(at)) at = low_.step + 0.5 * width;
  // Cubics that go wrong make a bracket shrink slowly.
  if (trials_ % 4 == 3) at = low_.step + 0.5 * width;
  if (!(width > 1e-15 * high_.step)) return give_up_line();
  try_step(std::clamp(at, low_.step + kMargin * width, high_.step - kMargin * width));
}

void LocalSearch::accept(double value, std::span<const double> gradient) {
  const std::size_t m = point_.size();
  s_.resize(m);
  y_.resize(m);
  for (std::size_t i = 0; i < m; ++i) {
    s_[i] = trial_[i] - point_[i];
    y_[i] = gradient[i] - gradient_[i];
  }
  if (!model_.update(s_, y_) && model_.empty()) first_step_ = 2 * std::sqrt(dot(s_, s_));
  const double fall = value_ - value;
  small_ = fall <= options_.tolerance * std::max(std::abs(value_), options_.spread) ? small_ + 1 : 0;
  point_ = trial_;
  gradient_.assign(gradient.begin(), gradient.end());
  value_ = value;
  ++steps_;
  if (small_ >= kIdleSteps) {
    stage_ = Stage::over;
  } else {
    begin_line();
  }
}

void LocalSearch::give_up_line() {
  if (best_value_ < value_) {
    trial_ = best_;
    const std::vector<double> gradient = best_gradient_;
    return accept(best_value_, gradient);
  }
  if (model_.empty()) {
    stage_ = Stage::over;
    return;
  }
  first_step_ = std::max(1e-12, 1e-3 * first_step_);
  model_.clear(point_.size());
  begin_line();
}

}  // namespace scout
