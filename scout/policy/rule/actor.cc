#include "scout/policy/rule/actor.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "scout/policy/coordinate/coordinatewise_observer.h"
#include "scout/policy/rule/action.h"
#include "scout/policy/weight/formulas.h"

namespace scout {
namespace {

/// The initial policy, as outputs: the base is 0. The probe begins far above it and falls below it half-way through the run;
/// the models rise with what they explain.
constexpr float kInitialProbe = 8.0F;
constexpr float kInitialProbeEnd = -8.0F;
constexpr float kInitialModel = -1.0F;
constexpr float kInitialSeparableTrust = 4.0F;
constexpr float kInitialQuadraticTrust = 1.5F;
constexpr float kInitialOther = -1.0F;

std::vector<int> layer_sizes(int inputs, std::vector<int> hidden, int outputs) {
  hidden.insert(hidden.begin(), inputs);
  hidden.push_back(outputs);
  return hidden;
}

}  // namespace

Actor::Actor(int inputs, std::vector<int> hidden, int actions)
    : network_(layer_sizes(inputs, std::move(hidden), actions)), actions_(actions) {}

Actor::Actor(const ObserverOptions& observer, std::vector<int> hidden, bool proposals) {
  const int inputs = feature_count(observer);
  if (observer.form == "joint") {
    *this = Actor(inputs, std::move(hidden), observer.dimension);
    return;
  }
  if (proposals) {
    proposals_ = CoordinatewiseObserver::proposal_features();
    context_ = CoordinatewiseObserver::context_features();
  }
  // The step's size and the base's, then the weights of the base and of the other proposals.
  const int outputs = proposals ? static_cast<int>(proposals_.size()) + 1 : 1;
  network_ = Mlp(layer_sizes(inputs, std::move(hidden), outputs));
  if (proposals) schedule_ = {static_cast<int>(context_.size()), outputs - 1, network_.parameter_count()};
}

Actor::Actor(const WeightRule& rule) : network_(rule.network()), schedule_(rule.schedule()), rule_(true) {
  context_.resize(WeightRule::kContext);
  std::iota(context_.begin(), context_.end(), kernel::kFeatures);
}

std::vector<std::size_t> Actor::schedule_parameters(const std::vector<int>& outputs) const {
  const auto count = static_cast<std::size_t>(schedule_.out);
  std::vector<bool> wanted(count, outputs.empty());
  for (const int output : outputs) {
    if (output < 0 || output >= schedule_.out) {
      throw std::invalid_argument("output " + std::to_string(output) + " of the schedule: it has those below " +
                                  std::to_string(schedule_.out));
    }
    wanted[static_cast<std::size_t>(output)] = true;
  }
  const std::size_t weights = count * static_cast<std::size_t>(schedule_.in);
  std::vector<std::size_t> out;
  for (std::size_t k = 0; k < schedule_.size(); ++k) {
    const std::size_t output = k < weights ? k / static_cast<std::size_t>(schedule_.in) : k - weights;
    if (wanted[output]) out.push_back(schedule_.offset + k);
  }
  return out;
}

std::vector<float> Actor::initial_parameters(Random& random) const {
  std::vector<float> parameters = network_.initial_parameters(random, scheduled() ? 0.0F : 0.1F);
  parameters.resize(parameter_count(), 0.0F);
  if (proposals_.empty()) return parameters;
  using Observed = CoordinatewiseObserver;
  float* weight = parameters.data() + schedule_.offset;
  float* bias = weight + schedule_.in * schedule_.out;
  const auto find = [](const std::vector<int>& features, int feature) {
    return std::find(features.begin(), features.end(), feature) - features.begin();
  };
  const auto set = [&](int proposal, float constant, int context, float slope) {
    const std::ptrdiff_t output = find(proposals_, proposal);
    bias[output] = constant;
    weight[output * schedule_.in + find(context_, context)] = slope;
  };
  std::fill(bias + 2, bias + schedule_.out, kInitialOther);
  set(Observed::kToProbe, kInitialProbe, Observed::kElapsed, kInitialProbeEnd - kInitialProbe);
  set(Observed::kToSeparable, kInitialModel, Observed::kSeparableMeanUnexplained, -kInitialSeparableTrust);
  set(Observed::kToQuadratic, kInitialModel, Observed::kQuadraticUnexplained, -kInitialQuadraticTrust);
  return parameters;
}

namespace {

/// L falls along -dL/da; at a bound, a gradient that pushes further out is dropped.
float inwards(float a, float da) { return (a >= 1.0F && da < 0.0F) || (a <= -1.0F && da > 0.0F) ? 0.0F : da; }

/// The step of a weight under a network rule, from outputs u and features: the formulas of kernel/weight_step.h.
struct RuleStep {
  float size;
  float direction;
  float slope[kernel::kOutputs];  // of the direction by the outputs; that by u_1 is not used
  float step;                     // in units of the largest

  RuleStep(const float* out, const float* x) {
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

}  // namespace

void Actor::forward(const float* parameters, const float* features, int rows, Trace& trace, float* actions) const {
  const std::span<float> u = network_.forward(parameters, features, rows, trace.network);
  if (!scheduled()) {
    for (std::size_t i = 0; i < u.size(); ++i) actions[i] = std::clamp(u[i], -1.0F, 1.0F);
    return;
  }
  const int inputs = network_.inputs();
  const int outputs = network_.outputs();
  const int first = outputs - schedule_.out;  // output that the schedule begins at
  trace.context.resize(static_cast<std::size_t>(rows) * context_.size());
  for (int r = 0; r < rows; ++r) {
    for (std::size_t k = 0; k < context_.size(); ++k) {
      trace.context[static_cast<std::size_t>(r) * context_.size() + k] =
          features[static_cast<std::ptrdiff_t>(r) * inputs + context_[k]];
    }
  }
  trace.outputs.assign(u.begin(), u.end());
  trace.schedule.resize(static_cast<std::size_t>(rows * schedule_.out));
  schedule_.forward(parameters, trace.context.data(), rows, trace.schedule.data());
  for (int r = 0; r < rows; ++r) {
    float* out = trace.outputs.data() + static_cast<std::ptrdiff_t>(r) * outputs;
    for (int k = first; k < outputs; ++k) {
      out[k] += trace.schedule[static_cast<std::size_t>(r * schedule_.out + k - first)];
    }
  }
  if (rule_) {
    for (std::ptrdiff_t r = 0; r < rows; ++r) {
      actions[r] = RuleStep(trace.outputs.data() + r * outputs, features + r * inputs).action();
    }
  } else {
    kernel::mixture_actions(mixture(), trace.outputs.data(), features, rows, actions);
  }
}

void Actor::backward(const float* parameters, const float* features, const float* d_actions, Trace& trace, float* gradient,
                     float output_penalty) const {
  const std::vector<float>& u = trace.network.activations.back();
  std::vector<float>& du = trace.d_outputs;
  du.resize(u.size());
  if (!scheduled()) {
    for (std::size_t i = 0; i < u.size(); ++i) du[i] = inwards(u[i], d_actions[i]);
  } else {
    const std::ptrdiff_t outputs = network_.outputs();
    if (rule_) {
      for (std::ptrdiff_t r = 0; r < trace.network.rows; ++r) {
        const RuleStep rule(trace.outputs.data() + r * outputs, features + r * network_.inputs());
        rule.gradient(d_actions[r], du.data() + r * outputs);
      }
    } else {
      kernel::mixture_gradient(mixture(), trace.outputs.data(), features, d_actions, trace.network.rows, du.data());
    }
    if (gradient != nullptr) {
      for (int r = 0; r < trace.network.rows; ++r) {
        std::copy_n(du.data() + (r + 1) * outputs - schedule_.out, schedule_.out,
                    trace.schedule.data() + static_cast<std::ptrdiff_t>(r) * schedule_.out);
      }
      schedule_.backward(parameters, trace.context.data(), trace.schedule.data(), trace.network.rows, gradient, nullptr);
    }
  }
  for (std::size_t i = 0; i < u.size(); ++i) du[i] += output_penalty * u[i];
  network_.backward(parameters, features, du.data(), trace.network, gradient, nullptr);
}

}  // namespace scout
