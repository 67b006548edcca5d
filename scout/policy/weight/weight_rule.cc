#include "scout/policy/weight/weight_rule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <stdexcept>

#include "scout/policy/rule/action.h"
#include "scout/policy/rule/rule_entry.h"
#include "scout/policy/weight/formulas.h"
#include "scout/policy/weight/fused_stepper.h"

namespace scout {
namespace {

/// log2(a), less `middle`, over `width`, clipped to [-1, 1].
double place(double a, double middle, double width) { return std::clamp((std::log2(a) - middle) / width, -1.0, 1.0); }

/// log2(a/b) / width, clipped to [-1, 1]; 0 if one of them is 0.
double log_ratio(double a, double b, double width) {
  return a > 0 && b > 0 ? std::clamp(std::log2(a / b) / width, -1.0, 1.0) : 0.0;
}

/// The step of a weight, from outputs u and features: the formulas of weight_step.h.
struct Step {
  float size;
  float direction;
  float slope[kernel::kOutputs];  // of the direction by the outputs; that by u_1 is not used
  float step;                     // in units of the largest

  Step(const float* out, const float* x) {
    const auto expand = [&](int k) { return kernel::kCompression[k] * x[k] / std::max(1.0F - std::fabs(x[k]), 1e-6F); };
    slope[0] = x[kernel::kMomentumFeature];
    slope[1] = 0;
    slope[2] = x[kernel::kGradientFeature];
    slope[3] = expand(2);
    slope[4] = expand(3);
    slope[5] = x[kernel::kThetaFeature];
    direction = expand(1);
    for (int k = 0; k < kernel::kOutputs; ++k) direction += WeightRule::kOutputScale * out[k] * slope[k];
    const float log_size = WeightRule::kOutputScale * std::numbers::log2e_v<float> * out[1];
    size = fast_exp2(std::clamp(log_size, kernel::kLeastLogStep, kernel::kGreatestLogStep));
    step = std::clamp(size * direction / kernel::kStepBound, -1.0F, 1.0F);
  }

  float action() const { return encode_step(step); }
  /// ∂L/∂u, given ∂L/∂a. da/dΔ is steep where steps are small; a unit of output must not move the action by more than a
  /// unit.
  void gradient(float d_action, float* d) const {
    const float da = inwards(action(), d_action);
    const float rise = action_slope(step) * WeightRule::kOutputScale;
    const auto part = [&](float d_step) { return da * std::clamp(rise * d_step, -1.0F, 1.0F); };
    for (int k = 0; k < kernel::kOutputs; ++k) d[k] = part(size * slope[k] / kernel::kStepBound);
    d[1] = part(step);
  }
};

constexpr int kInputs = kernel::kFeatures + WeightRule::kContext;

class StepMap : public ActionMap {
 public:
  void actions(const float* outputs, const float* features, int rows, float* actions) const override {
    for (std::ptrdiff_t r = 0; r < rows; ++r) {
      actions[r] = Step(outputs + r * kernel::kOutputs, features + r * kInputs).action();
    }
  }
  void gradient(const float* outputs, const float* features, const float* d_actions, int rows,
                float* d_outputs) const override {
    for (std::ptrdiff_t r = 0; r < rows; ++r) {
      const Step step(outputs + r * kernel::kOutputs, features + r * kInputs);
      step.gradient(d_actions[r], d_outputs + r * kernel::kOutputs);
    }
  }
};

Actor make_actor(std::vector<int> hidden) {
  if (hidden.size() >= static_cast<std::size_t>(kernel::kMostLayers)) {
    throw std::invalid_argument("option 'hidden' has " + std::to_string(hidden.size()) +
                                " layers: the rule \"weight\" has at most " + std::to_string(kernel::kMostLayers - 1));
  }
  for (int width : hidden) {
    if (width >= 1 && width <= kernel::kMostHidden) continue;
    throw std::invalid_argument("option 'hidden' has a layer of " + std::to_string(width) +
                                ": widths of the rule \"weight\" are from 1 to " + std::to_string(kernel::kMostHidden));
  }
  std::vector<int> context(WeightRule::kContext);
  std::iota(context.begin(), context.end(), kernel::kFeatures);
  return Actor(Mlp(layer_sizes(kInputs, std::move(hidden), kernel::kOutputs)), 1, std::make_shared<StepMap>(),
               std::move(context), kernel::kOutputs);
}

}  // namespace

WeightRule::WeightRule(std::vector<int> hidden, double step_scale)
    : actor_(make_actor(std::move(hidden))), step_scale_(step_scale) {}

std::shared_ptr<const Stepper> WeightRule::with(std::span<const float> parameters) const {
  require_parameter_count(parameters.size());
  return std::make_shared<FusedStepper>(*this, parameters);
}

RuleEntry weight_rule() {
  return {"weight",
          "weights of networks: one network for every weight, which shapes an Adam step in the tensor's scale",
          {"hidden", "step_scale"},
          [](const RuleOptions& options) -> std::shared_ptr<const UpdateRule> {
            return std::make_shared<WeightRule>(options.hidden, options.step_scale);
          }};
}

std::array<float, WeightRule::kContext> weight_context(const RunRecord& run, const TensorRecord& tensor,
                                                       const TensorShape& shape, double scale, double gradient_square) {
  const double size = static_cast<double>(shape.size);
  const double running =
      std::sqrt(tensor.square_mean / (1 - std::pow(kernel::kSquareDecay, static_cast<double>(tensor.step))));
  const bool planned = run.horizon > 0;
  const double elapsed = run.elapsed();
  const double range = run.worst_loss - run.best_loss;
  const double spread = std::sqrt(run.loss_variance) + 1e-12 * std::fabs(run.slow_loss);
  const bool trend = run.loss_given && run.losses > 1 && spread > 0;
  const std::array<double, WeightRule::kContext> values{
      place(size, 10, 10),
      shape.dimensions < 2 ? 1.0 : 0.0,
      shape.dimensions > 3 ? 1.0 : 0.0,
      shape.dimensions < 2 ? 0.0 : log_ratio(scale * std::sqrt(size / static_cast<double>(shape.rows)), 1, 8),
      log_ratio(scale, tensor.first_scale, 4),
      log_ratio(std::sqrt(gradient_square), running, 4),
      log_ratio(running, 1, 8),
      running > 0 ? std::min(std::sqrt(tensor.momentum_square) / running, 1.0) : 0.0,
      log_ratio(std::sqrt(tensor.update_square), 1, 4),
      elapsed,
      planned ? std::max(std::log2(std::max(1 - elapsed, 1e-3)) / 8, -1.0) : 0.0,
      planned ? 1.0 : 0.0,
      planned ? place(static_cast<double>(run.horizon), 10, 4) : 0.0,
      place(static_cast<double>(run.step) + 1, 6, 6),
      run.loss_given ? 1.0 : 0.0,
      run.loss_given && range > 0 ? (run.fast_loss - run.best_loss) / range : 0.0,
      trend ? std::clamp((run.slow_loss - run.fast_loss) / (4 * spread), -1.0, 1.0) : 0.0,
  };
  std::array<float, WeightRule::kContext> out;
  std::transform(values.begin(), values.end(), out.begin(), [](double x) { return static_cast<float>(x); });
  return out;
}

}  // namespace scout
