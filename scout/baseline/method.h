// What the baselines share: making a method from its settings, tuning grids, and scales that let one setting serve many
// instances.
#pragma once

#include <initializer_list>
#include <utility>

#include "scout/base/options.h"
#include "scout/optimizer/optimizer.h"

namespace scout::baseline {

/// `OptimizerEntry::make` of a class whose members are its options.
template <class Method>
std::unique_ptr<Optimizer> make(const nlohmann::json& settings) {
  auto method = std::make_unique<Method>();
  set_options(*method, settings);
  return method;
}

/// `OptimizerEntry::grid` of a line with the one setting `preset()`.
template <nlohmann::json (*preset)()>
std::vector<nlohmann::json> only() {
  return {preset()};
}

/// `OptimizerEntry::make` of a class whose defaults are `preset()`.
template <class Method, nlohmann::json (*preset)()>
std::unique_ptr<Optimizer> make_preset(const nlohmann::json& settings) {
  auto method = std::make_unique<Method>();
  set_options(*method, preset());
  set_options(*method, settings);
  return method;
}

/// Runs `inner` from the given start, then from the instance's start distribution. Run k of the first `starts` may use an
/// equal share of what is left of the budget; if runs end early by themselves, further ones follow until the budget is used.
/// So starts = 1 means: restart on convergence.
struct MultiStart : Optimizer {
  explicit MultiStart(std::unique_ptr<Optimizer> method, int count = 1) : inner(std::move(method)), starts(count) {}
  Ending run(Oracle& oracle, std::span<const double> start, Seed seed) const override;
  template <class Visitor>
  void describe(Visitor&& visit) {
    visit("starts", starts, "runs that share the budget equally; 1: restart on convergence only", at_least(1));
  }

  std::unique_ptr<Optimizer> inner;
  int starts;
};

/// A MultiStart of what `make_inner` makes of the settings other than "starts".
std::unique_ptr<Optimizer> make_multistart(std::unique_ptr<Optimizer> (*make_inner)(const nlohmann::json&),
                                           const nlohmann::json& settings);

/// `count` >= 2 numbers from `low` to `high`, equally spaced in the logarithm.
std::vector<double> log_spaced(double low, double high, int count);

/// Every combination of the named axes, each axis a JSON array; the last axis varies fastest.
std::vector<nlohmann::json> product(std::initializer_list<std::pair<const char*, nlohmann::json>> axes);

/// Each of `settings` with a constant learning rate, and each with a warm-up of 5 % of the budget and then a cosine.
std::vector<nlohmann::json> with_schedules(const std::vector<nlohmann::json>& settings);

/// 0 <= x < 1.
inline constexpr Condition fraction{.low = 0, .high = 1, .open_high = true};
inline constexpr Condition share_of_budget = fraction;
/// A share of the steps of a run, rounded to whole ones.
std::int64_t share_of(double share, std::int64_t horizon);

/// The unit of learning rates. On a stochastic instance, the training of a network, it is 1: rates are what they are in
/// torch. Elsewhere it is the mean over the coordinates of upper - lower, so that one rate serves functions of any size.
double length_unit(const Instance& instance);

double root_mean_square(std::span<const double> numbers);

/// A learning rate, in units of length_unit() a step, and how it changes over a run: a linear warm-up, then a constant or a
/// half cosine.
struct RateOptions {
  double lr = 0.03;
  std::string schedule = "cosine";
  double warmup = 0;
  double hold = 0;
  double floor = 0;

  template <class Visitor>
  void describe(Visitor&& visit) {
    visit("lr", lr, "learning rate, in box widths a step; on networks, torch's", positive());
    visit("schedule", schedule, "constant, or a half cosine down to 0 at the end of the budget",
          OneOf{{"constant", "cosine"}});
    visit("warmup", warmup, "share of the budget in which the learning rate first rises linearly", share_of_budget);
    visit("hold", hold, "share of the budget before which the cosine does not begin", share_of_budget);
    visit("floor", floor, "where the cosine ends, over lr", between(0, 1));
  }

  /// The learning rate at step `step` of `horizon`.
  double at(std::int64_t step, std::int64_t horizon) const;
};

/// The scale of SGD-like steps. The right learning rate is inversely proportional to the scale of f, which differs between
/// the instances of a family; so `lr` is the root mean square length, in box widths, of the first step. It costs nothing,
/// since the gradient at the start is asked for anyway, and makes one tuned value serve all instances, which an absolute
/// rate cannot. On a stochastic instance it is 1: the rate is torch's.
class GradientScale {
 public:
  explicit GradientScale(const Instance& instance)
      : width_(length_unit(instance)), scale_(instance.stochastic() ? 1.0 : 0.0) {}
  /// width / rms(first gradient that is not zero); 0 before that.
  double operator()(std::span<const double> gradient) {
    if (scale_ == 0) {
      const double rms = root_mean_square(gradient);
      if (rms > 0) scale_ = width_ / rms;
    }
    return scale_;
  }

 private:
  double width_;
  double scale_;
};

}  // namespace scout::baseline
