#include "scout/policy/mlp/statistics_stepper.h"

#include <algorithm>
#include <cmath>

#include "scout/policy/mlp/tensor_perceptron.h"

namespace scout {
namespace {

/// The fallback's step, as a share of the tensor's scale, and what keeps its divisor above 0.
constexpr double kFallbackStep = 0.01, kFloor = 1e-20;

/// What acts in the place of the others.
class MomentumStepper : public StatisticsStepper {
 public:
  MomentumStepper(float bound, float epsilon) : StatisticsStepper({}, bound, epsilon), epsilon_(epsilon) {}

 protected:
  void prepare(const RunRecord& run, std::size_t n, double scale, StatisticsPlan& plan) const override {
    plan.step = static_cast<float>(run.annealing() * kFallbackStep * scale);
    plan.largest = std::sqrt(static_cast<double>(n));
  }
  void directions(const StatisticsPlan&, const GradientStatistics& statistics, std::size_t n, float* out) const override {
    for (std::size_t i = 0; i < n; ++i) out[i] = statistics.momentum(i) / std::sqrt(statistics.square(i) + epsilon_);
    normalise(out, n, kFloor);
  }

 private:
  float epsilon_;
};

}  // namespace

void normalise(float* x, std::size_t n, double floor) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  const float scale = inverse_rms(sum, n, floor);
  for (std::size_t i = 0; i < n; ++i) x[i] *= scale;
}

StatisticsStepper::StatisticsStepper(const GradientStatistics::Decays& decays, float bound, float epsilon)
    : decays_(decays), bound_(bound), epsilon_(epsilon) {}

StateLayout StatisticsStepper::layout() const {
  return {.type = StateLayout::Type::float32, .per_weight = static_cast<int>(GradientStatistics::kNumbers), .whole = true};
}

void StatisticsStepper::plan(RunRecord& run, TensorRecord& tensor, const TensorShape& shape, const kernel::TensorSums& sums,
                             const StepSettings& settings, TensorPlan& out) const {
  auto& plan = static_cast<StatisticsPlan&>(out);
  const double scale = tensor_scale(run, tensor, shape, sums);
  tensor.unit = 1;
  plan.steps = ++tensor.step;
  plan.sides = sides_of(shape);
  plan.lens = {static_cast<float>(settings.gradient_factor), bound_};
  const double left = 1 - std::pow(static_cast<double>(decays_.momentum[0]), static_cast<double>(plan.steps));
  plan.correction = static_cast<float>(1 / left);
  plan.decay = static_cast<float>(settings.rate * run.annealing() * settings.weight_decay);
  prepare(run, static_cast<std::size_t>(shape.size), scale, plan);
  plan.step *= static_cast<float>(settings.rate);
}

kernel::StepSums StatisticsStepper::step(const TensorPlan& any, const WeightPiece& piece, std::size_t n, double*) const {
  const auto& plan = static_cast<const StatisticsPlan&>(any);
  kernel::StepSums sums;
  if (n == 0) return sums;
  thread_local GradientStatistics statistics;
  thread_local std::vector<float> direction;
  direction.resize(n);
  sums.non_finite = statistics.update(decays_, plan.sides, plan.lens, piece, n);
  directions(plan, statistics, n, direction.data());
  for (std::size_t i = 0; i < n; ++i) {
    float& theta = piece.theta[i];
    const float delta = -plan.step * direction[i] - plan.decay * theta;
    const bool finite = std::isfinite(theta + delta);
    if (piece.delta != nullptr) {
      piece.delta[i] = finite ? delta : 0.0F;
    } else if (finite) {
      theta += delta;
    }
    const double moved = std::isfinite(direction[i]) ? static_cast<double>(direction[i]) : 0.0;
    const double mean = static_cast<double>(plan.correction * statistics.momentum(i));
    sums.update_square += moved * moved;
    sums.momentum_square += mean * mean;
  }
  return sums;
}

std::shared_ptr<const WeightStepper> StatisticsStepper::fallback() const {
  return std::make_shared<MomentumStepper>(bound_, epsilon_);
}

float StatisticsStepper::largest_step(const TensorPlan& any) const {
  const auto& plan = static_cast<const StatisticsPlan&>(any);
  return static_cast<float>(std::min(static_cast<double>(plan.step) * plan.largest, 1e30));
}

}  // namespace scout
