#include "scout/policy/rule/actor.h"

#include <algorithm>

#include "scout/policy/rule/action.h"

namespace scout {
namespace {

class Clip : public ActionMap {
 public:
  explicit Clip(int actions) : actions_(actions) {}
  void actions(const float* outputs, const float*, int rows, float* actions) const override {
    for (std::ptrdiff_t i = 0; i < size(rows); ++i) actions[i] = std::clamp(outputs[i], -1.0F, 1.0F);
  }
  void gradient(const float* outputs, const float*, const float* d_actions, int rows, float* d_outputs) const override {
    for (std::ptrdiff_t i = 0; i < size(rows); ++i) d_outputs[i] = inwards(outputs[i], d_actions[i]);
  }

 private:
  std::ptrdiff_t size(std::ptrdiff_t rows) const { return rows * actions_; }
  int actions_;
};

}  // namespace

std::vector<int> layer_sizes(int inputs, std::vector<int> hidden, int outputs) {
  hidden.insert(hidden.begin(), inputs);
  hidden.push_back(outputs);
  return hidden;
}

Actor::Actor(int inputs, std::vector<int> hidden, int actions)
    : Actor(Parts{.network = Mlp(layer_sizes(inputs, std::move(hidden), actions)),
                  .features = inputs,
                  .outputs = actions,
                  .actions = actions,
                  .map = std::make_shared<Clip>(actions)}) {}

Actor::Actor(Parts parts)
    : network_(std::move(parts.network)),
      features_(parts.features),
      outputs_(parts.outputs),
      actions_(parts.actions),
      map_(std::move(parts.map)),
      context_(std::move(parts.context)),
      decision_(parts.decision),
      spans_(std::move(parts.spans)) {
  if (parts.head_outputs > 0) {
    head_ = {static_cast<int>(context_.size()), parts.head_outputs, network_.parameter_count()};
  }
}

std::vector<float> Actor::initial_parameters(Random& random) const {
  std::vector<float> parameters;
  if (has_network()) parameters = network_.initial_parameters(random, is_network() ? 0.1F : 0.0F);
  parameters.resize(parameter_count(), 0.0F);
  return parameters;
}

void Actor::forward(const float* parameters, const float* features, int rows, Trace& trace, float* actions) const {
  trace.rows = rows;
  std::span<const float> u;
  if (has_network()) u = network_.forward(parameters, features, rows, trace.network);
  if (!is_network()) {
    trace.outputs.assign(u.begin(), u.end());
    trace.outputs.resize(static_cast<std::size_t>(rows) * static_cast<std::size_t>(outputs_));
    if (head_.out > 0) add_head(parameters, features, trace);
    float* out = trace.outputs.data();
    const float* decision = features + decision_;
    for (int r = 0; r < rows && !spans_.empty(); ++r, out += outputs_, decision += features_) {
      for (std::size_t k = 0; k < spans_.size(); ++k) out[k] += spans_[k] * decision[k];
    }
  }
  map_->actions(outputs(trace).data(), features, rows, actions);
}

void Actor::add_head(const float* parameters, const float* features, Trace& trace) const {
  const int first = outputs_ - head_.out;  // output that the head begins at
  trace.context.resize(static_cast<std::size_t>(trace.rows) * context_.size());
  float* context = trace.context.data();
  for (std::ptrdiff_t r = 0; r < trace.rows; ++r) {
    for (const int feature : context_) *context++ = features[r * features_ + feature];
  }
  trace.head.resize(static_cast<std::size_t>(trace.rows * head_.out));
  head_.forward(parameters, trace.context.data(), trace.rows, trace.head.data());
  for (int r = 0; r < trace.rows; ++r) {
    float* out = trace.outputs.data() + static_cast<std::ptrdiff_t>(r) * outputs_;
    for (int k = first; k < outputs_; ++k) out[k] += trace.head[static_cast<std::size_t>(r * head_.out + k - first)];
  }
}

void Actor::backward(const float* parameters, const float* features, const float* d_actions, Trace& trace, float* gradient,
                     float output_penalty) const {
  std::vector<float>& du = trace.d_outputs;
  du.resize(static_cast<std::size_t>(trace.rows) * static_cast<std::size_t>(outputs_));
  map_->gradient(outputs(trace).data(), features, d_actions, trace.rows, du.data());
  if (head_.out > 0 && gradient != nullptr) {
    for (std::ptrdiff_t r = 0; r < trace.rows; ++r) {
      std::copy_n(du.data() + (r + 1) * outputs_ - head_.out, head_.out, trace.head.data() + r * head_.out);
    }
    head_.backward(parameters, trace.context.data(), trace.head.data(), trace.rows, gradient, nullptr);
  }
  if (!has_network()) return;
  const std::vector<float>& u = trace.network.activations.back();
  for (std::size_t i = 0; i < u.size(); ++i) du[i] += output_penalty * u[i];
  network_.backward(parameters, features, du.data(), trace.network, gradient, nullptr);
}

}  // namespace scout
