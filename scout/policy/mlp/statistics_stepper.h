// What steppers of rules that see GradientStatistics have in common: state, plan, and the step that a direction makes.
#pragma once

#include <memory>
#include <vector>

#include "scout/policy/mlp/gradient_statistics.h"
#include "scout/policy/weight/weight_stepper.h"

namespace scout {

class StatisticsPlan : public TensorPlan {
 public:
  MatrixSides sides;
  GradientStatistics::Lens lens;
  std::int64_t steps = 0;  ///< this one included
  float correction = 1;    ///< of the first momentum's bias
  float step = 0;          ///< Δθ = -step · direction - decay · θ
  float decay = 0;
  double largest = 1;  ///< no direction exceeds this
  std::vector<float> constants{};
};

/// Moves a tensor, as a whole, by Δθ = -step · direction - decay · θ. State: GradientStatistics' numbers.
class StatisticsStepper : public WeightStepper {
 public:
  /// `bound`: of gradients, as in GradientStatistics::Lens. `epsilon`: ε of the features; the fallback's.
  StatisticsStepper(const GradientStatistics::Decays& decays, float bound, float epsilon);

  StateLayout layout() const override;
  std::unique_ptr<TensorPlan> new_plan() const override { return std::make_unique<StatisticsPlan>(); }
  void plan(RunRecord& run, TensorRecord& tensor, const TensorShape& shape, const kernel::TensorSums& sums,
            const StepSettings& settings, TensorPlan& plan) const override;
  kernel::StepSums step(const TensorPlan& plan, const WeightPiece& piece, std::size_t n, double*) const override;
  /// Steps of a hundredth of the tensor's scale along m_0/√(v + ε), divided by its root mean square, annealed.
  std::shared_ptr<const WeightStepper> fallback() const override;
  float largest_step(const TensorPlan& plan) const override;

 protected:
  /// Sets `step`, but for the caller's rate, `largest`, and what else `directions` wants. `scale`: of the tensor's weights.
  virtual void prepare(const RunRecord& run, std::size_t n, double scale, StatisticsPlan& plan) const = 0;
  /// Of all weights [n], n >= 1.
  virtual void directions(const StatisticsPlan& plan, const GradientStatistics& statistics, std::size_t n,
                          float* out) const = 0;
  const GradientStatistics::Decays& decays() const { return decays_; }

 private:
  GradientStatistics::Decays decays_;
  float bound_, epsilon_;
};

/// Divides numbers by their root mean square; `floor` is added to the mean square.
void normalise(float* x, std::size_t n, double floor);

}  // namespace scout
