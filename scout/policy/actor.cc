#include "scout/policy/actor.h"

#include <algorithm>

#include "scout/policy/coordinatewise_observer.h"

namespace scout {
namespace {

std::vector<int> layer_sizes(int inputs, std::vector<int> hidden, int outputs) {
  hidden.insert(hidden.begin(), inputs);
  hidden.push_back(outputs);
  return hidden;
}

}  // namespace

Actor::Actor(const ObserverOptions& observer, std::vector<int> hidden, bool proposals) {
  const int inputs = feature_count(observer);
  if (observer.form == "joint") {
    actions_ = observer.dimension;
    network_ = Mlp(layer_sizes(inputs, std::move(hidden), actions_));
    return;
  }
  if (proposals) proposals_ = CoordinatewiseObserver::proposal_features();
  network_ = Mlp(layer_sizes(inputs, std::move(hidden), 1 + static_cast<int>(proposals_.size())));
}

std::vector<float> Actor::initial_parameters(Random& random) const {
  auto parameters = network_.initial_parameters(random, 0.1F);
  if (!proposals_.empty()) {
    // The first proposal is the averaged gradient over its running size, of either sign and about 1: -0.6 of it is a step of
    // about 1 % of the step scale, downhill.
    const Linear& last = network_.layers().back();
    parameters[last.offset + static_cast<std::size_t>(last.in) * static_cast<std::size_t>(last.out) + 1] = -0.6F;
  }
  return parameters;
}

void Actor::forward(const float* parameters, const float* features, int rows, Trace& trace, float* actions) const {
  const std::span<float> u = network_.forward(parameters, features, rows, trace);
  const int outputs = network_.outputs();
  if (proposals_.empty()) {
    for (std::size_t i = 0; i < u.size(); ++i) actions[i] = std::clamp(u[i], -1.0F, 1.0F);
    return;
  }
  for (int r = 0; r < rows; ++r) {
    const float* out = u.data() + static_cast<std::ptrdiff_t>(r) * outputs;
    const float* row = features + static_cast<std::ptrdiff_t>(r) * network_.inputs();
    float a = out[0];
    for (std::size_t k = 0; k < proposals_.size(); ++k) a += out[k + 1] * row[proposals_[k]];
    actions[r] = std::clamp(a, -1.0F, 1.0F);
  }
}

void Actor::backward(const float* parameters, const float* features, const float* d_actions, Trace& trace,
                     float* gradient) const {
  const std::vector<float>& u = trace.activations.back();
  const int outputs = network_.outputs();
  std::vector<float> du(u.size());
  // L falls along -dL/da; at a bound, a gradient that pushes further out is dropped.
  auto pass = [](float a, float da) { return (a >= 1.0F && da < 0.0F) || (a <= -1.0F && da > 0.0F) ? 0.0F : da; };
  if (proposals_.empty()) {
    for (std::size_t i = 0; i < u.size(); ++i) du[i] = pass(u[i], d_actions[i]);
  } else {
    for (int r = 0; r < trace.rows; ++r) {
      const float* out = u.data() + static_cast<std::ptrdiff_t>(r) * outputs;
      const float* row = features + static_cast<std::ptrdiff_t>(r) * network_.inputs();
      float a = out[0];
      for (std::size_t k = 0; k < proposals_.size(); ++k) a += out[k + 1] * row[proposals_[k]];
      const float da = pass(a, d_actions[r]);
      float* d = du.data() + static_cast<std::ptrdiff_t>(r) * outputs;
      d[0] = da;
      for (std::size_t k = 0; k < proposals_.size(); ++k) d[k + 1] = da * row[proposals_[k]];
    }
  }
  network_.backward(parameters, features, du.data(), trace, gradient, nullptr);
}

}  // namespace scout
