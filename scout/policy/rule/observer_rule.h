// A rule for functions: an observer of the run, and an actor on what it sees.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "scout/policy/rule/update_rule.h"

namespace scout {

/// A run as an actor sees it: its features, built step by step. Unless an option says otherwise everything is relative: θ to
/// the start and to the best point, in units of the step scale; f to the range seen so far; ∇f to its own running size. So a
/// rule cannot memorise where optima lie, and is invariant to shifts of θ and f, to a positive scaling of f, and (through
/// the step scale) to the scaling of θ.
///
/// Actions are in the code of action.h, or are the steps themselves (`linear`). The features of a coordinate may be written
/// as if its gradient pointed upwards (all signs flipped where it does not: `orient`), so that the rule is equivariant to
/// reflections.
class Observer : public RuleRun {
 public:
  /// `row_actions`: the actions of a row. `decisions`: the head that decides for the run; null: none.
  Observer(int dimension, int row_actions, std::shared_ptr<const DecisionHead> decisions = nullptr, bool linear = false)
      : actions_(static_cast<std::size_t>(dimension)),
        row_actions_(static_cast<std::size_t>(row_actions)),
        linear_(linear),
        decisions_(std::move(decisions)),
        decision_(decisions_ != nullptr ? static_cast<std::size_t>(decisions_->size()) : 0) {}

  /// Throws std::invalid_argument if f is not known.
  void start(const Observation& first, const RunFrame& frame) final;
  void observe(const Observation& next) final;
  std::span<float> actions() final { return actions_; }
  std::span<float> decision() final { return decision_; }
  std::span<const float> decision() const { return decision_; }
  bool decision_due() const final { return decisions_ != nullptr && decisions_->due(step_, horizon_); }
  void apply(std::span<double> theta) const final;
  float action_of(float step) const final { return linear_ ? step : encode_step(step); }
  void write_features(std::span<const std::size_t> rows, float* out) const final;
  void write_actions(std::span<const std::size_t> rows, float* out) const final;

  /// Writes the features of all rows [rows, features], row-major.
  virtual void write(float* features) const = 0;

  void save(ArchiveWriter& archive) const override { archive(scales_, actions_, decision_, step_, horizon_); }
  void restore(ArchiveReader& archive) override;

 protected:
  /// Begins a run whose f is known; the frame's horizon has to be. The gradient is ignored, and may be empty, if gradients
  /// are not observed.
  virtual void begin(const Observation& first, const RunFrame& frame) = 0;
  /// Takes in the point that `actions()` led to, whose f is known.
  virtual void take_in(const Observation& next) = 0;

 private:
  std::vector<double> scales_;  // the largest step of each coordinate
  std::vector<float> actions_;
  std::size_t row_actions_;
  bool linear_;
  std::shared_ptr<const DecisionHead> decisions_;
  std::vector<float> decision_;
  std::int64_t step_ = 0;
  std::int64_t horizon_ = 0;
};

class ObserverRule : public UpdateRule {
 public:
  /// `decisions`: null if the rule has none.
  using NewObserver = std::function<std::unique_ptr<Observer>(int dimension, std::shared_ptr<const DecisionHead> decisions)>;

  /// `gradient`: whether it is observed.
  ObserverRule(Actor actor, NewObserver new_observer, bool gradient, double step_scale, std::string signature,
               std::optional<DecisionHead> decisions = {})
      : UpdateRule(std::move(signature), step_scale, std::move(actor), std::move(decisions)),
        new_observer_(std::move(new_observer)),
        gradient_(gradient) {}

  bool observes_gradient() const override { return gradient_; }

 protected:
  std::shared_ptr<const Stepper> make_stepper(std::span<const float> parameters) const override;

 private:
  NewObserver new_observer_;
  bool gradient_;
};

/// "f,theta,step,gradient", or without the gradient: for signatures.
inline std::string observed(bool gradient) { return gradient ? "f,theta,step,gradient" : "f,theta,step"; }

}  // namespace scout
