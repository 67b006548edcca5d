#include "scout/optimizer/minimize.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "scout/base/random.h"
#include "scout/optimizer/batch.h"
#include "scout/optimizer/explorers.h"
#include "scout/optimizer/record.h"
#include "scout/optimizer/region.h"
#include "scout/policy/rule/action.h"
#include "scout/policy/shipped.h"

namespace scout {
namespace {

constexpr double kRefinement = 0.1;  // of the step scale, each time that the best point is taken up again
constexpr int kRefinements = 6;

MinimizeOptions checked(bool callable, MinimizeOptions options) {
  validate(options);
  if (!callable) throw_bad_option("objective", "empty", "a function that can be called");
  if (options.policy == nullptr) options.policy = policy(kUsualPolicy);
  if (options.policy->rule()->for_weights()) {
    throw_bad_option("policy", "of the rule '" + options.policy->description().rule.rule + "', for the weights of networks",
                     "of a rule for functions; LearnedOptimizer and PolicyOptimizer take this one");
  }
  return options;
}

struct Point {
  std::vector<double> theta;
  std::vector<double> gradient;  // empty if the policy does not observe it
  double value = 0;
  bool finite = false;  // value and gradient
};

/// Episodes, one after the other, of a policy that takes steps.
class Episodes {
 public:
  Episodes(const Objective& objective, std::span<const double> x0, const MinimizeOptions& options, const Region& region,
           const Stepper& stepper, MinimizeRecord& record, MinimizeSummary& summary)
      : objective_(objective),
        summary_(summary),
        policy_(*options.policy),
        region_(region),
        record_(record),
        full_(x0.begin(), x0.end()),
        random_(seed_of_start(options.seed, x0)),
        stepper_(stepper),
        run_(stepper.new_run(static_cast<int>(region_.free.size()))),
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
  std::int64_t remaining() const { return record_.remaining(); }

  /// f, and ∇f if it is observed and the budget covers it, at now_.theta. Returns false if the run is over.
  bool evaluate() {
    const bool with_gradient = observe_gradient_ && remaining() >= 2;
    for (std::size_t i = 0; i < region_.free.size(); ++i) full_[region_.free[i]] = now_.theta[i];
    record_.count(with_gradient);
    now_.value = objective_(full_, with_gradient ? std::span(full_gradient_) : std::span<double>());
    for (std::size_t i = 0; with_gradient && i < region_.free.size(); ++i) {
      now_.gradient[i] = full_gradient_[region_.free[i]];
    }
    const Evaluated point{full_, now_.theta,
                          with_gradient ? std::span<const double>(now_.gradient) : std::span<const double>(), now_.value};
    now_.finite = point.finite();
    if (now_.finite && (anchor_.theta.empty() || now_.value < anchor_.value)) anchor_ = now_;
    record_.take(point, summary_.episodes);
    if (record_.over()) record_.finish();
    return !record_.over();
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
      stepper_.decide({&alone, 1}, scratch_);
      stepper_.propose({&alone, 1}, scratch_);
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
  MinimizeSummary& summary_;
  const Policy& policy_;
  const Region& region_;
  MinimizeRecord& record_;
  std::vector<double> full_, full_gradient_;  // the latest point with its fixed coordinates, and the gradient there [M]
  Random random_;
  const Stepper& stepper_;
  std::unique_ptr<RuleRun> run_;
  bool observe_gradient_;
  int horizon_;
  std::vector<double> step_scale_;  // s_i
  double unit_ = 1;                 // the largest s_i
  std::vector<double> ratio_;       // s_i / unit_
  Point now_;
  Point anchor_;                          // the best point whose gradient is known
  std::vector<double> theta_, gradient_;  // now_ in the policy's units
  std::vector<double> lower_, upper_;     // the region of an episode, in the same
  std::vector<double> scales_;            // s_i of an episode
  std::vector<double> before_;            // θ before a step
  ProposalScratch scratch_;
};

void begin(MinimizeSummary& summary) {
  summary = {};
  summary.message = "the objective or the callback threw an exception";
}

void run(const Objective& objective, const EvaluateBatch& evaluate, std::span<const double> x0,
         const MinimizeOptions& options, MinimizeSummary& summary) {
  const Region region(x0, options.lower, options.upper, options.keep_inside);
  const auto stepper = options.policy->stepper();
  const bool asks = stepper->new_run(static_cast<int>(region.free.size()))->asks();
  const UpdateRule& rule = *options.policy->rule();
  if (!asks && options.explorers > 1) {
    throw_bad_option("explorers", std::to_string(options.explorers),
                     "1 with a policy of the rule '" + options.policy->description().rule.rule +
                         "', whose runs share nothing; explorers are for the rule control, such as 'surfaces'");
  }
  if (!asks && options.differences) {
    throw_bad_option("differences", "true",
                     "false with a policy of the rule '" + options.policy->description().rule.rule +
                         "'; differences are for the rule control, such as 'surfaces'");
  }
  begin(summary);
  MinimizeRecord record(options, region, rule.observes_gradient() && !asks, summary);
  if (asks) {
    const EvaluateBatch differences = by_differences(evaluate, region);
    return Explorers(options.differences ? differences : evaluate, x0, options, region, *stepper, record, summary)
        .minimize();
  }
  Episodes(objective, x0, options, region, *stepper, record, summary).minimize();
}

}  // namespace

std::string_view to_string(MinimizeStatus status) {
  constexpr std::string_view kNames[] = {"budget",    "target",    "stopped",      "time",
                                         "stagnated", "converged", "never_finite", "threw"};
  return kNames[static_cast<std::size_t>(status)];
}

void minimize(const Objective& objective, std::span<const double> x0, const MinimizeOptions& options,
              MinimizeSummary& summary) {
  const std::vector<double> start(x0.begin(), x0.end());  // which may lie in the summary
  const MinimizeOptions all = checked(static_cast<bool>(objective), options);
  run(objective, point_by_point(objective, all.explorers > 1 || all.differences ? all.threads : 1), start, all, summary);
}

MinimizeSummary minimize(const Objective& objective, std::span<const double> x0, const MinimizeOptions& options) {
  MinimizeSummary summary;
  minimize(objective, x0, options, summary);
  return summary;
}

void minimize(const BatchObjective& objective, std::span<const double> x0, const MinimizeOptions& options,
              MinimizeSummary& summary) {
  const std::vector<double> start(x0.begin(), x0.end());
  const MinimizeOptions all = checked(static_cast<bool>(objective), options);
  const Objective one = [&](std::span<const double> theta, std::span<double> gradient) {
    double f = 0;
    objective(theta, {&f, 1}, gradient);
    return f;
  };
  run(one, at_once(objective), start, all, summary);
}

MinimizeSummary minimize(const BatchObjective& objective, std::span<const double> x0, const MinimizeOptions& options) {
  MinimizeSummary summary;
  minimize(objective, x0, options, summary);
  return summary;
}

}  // namespace scout
