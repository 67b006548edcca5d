#include "scout/policy/weight/weight_stepper.h"

#include <algorithm>
#include <cmath>

#include "scout/policy/weight/weight_run.h"

namespace scout {
namespace {

/// A tensor's scale is at least a share of the rms of all weights at the start, or this where those were zero.
constexpr double kShareOfAll = 0.3, kScaleOfNothing = 0.05, kNothing = 1e-30;
/// The step of plain descent, as a share of the tensor's scale.
constexpr double kDescentStep = 0.01;

double rms(double square, const TensorShape& shape) {
  return shape.size > 0 ? std::sqrt(square / static_cast<double>(shape.size)) : 0.0;
}

}  // namespace

void RunRecord::observe_loss(std::optional<double> given) {
  loss_given = given && std::isfinite(*given);
  if (!loss_given) return;
  const double loss = *given;
  if (losses == 0) best_loss = worst_loss = fast_loss = slow_loss = loss;
  fast_loss += 0.1 * (loss - fast_loss);
  slow_loss += 0.01 * (loss - slow_loss);
  loss_variance += 0.01 * ((loss - slow_loss) * (loss - slow_loss) - loss_variance);
  best_loss = std::min(best_loss, fast_loss);
  worst_loss = std::max(worst_loss, fast_loss);
  ++losses;
}

double RunRecord::elapsed() const {
  return horizon > 0 ? std::min(1.0, static_cast<double>(step) / static_cast<double>(horizon)) : 0.0;
}

double RunRecord::annealing() const { return std::max(1 - elapsed(), 0.01); }

double tensor_scale(const RunRecord& run, TensorRecord& tensor, const TensorShape& shape, const kernel::TensorSums& sums) {
  if (tensor.step == 0) tensor.least_scale = run.first_rms > kNothing ? kShareOfAll * run.first_rms : kScaleOfNothing;
  return std::max(rms(sums.theta_square, shape), tensor.least_scale);
}

std::unique_ptr<RuleRun> WeightStepper::new_run(int dimension) const {
  return std::make_unique<WeightRun>(shared_from_this(), dimension);
}

void WeightStepper::propose(std::span<RuleRun* const> runs, ProposalScratch&) const {
  for (RuleRun* run : runs) static_cast<WeightRun*>(run)->update();
}

double plain_descent(const RunRecord& run, TensorRecord& tensor, const TensorShape& shape, const kernel::TensorSums& sums,
                     const StepSettings& settings) {
  const double scale = tensor_scale(run, tensor, shape, sums);
  const double gradient = settings.gradient_factor * rms(sums.gradient_square, shape);
  return gradient > 0 ? std::min(settings.rate * run.annealing() * kDescentStep * scale / gradient, 1e18) : 0.0;
}

void WeightStepper::begin(RunRecord& run, double theta_square, std::int64_t size) const {
  if (run.step == 0) run.first_rms = size > 0 ? std::sqrt(theta_square / static_cast<double>(size)) : 0.0;
}

void WeightStepper::end(RunRecord&, TensorRecord& tensor, const TensorShape& shape, const kernel::StepSums& sums,
                        std::span<const double>) const {
  const auto mean = [&](double sum) { return shape.size > 0 ? sum / static_cast<double>(shape.size) : 0.0; };
  tensor.update_square = mean(sums.update_square);
  tensor.momentum_square = mean(sums.momentum_square);
}

TensorRecord WeightStepper::new_record() const {
  return {.own = std::vector<double>(static_cast<std::size_t>(layout().per_tensor))};
}

RunRecord WeightStepper::new_run_record(std::int64_t horizon) const {
  return {.horizon = horizon, .own = std::vector<double>(static_cast<std::size_t>(layout().per_run))};
}

}  // namespace scout
