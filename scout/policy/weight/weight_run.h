// Rules of weights on plain vectors: runs as a learner drives them, and guarded trainings, without LibTorch.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "scout/policy/rule/update_rule.h"
#include "scout/policy/weight/guarded_step.h"

namespace scout {

/// The tensors of one θ [M] and what a rule keeps of them.
class PlainTensors {
 public:
  /// One vector where `tensors` is empty. Throws std::invalid_argument if their sizes do not add up to M.
  PlainTensors(const WeightStepper& stepper, std::span<const TensorShape> tensors, std::size_t dimension);

  /// Takes in θ and ∇f [M], and their sums.
  void load(std::span<const double> theta, std::span<const double> gradient);
  /// Sums of what was loaded.
  void add_up();
  /// Works out Δθ.
  void step(const WeightStepper& stepper);
  /// Forgets all but θ.
  void clear(const WeightStepper& stepper);

  std::vector<TensorStep>& steps() { return steps_; }
  const std::vector<TensorStep>& steps() const { return steps_; }
  std::vector<float>& delta() { return delta_; }
  const std::vector<float>& delta() const { return delta_; }
  std::vector<TensorRecord>& records() { return records_; }
  /// The tensor that a weight belongs to, and where that begins.
  std::size_t tensor_of(std::size_t weight) const;
  std::size_t begin_of(std::size_t tensor) const { return begin_[tensor]; }
  WeightPiece piece(std::size_t tensor) const;

  template <class Archive>
  void visit(Archive& a) {
    for (auto* numbers : {&theta_, &gradient_, &delta_}) a.raw(numbers->data(), numbers->size() * sizeof(float));
    a.raw(state_.data(), state_.size());
  }

 private:
  std::size_t element_size_;        // of the state
  std::vector<std::size_t> begin_;  // of each tensor; one past the last is M
  std::vector<TensorRecord> records_;
  std::vector<std::unique_ptr<TensorPlan>> plans_;
  std::vector<TensorStep> steps_;
  std::vector<float> theta_, gradient_, delta_;
  std::vector<std::byte> state_;
};

/// One run, unguarded. An action is Δθ. A component of ∇f that is not finite counts as 0; an f that is not finite is passed
/// over.
class WeightRun : public RuleRun {
 public:
  WeightRun(std::shared_ptr<const WeightStepper> stepper, int dimension);

  void start(const Observation& first, const RunFrame& frame) override;
  void observe(const Observation& next) override;
  /// Advances the state and works out the actions.
  void update();

  std::span<float> actions() override { return tensors_.delta(); }
  std::span<float> decision() override { return decision_; }
  std::size_t decision_rows() const override { return tensors_.steps().size(); }
  std::size_t decision_features() const override;
  void write_decision_features(float* out) const override;
  bool decision_due() const override;
  void apply(std::span<double> theta) const override;
  float largest_action(std::size_t i) const override;

  std::size_t rows() const override { return tensors_.delta().size(); }
  std::size_t features() const override { return stepper_->features(); }
  void write_features(std::span<const std::size_t> rows, float* out) const override;
  void write_actions(std::span<const std::size_t> rows, float* out) const override;

  void save(ArchiveWriter& archive) const override;
  void restore(ArchiveReader& archive) override;

 private:
  void plan();
  void end();
  /// Plans anew where the decision was changed since.
  void take_decision();

  std::shared_ptr<const WeightStepper> stepper_;
  PlainTensors tensors_;
  RunRecord run_;
  std::optional<double> f_;
  std::vector<float> decision_;  // as the plan made it, or as a mover changed it
  bool stepped_ = false;
  // As they were before the last plan: what a run is restored from.
  RunRecord run_before_;
  std::vector<TensorRecord> records_before_;
};

/// A training on a plain vector, guarded: the steps of LearnedOptimizer.
class GuardedRun : private StepTarget {
 public:
  /// `tensors`: what θ consists of, in order. `horizon`: steps that the run will make; 0 if that is not known.
  GuardedRun(const std::shared_ptr<const WeightStepper>& stepper, std::span<const TensorShape> tensors,
             std::size_t dimension, std::int64_t horizon, bool guarded = true);

  /// Moves θ [M] by a step, given ∇f [M] and, if it is known, f there.
  void step(std::span<double> theta, std::span<const double> gradient, std::optional<double> f = {});
  const GuardReport& report() const { return step_.report(); }

 private:
  std::vector<TensorStep*> tensors() override;
  void step(const WeightStepper& stepper) override;
  void hold(bool all) override;
  void restore() override;
  double slope() override;
  void exchange() override;
  void clear() override;

  GuardedStep step_;
  PlainTensors tensors_;
  std::span<double> theta_;
  std::span<const double> gradient_;
  std::vector<double> held_;
};

}  // namespace scout
