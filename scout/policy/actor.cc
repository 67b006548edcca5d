#include "scout/policy/actor.h"

#include <algorithm>
#include <numbers>

#include "scout/policy/action.h"
#include "scout/policy/coordinatewise_observer.h"

namespace scout {
namespace {

/// Scale of the network's outputs where they weigh proposals: a unit of output is a third of a proposal, or a third of an
/// e-fold.
constexpr float kOutputScale = 0.3F;
/// Bounds of the logarithm of the base step's factor.
constexpr float kLeastLogScale = -10.0F;
constexpr float kGreatestLogScale = 3.0F;

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
  const int outputs = proposals ? static_cast<int>(proposals_.size()) : 1;
  network_ = Mlp(layer_sizes(inputs, std::move(hidden), outputs));
  if (proposals) schedule_ = {static_cast<int>(context_.size()), outputs, network_.parameter_count()};
}

std::vector<float> Actor::initial_parameters(Random& random) const {
  std::vector<float> parameters = network_.initial_parameters(random, proposals_.empty() ? 0.1F : 0.0F);
  parameters.resize(parameter_count(), 0.0F);
  // The schedule starts as a pull of a tenth of the way to the best point.
  if (!proposals_.empty())
    parameters[schedule_.offset + static_cast<std::size_t>(schedule_.in * schedule_.out + 3)] = 0.1F / kOutputScale;
  return parameters;
}

namespace {

/// Δ of a row, before the bound, and the base step's share of it.
struct Composition {
  float step;
  float base;
};

[[gnu::always_inline]] inline float proposal(const float* row, int feature) {
  return decode_action(std::clamp(row[feature], -1.0F, 1.0F));
}

Composition compose(const float* out, const float* row, const std::vector<int>& proposals) {
  const float scale = fast_exp2(std::clamp(out[1], kLeastLogScale, kGreatestLogScale) * std::numbers::log2e_v<float>);
  const float base = scale * decode_action(std::clamp(0.5F * (row[proposals[0]] + row[proposals[1]]), -1.0F, 1.0F));
  float step = base;
  for (std::size_t k = 2; k < proposals.size(); ++k) step += kOutputScale * out[k] * proposal(row, proposals[k]);
  return {step, base};
}

}  // namespace

void Actor::forward(const float* parameters, const float* features, int rows, Trace& trace, float* actions) const {
  const std::span<float> u = network_.forward(parameters, features, rows, trace.network);
  if (proposals_.empty()) {
    for (std::size_t i = 0; i < u.size(); ++i) actions[i] = std::clamp(u[i], -1.0F, 1.0F);
    return;
  }
  const int inputs = network_.inputs();
  const int outputs = network_.outputs();
  trace.context.resize(static_cast<std::size_t>(rows) * context_.size());
  for (int r = 0; r < rows; ++r) {
    for (std::size_t k = 0; k < context_.size(); ++k) {
      trace.context[static_cast<std::size_t>(r) * context_.size() + k] =
          features[static_cast<std::ptrdiff_t>(r) * inputs + context_[k]];
    }
  }
  trace.outputs.resize(u.size());
  schedule_.forward(parameters, trace.context.data(), rows, trace.outputs.data());
  for (std::size_t i = 0; i < u.size(); ++i) trace.outputs[i] += u[i];
  for (int r = 0; r < rows; ++r) {
    const float* out = trace.outputs.data() + static_cast<std::ptrdiff_t>(r) * outputs;
    const float* row = features + static_cast<std::ptrdiff_t>(r) * inputs;
    const float composed = encode_step(std::clamp(compose(out, row, proposals_).step, -1.0F, 1.0F));
    actions[r] = std::clamp(composed + kOutputScale * out[0], -1.0F, 1.0F);
  }
}

void Actor::backward(const float* parameters, const float* features, const float* d_actions, Trace& trace, float* gradient,
                     float output_penalty) const {
  const std::vector<float>& u = trace.network.activations.back();
  std::vector<float>& du = trace.d_outputs;
  du.resize(u.size());
  // L falls along -dL/da; at a bound, a gradient that pushes further out is dropped.
  auto pass = [](float a, float da) { return (a >= 1.0F && da < 0.0F) || (a <= -1.0F && da > 0.0F) ? 0.0F : da; };
  if (proposals_.empty()) {
    for (std::size_t i = 0; i < u.size(); ++i) du[i] = pass(u[i], d_actions[i]);
  } else {
    for (int r = 0; r < trace.network.rows; ++r) {
      const float* out = trace.outputs.data() + static_cast<std::ptrdiff_t>(r) * network_.outputs();
      const float* row = features + static_cast<std::ptrdiff_t>(r) * network_.inputs();
      float* d = du.data() + static_cast<std::ptrdiff_t>(r) * network_.outputs();
      const Composition c = compose(out, row, proposals_);
      const float bounded = std::clamp(c.step, -1.0F, 1.0F);
      const float da = pass(encode_step(bounded) + kOutputScale * out[0], d_actions[r]);
      // da/dΔ is steep where steps are small; a unit of output must not move the action by more than a unit.
      const float slope = bounded == c.step ? action_slope(c.step) : 0.0F;
      d[0] = da * kOutputScale;
      d[1] = out[1] > kLeastLogScale && out[1] < kGreatestLogScale ? da * std::clamp(slope * c.base, -1.0F, 1.0F) : 0.0F;
      for (std::size_t k = 2; k < proposals_.size(); ++k) {
        d[k] = da * std::clamp(slope * kOutputScale * proposal(row, proposals_[k]), -1.0F, 1.0F);
      }
    }
    if (gradient != nullptr) {
      schedule_.backward(parameters, trace.context.data(), du.data(), trace.network.rows, gradient, nullptr);
    }
  }
  for (std::size_t i = 0; i < u.size(); ++i) du[i] += output_penalty * u[i];
  network_.backward(parameters, features, du.data(), trace.network, gradient, nullptr);
}

}  // namespace scout
