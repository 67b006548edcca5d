#include "scout/optimizer/record.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "scout/optimizer/oracle.h"

namespace scout {
namespace {

/// A fall of f by less than this share of its fall so far does not count as progress.
constexpr double kProgress = 1e-9;
/// The best point counts as nearly stationary if its gradient is at most this share of the largest.
constexpr double kStationary = 1e-6;
/// So many points are kept whose gradient may be asked for later.
constexpr std::size_t kMostKept = 32;

}  // namespace

bool Evaluated::finite() const { return std::isfinite(value) && all_finite(gradient); }

void MinimizeRecord::take(const Evaluated& point, int episode) {
  const bool finite = point.finite(), with_gradient = !point.gradient.empty();
  if (!finite) ++summary_.non_finite;
  const bool tells_gradient =
      with_gradient && point.value == summary_.best_value && !best_.empty() && std::isnan(best_.back().gradient);
  if (finite && (point.value < summary_.best_value || tells_gradient)) take_best(point);
  if (with_gradient && !finite) take_back(point);
  // Far out, where f is large, gradients say nothing of the scale of those below.
  if (finite && with_gradient && point.value <= first_value_) {
    largest_gradient_ = std::max(largest_gradient_, gradient_size(point));
  }
  const double gradient = best_.empty() ? std::numeric_limits<double>::quiet_NaN() : best_.back().gradient;
  summary_.relative_gradient = largest_gradient_ > 0 ? gradient / largest_gradient_ : gradient;
  if (options_.history) {
    summary_.history.push_back({summary_.calls(), episode, point.value, {point.full.begin(), point.full.end()}});
  }
  summary_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  if (over()) return;

  const bool go_on = !options_.callback || options_.callback({summary_, point.full, point.value});
  if (summary_.best_value <= options_.target && !summary_.best_point.empty()) {
    stop(MinimizeStatus::target, "f is at most the target");
  } else if (!go_on) {
    stop(MinimizeStatus::stopped, "the callback asked to stop");
  } else if (summary_.seconds >= options_.max_seconds) {
    stop(MinimizeStatus::time, "the time was over");
  } else if (summary_.relative_gradient <= options_.gradient_tolerance && options_.gradient_tolerance > 0) {
    stop(MinimizeStatus::converged, "the gradient reached its tolerance");
  } else if (options_.patience > 0 && !summary_.best_point.empty() && summary_.calls() - progress_at_ >= options_.patience) {
    stop(MinimizeStatus::stagnated, std::to_string(options_.patience) + " calls brought no lower value that counts");
  } else if (remaining() < (pairs_ ? 2 : 1)) {
    stop_without_calls();
  }
}

void MinimizeRecord::take_best(const Evaluated& point) {
  const double before = summary_.best_value;
  if (!point.gradient.empty()) best_.clear();
  if (best_.size() == kMostKept) best_.erase(best_.begin() + 1);  // the first may be the one with a gradient
  Best& best = best_.emplace_back();
  best.value = point.value;
  best.point.assign(point.full.begin(), point.full.end());
  for (std::size_t i = 0; i < point.theta.size(); ++i) {
    if (region_.on_bound(i, point.theta[i])) best.at_bounds.push_back(static_cast<int>(region_.free[i]));
  }
  if (!point.gradient.empty()) best.gradient = gradient_size(point);
  show_best();
  if (std::isinf(before)) first_value_ = point.value;
  if (std::isinf(before) || before - point.value > kProgress * (first_value_ - point.value)) progress_at_ = summary_.calls();
}

void MinimizeRecord::take_back(const Evaluated& point) {
  const auto taken = std::find_if(best_.begin(), best_.end(), [&](const Best& best) {
    return std::isnan(best.gradient) && std::ranges::equal(best.point, point.full);
  });
  if (taken == best_.end()) return;
  best_.erase(taken);
  show_best();
}

void MinimizeRecord::show_best() {
  const Best none;
  const Best& best = best_.empty() ? none : best_.back();
  summary_.best_value = best.value;
  summary_.best_point = best.point;
  summary_.at_bounds = best.at_bounds;
}

/// The largest |∂f/∂θ_i|, in units of the region, without what a bound holds.
double MinimizeRecord::gradient_size(const Evaluated& point) const {
  double out = 0;
  for (std::size_t i = 0; i < point.gradient.size(); ++i) {
    const double g = point.gradient[i] * region_.width(i);
    const bool held = g > 0 ? point.theta[i] <= region_.least[i] : point.theta[i] >= region_.most[i];
    if (!held) out = std::max(out, std::abs(g));
  }
  return out;
}

void MinimizeRecord::finish() {
  summary_.status = ending_->first;
  summary_.message = ending_->second + " (" + std::to_string(summary_.values) + " values, " +
                     std::to_string(summary_.gradients) + " gradients)" + opinion();
}

void MinimizeRecord::finish_without_calls() {
  stop_without_calls();
  finish();
}

void MinimizeRecord::stop_without_calls() {
  if (summary_.best_point.empty()) {
    stop(MinimizeStatus::never_finite, "f was finite nowhere, neither at x0 nor around it; check the objective there");
  } else {
    const bool left = remaining() > 0;
    stop(MinimizeStatus::budget,
         left ? "the budget was used: what is left does not cover a value and its gradient" : "the budget was used");
  }
}

/// What is to be thought of the best point.
std::string MinimizeRecord::opinion() const {
  std::string out;
  const double share = summary_.relative_gradient;
  char text[32];
  std::snprintf(text, sizeof text, "%.1e", share);
  const std::string gradient = std::string("its gradient is ") + text + " of the largest on the way";
  if (share <= kStationary) out = "; the best point is nearly stationary: " + gradient;
  if (share > kStationary) {
    out = "; the best point is not stationary: " + gradient + "; give more budget, unless f has a kink there";
  }
  if (!summary_.at_bounds.empty()) {
    const std::size_t count = summary_.at_bounds.size();
    out += "; there " + std::to_string(count) + (count == 1 ? " coordinate lies" : " coordinates lie") + " on a bound";
  }
  return out;
}

}  // namespace scout
