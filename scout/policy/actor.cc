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

Actor::Actor(int inputs, std::vector<int> hidden, int actions)
    : network_(layer_sizes(inputs, std::move(hidden), actions)), actions_(actions) {}

Actor::Actor(const ObserverOptions& observer, std::vector<int> hidden, bool proposals) {
  const int inputs = feature_count(observer);
  if (observer.form == "joint") {
    *this = Actor(inputs, std::move(hidden), observer.dimension);
    return;
  }
  if (proposals) proposals_ = CoordinatewiseObserver::proposal_features();
  network_ = Mlp(layer_sizes(inputs, std::move(hidden), 1 + static_cast<int>(proposals_.size())));
}

std::vector<float> Actor::initial_parameters(Random& random) const {
  auto parameters = network_.initial_parameters(random, 0.1F);
  if (!proposals_.empty()) {
    // The first two proposals are annealed gradient steps; start from their geometric mean.
    const Linear& last = network_.layers().back();
    float* bias = parameters.data() + last.offset + static_cast<std::size_t>(last.in) * static_cast<std::size_t>(last.out);
    bias[1] = bias[2] = 0.5F;
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
