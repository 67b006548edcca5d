// The rule "history": one network for all coordinates of a function of fixed, small M, on the changes of f and the gradients
// of the last steps as they are (Li & Malik 2016, "Learning to optimize", section 4).
#include <algorithm>
#include <stdexcept>

#include "scout/policy/rule/observer_rule.h"
#include "scout/policy/rules.h"

namespace scout {
namespace {

/// What a feature is cut off at.
constexpr double kLargest = 100;

/// One row: f(θ_t) - f(θ_{t-i}) for i = 1 .. H, then ∇f(θ_{t-i}) for i = 0 .. H - 1; zero for steps before the start. In f's
/// own units, cut off at ±100. θ itself is not seen, so the rule does not depend on where it is. An action is the step, in
/// units of the largest.
class HistoryObserver : public Observer {
 public:
  HistoryObserver(int dimension, int history)
      : Observer(dimension, dimension, nullptr, true),
        dimension_(static_cast<std::size_t>(dimension)),
        history_(static_cast<std::size_t>(history)) {}

  std::size_t rows() const override { return 1; }
  std::size_t features() const override { return history_ * (1 + dimension_); }

  void write(float* features) const override {
    std::fill_n(features, this->features(), 0.0F);
    for (std::size_t i = 1; i < values_.size(); ++i) features[i - 1] = cut(values_[0] - values_[i]);
    std::ranges::transform(gradients_, features + history_, cut);
  }

  void save(ArchiveWriter& archive) const override {
    Observer::save(archive);
    archive(values_, gradients_);
  }
  void restore(ArchiveReader& archive) override {
    Observer::restore(archive);
    archive(values_, gradients_);
    const bool fits = !values_.empty() && values_.size() <= history_ + 1 &&
                      gradients_.size() == std::min(values_.size(), history_) * dimension_;
    if (!fits) archive.fail("a run of the rule history with another history");
  }

 protected:
  void begin(const Observation& first, const RunFrame&) override {
    values_.clear();
    gradients_.clear();
    take_in(first);
  }

  void take_in(const Observation& next) override {
    values_.insert(values_.begin(), *next.f);
    gradients_.insert(gradients_.begin(), next.gradient.begin(), next.gradient.end());
    values_.resize(std::min(values_.size(), history_ + 1));
    gradients_.resize(std::min(gradients_.size(), history_ * dimension_));
  }

 private:
  static float cut(double x) { return static_cast<float>(std::clamp(x, -kLargest, kLargest)); }

  std::size_t dimension_;
  std::size_t history_;
  std::vector<double> values_;     // newest first [at most H + 1]
  std::vector<double> gradients_;  // newest first [at most H, M]
};

std::shared_ptr<const UpdateRule> make_history_rule(const RuleOptions& options) {
  const int m = options.dimension;
  const int history = options.history;
  if (m < 1) throw_bad_option("dimension", std::to_string(m), "at least 1");
  const auto new_observer = [=](int dimension, std::shared_ptr<const DecisionHead>) {
    if (dimension != m) {
      throw std::invalid_argument("a policy of the rule \"history\" for M = " + std::to_string(m) +
                                  " cannot minimise a function of M = " + std::to_string(dimension) +
                                  ": train one for this dimension, or use a policy of the rule \"coordinate\"");
    }
    return std::make_unique<HistoryObserver>(m, history);
  };
  return std::make_shared<ObserverRule>(Actor(history * (1 + m), options.hidden, m), new_observer, true, options.step_scale,
                                        "history/1:M=" + std::to_string(m) + ":H=" + std::to_string(history));
}

}  // namespace

RuleEntry history_rule() {
  return {"history",
          "functions of one M: one network for all coordinates, on changes of f and gradients (Li & Malik 2016)",
          {"dimension", "hidden", "history", "step_scale"},
          make_history_rule};
}

}  // namespace scout
