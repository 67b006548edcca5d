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
    : Actor(Mlp(layer_sizes(inputs, std::move(hidden), actions)), actions, std::make_shared<Clip>(actions)) {}

Actor::Actor(Mlp network, int actions, std::shared_ptr<const ActionMap> map, std::vector<int> context, int head_outputs)
    : network_(std::move(network)), actions_(actions), map_(std::move(map)), context_(std::move(context)) {
  if (head_outputs > 0) head_ = {static_cast<int>(context_.size()), head_outputs, network_.parameter_count()};
}

std::vector<float> Actor::initial_parameters(Random& random) const {
  std::vector<float> parameters = network_.initial_parameters(random, head_.out > 0 ? 0.0F : 0.1F);
  parameters.resize(parameter_count(), 0.0F);
  return parameters;
}

void Actor::forward(const float* parameters, const float* features, int rows, Trace& trace, float* actions) const {
  const std::span<float> u = network_.forward(parameters, features, rows, trace.network);
  if (head_.out > 0) {
    const int inputs = network_.inputs();
    const int outputs = network_.outputs();
    const int first = outputs - head_.out;  // output that the head begins at
    trace.context.resize(static_cast<std::size_t>(rows) * context_.size());
    float* context = trace.context.data();
    for (std::ptrdiff_t r = 0; r < rows; ++r) {
      for (const int feature : context_) *context++ = features[r * inputs + feature];
    }
    trace.outputs.assign(u.begin(), u.end());
    trace.head.resize(static_cast<std::size_t>(rows * head_.out));
    head_.forward(parameters, trace.context.data(), rows, trace.head.data());
    for (int r = 0; r < rows; ++r) {
      float* out = trace.outputs.data() + static_cast<std::ptrdiff_t>(r) * outputs;
      for (int k = first; k < outputs; ++k) out[k] += trace.head[static_cast<std::size_t>(r * head_.out + k - first)];
    }
  }
  map_->actions(outputs(trace).data(), features, rows, actions);
}

void Actor::backward(const float* parameters, const float* features, const float* d_actions, Trace& trace, float* gradient,
                     float output_penalty) const {
  const std::vector<float>& u = trace.network.activations.back();
  std::vector<float>& du = trace.d_outputs;
  du.resize(u.size());
  map_->gradient(outputs(trace).data(), features, d_actions, trace.network.rows, du.data());
  if (head_.out > 0 && gradient != nullptr) {
    const std::ptrdiff_t outputs = network_.outputs();
    for (int r = 0; r < trace.network.rows; ++r) {
      std::copy_n(du.data() + (r + 1) * outputs - head_.out, head_.out,
                  trace.head.data() + static_cast<std::ptrdiff_t>(r) * head_.out);
    }
    head_.backward(parameters, trace.context.data(), trace.head.data(), trace.network.rows, gradient, nullptr);
  }
  for (std::size_t i = 0; i < u.size(); ++i) du[i] += output_penalty * u[i];
  network_.backward(parameters, features, du.data(), trace.network, gradient, nullptr);
}

}  // namespace scout
