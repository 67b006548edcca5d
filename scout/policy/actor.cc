#include "scout/policy/actor.h"

#include <algorithm>
#include <numbers>

#include "scout/policy/action.h"
#include "scout/policy/coordinatewise_observer.h"

namespace scout {
namespace {

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
  if (proposals) proposals_ = CoordinatewiseObserver::proposal_features();
  network_ = Mlp(layer_sizes(inputs, std::move(hidden), proposals ? static_cast<int>(proposals_.size()) : 1));
}

std::vector<float> Actor::initial_parameters(Random& random) const {
  return network_.initial_parameters(random, proposals_.empty() ? 0.1F : 0.0F);
}

namespace {

/// Scale of the network's outputs where they weigh proposals: a unit of output is a third of a proposal, or a third of an e-fold.
constexpr float kOutputScale = 0.3F;

/// Δ of a row, before the bound, and the base step's share of it.
struct Composition {
  float step;
  float base;
};

[[gnu::always_inline]] inline float proposal(const float* row, int feature) {
  return decode_action(std::clamp(row[feature], -1.0F, 1.0F));
}

Composition compose(const float* out, const float* row, const std::vector<int>& proposals) {
  const float scale = fast_exp2(std::clamp(kOutputScale * out[1], -3.0F, 3.0F) * std::numbers::log2e_v<float>);
  const float base = scale * decode_action(std::clamp(0.5F * (row[proposals[0]] + row[proposals[1]]), -1.0F, 1.0F));
  float step = base + decode_action(std::clamp(kOutputScale * out[0], -1.0F, 1.0F));
  for (std::size_t k = 2; k < proposals.size(); ++k) step += kOutputScale * out[k] * proposal(row, proposals[k]);
  return {step, base};
}

}  // namespace

void Actor::forward(const float* parameters, const float* features, int rows, Trace& trace, float* actions) const {
  const std::span<float> u = network_.forward(parameters, features, rows, trace);
  if (proposals_.empty()) {
    for (std::size_t i = 0; i < u.size(); ++i) actions[i] = std::clamp(u[i], -1.0F, 1.0F);
    return;
  }
  for (int r = 0; r < rows; ++r) {
    const float* out = u.data() + static_cast<std::ptrdiff_t>(r) * network_.outputs();
    const float* row = features + static_cast<std::ptrdiff_t>(r) * network_.inputs();
    actions[r] = encode_step(std::clamp(compose(out, row, proposals_).step, -1.0F, 1.0F));
  }
}

void Actor::backward(const float* parameters, const float* features, const float* d_actions, Trace& trace,
                     float* gradient) const {
  const std::vector<float>& u = trace.activations.back();
  std::vector<float> du(u.size());
  // L falls along -dL/da; at a bound, a gradient that pushes further out is dropped.
  auto pass = [](float a, float da) { return (a >= 1.0F && da < 0.0F) || (a <= -1.0F && da > 0.0F) ? 0.0F : da; };
  if (proposals_.empty()) {
    for (std::size_t i = 0; i < u.size(); ++i) du[i] = pass(u[i], d_actions[i]);
  } else {
    for (int r = 0; r < trace.rows; ++r) {
      const float* out = u.data() + static_cast<std::ptrdiff_t>(r) * network_.outputs();
      const float* row = features + static_cast<std::ptrdiff_t>(r) * network_.inputs();
      float* d = du.data() + static_cast<std::ptrdiff_t>(r) * network_.outputs();
      const Composition c = compose(out, row, proposals_);
      const float da = pass(c.step, d_actions[r]);
      // da/dΔ is steep where steps are small; a unit of output must not move the action by more than a unit.
      const float slope = action_slope(std::clamp(c.step, -1.0F, 1.0F));
      auto through = [&](float d_step) { return da * std::clamp(slope * kOutputScale * d_step, -1.0F, 1.0F); };
      d[0] = through(decode_slope(std::clamp(kOutputScale * out[0], -1.0F, 1.0F)));
      d[1] = through(c.base);
      for (std::size_t k = 2; k < proposals_.size(); ++k) d[k] = through(proposal(row, proposals_[k]));
    }
  }
  network_.backward(parameters, features, du.data(), trace, gradient, nullptr);
}

}  // namespace scout
