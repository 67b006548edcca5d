#include "scout/optimizer/minimize.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <utility>

#include "scout/base/random.h"
#include "scout/optimizer/oracle.h"
#include "scout/optimizer/region.h"
#include "scout/policy/rule/action.h"
#include "scout/policy/shipped.h"

namespace scout {
namespace {

constexpr double kRefinement = 0.1;  // of the step scale, each time that the best point is taken up again
constexpr int kRefinements = 6;
/// A fall of f by less than this share of its fall so far does not count as progress.
constexpr double kProgress = 1e-9;
/// The best point counts as nearly stationary if its gradient is at most this share of the largest.
constexpr double kStationary = 1e-6;

MinimizeOptions checked(const Objective& objective, MinimizeOptions options) {
  validate(options);
  if (!objective) throw_bad_option("objective", "empty", "a function that can be called");
  if (options.policy == nullptr) options.policy = policy(kUsualPolicy);
  if (options.policy->rule()->for_weights()) {
    throw_bad_option("policy", "of the rule '" + options.policy->description().rule.rule + "', for the weights of networks",
                     "of a rule for functions; LearnedOptimizer and PolicyOptimizer take this one");
  }
  return options;
}

/// Another start draws other numbers.
Seed seed_of(const MinimizeOptions& options, std::span<const double> x0) {
  Seed seed = Seed(options.seed).derive("minimize");
  for (const double x : x0) seed = seed.derive(std::bit_cast<std::uint64_t>(x));
  return seed;
}

struct Point {
  std::vector<double> theta;
  std::vector<double> gradient;  // empty if the policy does not observe it
  double value = 0;
  bool finite = false;  // value and gradient
};

class Run {
 public:
  Run(const Objective& objective, std::span<const double> x0, const MinimizeOptions& options, MinimizeSummary& summary)
      : objective_(objective),
        options_(options),
        summary_(summary),
        policy_(*options.policy),
        region_(x0, options.lower, options.upper, options.keep_inside),
        full_(x0.begin(), x0.end()),
        random_(seed_of(options, x0)),
        stepper_(policy_.stepper()),
        run_(stepper_->new_run(static_cast<int>(region_.free.size()))),
        observe_gradient_(policy_.rule()->observes_gradient()),
        horizon_(options.horizon > 0 ? options.horizon : policy_.description().horizon) {
    const std::size_t n = region_.free.size();
    for (std::size_t i = 0; i < n; ++i) step_scale_.push_back(policy_.rule()->step_scale() * region_.width(i));
    unit_ = *std::max_element(step_scale_.begin(), step_scale_.end());
    for (double s : step_scale_) ratio_.push_back(s / unit_);
    if (options.step_scale > 0) {
      unit_ = options.step_scale;
      for (std::size_t i = 0; i < n; ++i) step_scale_[i] = unit_ * ratio_[i];
    }
    for (const std::size_t i : region_.free) now_.theta.push_back(x0[i]);
    if (observe_gradient_) {
      now_.gradient.resize(n);
      full_gradient_.resize(x0.size());
    }
  }

  void minimize() {
    summary_.episodes = 1;
    if (run_->asks()) return answer();
    if (!evaluate()) return;
    if (!now_.finite && !start_afresh()) return;
    if (!episode(1.0)) return;
    for (int refinements = 0;;) {
      ++summary_.episodes;
      now_ = anchor_;
      if (!episode(std::pow(kRefinement, 1 + refinements % kRefinements))) return;
      const double refined = anchor_.value;
      ++summary_.episodes;
      if (!start_afresh() || !episode(1.0)) return;
      refinements = anchor_.value < refined ? 0 : refinements + 1;
    }
  }

 private:
  double elapsed() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }
  std::int64_t remaining() const { return options_.budget - summary_.calls(); }

  void finish(MinimizeStatus status, const std::string& message) {
    summary_.status = status;
    summary_.message = message + " (" + std::to_string(summary_.values) + " values, " + std::to_string(summary_.gradients) +
                       " gradients)" + opinion();
  }

  /// What is to be thought of the best point.
  std::string opinion() const {
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

  /// The largest |∂f/∂θ_i| of the latest point, in units of the region, without what a bound holds.
  double gradient_size() const {
    double out = 0;
    for (std::size_t i = 0; i < now_.gradient.size(); ++i) {
      const double g = now_.gradient[i] * region_.width(i);
      const bool held = g > 0 ? now_.theta[i] <= region_.least[i] : now_.theta[i] >= region_.most[i];
      if (!held) out = std::max(out, std::abs(g));
    }
    return out;
  }

  void take_best(bool with_gradient) {
    const double before = summary_.best_value;
    summary_.best_value = now_.value;
    summary_.best_point = full_;
    summary_.at_bounds.clear();
    for (std::size_t i = 0; i < now_.theta.size(); ++i) {
      if (region_.on_bound(i, now_.theta[i])) summary_.at_bounds.push_back(static_cast<int>(region_.free[i]));
    }
    best_gradient_ = with_gradient ? gradient_size() : std::numeric_limits<double>::quiet_NaN();
    if (std::isinf(before)) first_value_ = now_.value;
    if (std::isinf(before) || before - now_.value > kProgress * (first_value_ - now_.value)) progress_at_ = summary_.calls();
  }

  /// A run that asks for points as it likes is one episode.
  void answer() {
    if (!evaluate(false)) return;
    const RunFrame frame{.scale = unit_,
                         .lower = region_.lower,
                         .upper = region_.upper,
                         .calls = options_.budget,
                         .least = region_.least,
                         .most = region_.most,
                         .seed = options_.seed};
    run_->start({now_.theta, {}, now_.value}, frame);
    RuleRun* const alone = run_.get();
    while (!run_->over()) {
      stepper_->decide({&alone, 1}, scratch_);
      stepper_->propose({&alone, 1}, scratch_);
      run_->apply(now_.theta);
      const bool wanted = run_->wants_gradient();
      if (!evaluate(wanted)) return;
      run_->observe({now_.theta, wanted ? std::span<const double>(now_.gradient) : std::span<const double>(), now_.value});
    }
    finish_without_calls();
  }

  void finish_without_calls() {
    if (summary_.best_point.empty()) {
      finish(MinimizeStatus::never_finite, "f was finite nowhere, neither at x0 nor around it; check the objective there");
    } else {
      const bool left = remaining() > 0;
      finish(MinimizeStatus::budget,
             left ? "the budget was used: what is left does not cover a value and its gradient" : "the budget was used");
    }
  }

  /// f, and ∇f if it is observed, wanted, and the budget covers it, at now_.theta. Returns false if the run is over.
  bool evaluate(bool gradient_wanted = true) {
    const bool with_gradient = observe_gradient_ && gradient_wanted && remaining() >= 2;
    for (std::size_t i = 0; i < region_.free.size(); ++i) full_[region_.free[i]] = now_.theta[i];
    ++summary_.values;
    summary_.gradients += with_gradient ? 1 : 0;
    now_.value = objective_(full_, with_gradient ? std::span(full_gradient_) : std::span<double>());
    for (std::size_t i = 0; with_gradient && i < region_.free.size(); ++i) {
      now_.gradient[i] = full_gradient_[region_.free[i]];
    }
    now_.finite = std::isfinite(now_.value) && (!with_gradient || all_finite(now_.gradient));
    if (!now_.finite) ++summary_.non_finite;
    const bool tells_gradient = with_gradient && now_.value == summary_.best_value && std::isnan(best_gradient_);
    if (now_.finite && (now_.value < summary_.best_value || tells_gradient)) take_best(with_gradient);
    // Far out, where f is large, gradients say nothing of the scale of those below.
    if (now_.finite && with_gradient && now_.value <= first_value_) {
      largest_gradient_ = std::max(largest_gradient_, gradient_size());
    }
    summary_.relative_gradient = largest_gradient_ > 0 ? best_gradient_ / largest_gradient_ : best_gradient_;
    if (now_.finite && (anchor_.theta.empty() || now_.value < anchor_.value)) anchor_ = now_;
    if (options_.history) summary_.history.push_back({summary_.calls(), summary_.episodes, now_.value, full_});
    summary_.seconds = elapsed();

    const bool needs_pair = observe_gradient_ && !run_->asks();
    const bool go_on = !options_.callback || options_.callback({summary_, full_, now_.value});
    if (summary_.best_value <= options_.target && !summary_.best_point.empty()) {
      finish(MinimizeStatus::target, "f is at most the target");
    } else if (!go_on) {
      finish(MinimizeStatus::stopped, "the callback asked to stop");
    } else if (summary_.seconds >= options_.max_seconds) {
      finish(MinimizeStatus::time, "the time was over");
    } else if (summary_.relative_gradient <= options_.gradient_tolerance && options_.gradient_tolerance > 0) {
      finish(MinimizeStatus::converged, "the gradient reached its tolerance");
    } else if (options_.patience > 0 && !summary_.best_point.empty() &&
               summary_.calls() - progress_at_ >= options_.patience) {
      finish(MinimizeStatus::stagnated, std::to_string(options_.patience) + " calls brought no lower value that counts");
    } else if (remaining() >= (needs_pair ? 2 : 1)) {
      return true;
    } else {
      finish_without_calls();
    }
    return false;
  }

  /// Evaluates points drawn from the region of interest until one is finite. Returns false if the run is over.
  bool start_afresh() {
    do {
      for (std::size_t i = 0; i < now_.theta.size(); ++i) {
        now_.theta[i] = random_.uniform(region_.lower[i], region_.upper[i]);
      }
      if (!evaluate()) return false;
    } while (!now_.finite);
    return true;
  }

  /// Runs the policy from now_, whose value is known, with the step scale times `factor`. This is the loop that the policy
  /// was trained in (scout/train/episode). Returns false if the run is over.
  bool episode(double factor) {
    const std::int64_t cost = observe_gradient_ ? 2 : 1;
    const auto horizon = static_cast<int>(std::min<std::int64_t>(horizon_, (remaining() + cost - 1) / cost));
    Point best = now_;
    to_policy_units();
    for (auto* numbers : {&lower_, &upper_, &scales_}) numbers->resize(theta_.size());
    for (std::size_t i = 0; i < theta_.size(); ++i) {
      // The whole region, or a small one around a point that is taken up again.
      const double half = 0.5 * factor * region_.width(i);
      lower_[i] = (factor < 1 ? now_.theta[i] - half : region_.lower[i]) / ratio_[i];
      upper_[i] = (factor < 1 ? now_.theta[i] + half : region_.upper[i]) / ratio_[i];
      scales_[i] = step_scale_[i] * factor;
    }
    const RunFrame frame{.scale = unit_ * factor, .scales = scales_, .horizon = horizon, .lower = lower_, .upper = upper_};
    run_->start(observation(), frame);
    for (int step = 0; step < horizon; ++step) {
      RuleRun* const alone = run_.get();
      stepper_->decide({&alone, 1}, scratch_);
      stepper_->propose({&alone, 1}, scratch_);
      move();
      if (!evaluate()) return false;
      if (!now_.finite) {
        now_ = best;
      } else if (now_.value < best.value) {
        best = now_;
      }
      to_policy_units();
      run_->observe(observation());
    }
    return true;
  }

  Observation observation() const { return {theta_, gradient_, now_.value}; }

  /// Takes the step that the run proposes; where it is cut at a bound, the action becomes that of the step taken.
  void move() {
    before_ = now_.theta;
    run_->apply(now_.theta);
    for (std::size_t i = 0; i < before_.size(); ++i) {
      const double inside = std::clamp(now_.theta[i], region_.least[i], region_.most[i]);
      if (inside == now_.theta[i]) continue;
      now_.theta[i] = inside;
      run_->actions()[i] = encode_step(static_cast<float>((inside - before_[i]) / scales_[i]));
    }
  }

  /// now_ in the units in which every coordinate's step scale is unit_.
  void to_policy_units() {
    theta_ = now_.theta;
    gradient_ = now_.gradient;
    for (std::size_t i = 0; i < theta_.size(); ++i) theta_[i] /= ratio_[i];
    for (std::size_t i = 0; i < gradient_.size(); ++i) gradient_[i] *= ratio_[i];
  }

  const Objective& objective_;
  const MinimizeOptions& options_;
  MinimizeSummary& summary_;
  const Policy& policy_;
  Region region_;
  std::vector<double> full_, full_gradient_;  // the latest point with its fixed coordinates, and the gradient there [M]
  Random random_;
  std::shared_ptr<const Stepper> stepper_;
  std::unique_ptr<RuleRun> run_;
  bool observe_gradient_;
  int horizon_;
  std::vector<double> step_scale_;  // s_i
  double unit_ = 1;                 // the largest s_i
  std::vector<double> ratio_;       // s_i / unit_
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();

  double largest_gradient_ = 0;                                      // of points that are no worse than the first
  double best_gradient_ = std::numeric_limits<double>::quiet_NaN();  // at the best point, in units of the region
  double first_value_ = 0;                                           // the first finite one
  std::int64_t progress_at_ = 0;                                     // calls
  Point now_;
  Point anchor_;                          // the best point whose gradient is known
  std::vector<double> theta_, gradient_;  // now_ in the policy's units
  std::vector<double> lower_, upper_;     // the region of an episode, in the same
  std::vector<double> scales_;            // s_i of an episode
  std::vector<double> before_;            // θ before a step
  ProposalScratch scratch_;
};

}  // namespace

std::string_view to_string(MinimizeStatus status) {
  constexpr std::string_view kNames[] = {"budget",    "target",    "stopped",      "time",
                                         "stagnated", "converged", "never_finite", "threw"};
  return kNames[static_cast<std::size_t>(status)];
}

void minimize(const Objective& objective, std::span<const double> x0, const MinimizeOptions& options,
              MinimizeSummary& summary) {
  const std::vector<double> start(x0.begin(), x0.end());  // which may lie in the summary
  const MinimizeOptions all = checked(objective, options);
  summary = {};
  summary.message = "the objective or the callback threw an exception";
  Run(objective, start, all, summary).minimize();
}

MinimizeSummary minimize(const Objective& objective, std::span<const double> x0, const MinimizeOptions& options) {
  MinimizeSummary summary;
  minimize(objective, x0, options, summary);
  return summary;
}

}  // namespace scout
