#include "scout/optimizer/minimize.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "scout/base/random.h"
#include "scout/optimizer/oracle.h"
#include "scout/policy/rule/action.h"

namespace scout {
namespace {

constexpr double kRefinement = 0.1;  // of the step scale, each time that the best point is taken up again
constexpr int kRefinements = 6;

double root_mean_square(std::span<const double> numbers) {
  double largest = 0;
  for (double x : numbers) largest = std::max(largest, std::abs(x));
  if (largest == 0) return 0;
  double sum = 0;
  for (double x : numbers) sum += (x / largest) * (x / largest);
  return largest * std::sqrt(sum / static_cast<double>(numbers.size()));
}

void check(std::span<const double> x0, const MinimizeOptions& options) {
  validate(options);
  auto number = [](double x) { return std::isfinite(x) ? json_text(x) : std::to_string(x); };
  if (options.policy == nullptr) throw_bad_option("policy", "null", "a policy, such as Policy::load(path)");
  if (options.policy->rule()->for_weights()) {
    throw_bad_option("policy", "of the rule '" + options.policy->description().rule.rule + "', for the weights of networks",
                     "of a rule for functions; LearnedOptimizer and PolicyOptimizer take this one");
  }
  if (x0.empty()) throw_bad_option("x0", "empty", "a point of one coordinate or more");
  const auto place = [](const std::string& name, std::size_t i) { return name + "[" + std::to_string(i) + "]"; };
  for (std::size_t i = 0; i < x0.size(); ++i) {
    if (!std::isfinite(x0[i])) throw_bad_option(place("x0", i), number(x0[i]), "finite");
  }
  const bool bounded = !options.lower.empty() || !options.upper.empty();
  if (options.keep_inside && !bounded) throw_bad_option("keep_inside", "true", "false without bounds");
  if (!bounded) return;
  for (const auto& [name, bounds] : {std::pair{"lower", &options.lower}, std::pair{"upper", &options.upper}}) {
    if (bounds->size() != x0.size()) {
      throw_bad_option(name, "of " + std::to_string(bounds->size()) + " numbers",
                       "of as many as x0, " + std::to_string(x0.size()));
    }
  }
  for (std::size_t i = 0; i < x0.size(); ++i) {
    const double width = options.upper[i] - options.lower[i];
    if (!(width > 0) || !std::isfinite(width)) {
      throw_bad_option(place("upper", i), number(options.upper[i]),
                       "above " + place("lower", i) + " = " + number(options.lower[i]) + ", both finite");
    }
    if (options.keep_inside && (x0[i] < options.lower[i] || x0[i] > options.upper[i])) {
      throw_bad_option(place("x0", i), number(x0[i]),
                       "in [" + number(options.lower[i]) + ", " + number(options.upper[i]) + "] with keep_inside");
    }
  }
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
        lower_bound_(options.lower),
        upper_bound_(options.upper),
        random_(Seed(options.seed).derive("minimize")),
        stepper_(policy_.stepper()),
        run_(stepper_->new_run(static_cast<int>(x0.size()))),
        observe_gradient_(policy_.rule()->observes_gradient()),
        horizon_(options.horizon > 0 ? options.horizon : policy_.description().horizon) {
    const double radius = std::max(root_mean_square(x0), 1.0);
    for (std::size_t i = 0; options.lower.empty() && i < x0.size(); ++i) {
      lower_bound_.push_back(x0[i] - radius);
      upper_bound_.push_back(x0[i] + radius);
    }
    for (std::size_t i = 0; i < x0.size(); ++i) {
      step_scale_.push_back(policy_.rule()->step_scale() * (upper_bound_[i] - lower_bound_[i]));
    }
    unit_ = *std::max_element(step_scale_.begin(), step_scale_.end());
    for (double s : step_scale_) ratio_.push_back(s / unit_);
    if (options.step_scale > 0) {
      unit_ = options.step_scale;
      for (std::size_t i = 0; i < x0.size(); ++i) step_scale_[i] = unit_ * ratio_[i];
    }
    now_.theta.assign(x0.begin(), x0.end());
    if (observe_gradient_) now_.gradient.resize(x0.size());
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
    summary_.message =
        message + " (" + std::to_string(summary_.values) + " values, " + std::to_string(summary_.gradients) + " gradients)";
  }

  /// A run that asks for points as it likes is one episode.
  void answer() {
    if (!evaluate(false)) return;
    RunFrame frame{.scale = unit_, .lower = lower_bound_, .upper = upper_bound_};
    frame.calls = options_.budget;
    frame.bounded = options_.keep_inside;
    frame.seed = options_.seed;
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
      finish(MinimizeStatus::budget, "the budget was used");
    }
  }

  /// f, and ∇f if it is observed, wanted, and the budget covers it, at now_.theta. Returns false if the run is over.
  bool evaluate(bool gradient_wanted = true) {
    const bool with_gradient = observe_gradient_ && gradient_wanted && remaining() >= 2;
    ++summary_.values;
    summary_.gradients += with_gradient ? 1 : 0;
    now_.value = objective_(now_.theta, with_gradient ? std::span(now_.gradient) : std::span<double>());
    now_.finite = std::isfinite(now_.value) && (!with_gradient || all_finite(now_.gradient));
    if (!now_.finite) ++summary_.non_finite;
    if (std::isfinite(now_.value) && now_.value < summary_.best_value) {
      summary_.best_value = now_.value;
      summary_.best_point = now_.theta;
    }
    if (now_.finite && (anchor_.theta.empty() || now_.value < anchor_.value)) anchor_ = now_;
    if (options_.history) summary_.history.push_back({summary_.calls(), summary_.episodes, now_.value, now_.theta});
    summary_.seconds = elapsed();

    if (summary_.best_value <= options_.target) {
      finish(MinimizeStatus::target, "f is at most the target");
    } else if (options_.callback && !options_.callback({summary_, now_.theta, now_.value})) {
      finish(MinimizeStatus::stopped, "the callback asked to stop");
    } else if (summary_.seconds >= options_.max_seconds) {
      finish(MinimizeStatus::time, "the time was over");
    } else if (remaining() > 0) {
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
        now_.theta[i] = random_.uniform(lower_bound_[i], upper_bound_[i]);
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
      const double half = 0.5 * factor * (upper_bound_[i] - lower_bound_[i]);
      lower_[i] = (factor < 1 ? now_.theta[i] - half : lower_bound_[i]) / ratio_[i];
      upper_[i] = (factor < 1 ? now_.theta[i] + half : upper_bound_[i]) / ratio_[i];
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
    for (std::size_t i = 0; options_.keep_inside && i < before_.size(); ++i) {
      const double inside = std::clamp(now_.theta[i], lower_bound_[i], upper_bound_[i]);
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
  std::vector<double> lower_bound_, upper_bound_;  // the region of interest
  Random random_;
  std::shared_ptr<const Stepper> stepper_;
  std::unique_ptr<RuleRun> run_;
  bool observe_gradient_;
  int horizon_;
  std::vector<double> step_scale_;  // s_i
  double unit_ = 1;                 // the largest s_i
  std::vector<double> ratio_;       // s_i / unit_
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();

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
  constexpr std::string_view kNames[] = {"budget", "target", "stopped", "time", "never_finite", "threw"};
  return kNames[static_cast<std::size_t>(status)];
}

void minimize(const Objective& objective, std::span<const double> x0, const MinimizeOptions& options,
              MinimizeSummary& summary) {
  summary = {};
  check(x0, options);
  summary.message = "the objective or the callback threw an exception";
  Run(objective, x0, options, summary).minimize();
}

MinimizeSummary minimize(const Objective& objective, std::span<const double> x0, const MinimizeOptions& options) {
  MinimizeSummary summary;
  minimize(objective, x0, options, summary);
  return summary;
}

}  // namespace scout
