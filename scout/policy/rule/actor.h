// The deterministic actor: features of a row to actions in [-1, 1].
#pragma once

#include <memory>
#include <vector>

#include "scout/nn/mlp.h"

namespace scout {

/// How the outputs u of an actor's network become actions. Arrays are row-major: outputs [rows, outputs], features [rows,
/// features], actions [rows, actions]. Immutable.
class ActionMap {
 public:
  virtual ~ActionMap() = default;
  virtual void actions(const float* outputs, const float* features, int rows, float* actions) const = 0;
  /// ∂L/∂u, given ∂L/∂actions. At a bound only gradients that lead back inside pass.
  virtual void gradient(const float* outputs, const float* features, const float* d_actions, int rows,
                        float* d_outputs) const = 0;
};

/// A network whose outputs u an ActionMap turns into actions; a = clip(u, -1, 1) where nothing else is said.
///
/// With a *context head*, u is the sum of the network and of an affine map of a few features, the context, which describe
/// the run rather than the coordinate, to all outputs or to all but the first: parameters that act on whole runs, which
/// evolution shapes. Where some features are what was decided for the run (decision_head.h), they are added too, output by
/// output.
class Actor {
 public:
  /// What an actor is made of.
  struct Parts {
    Mlp network{};     ///< of no layers: there is none, and u is the rest of the sum
    int features = 0;  ///< of a row; those of the network, if there is one
    int outputs = 0;   ///< of a row
    int actions = 1;
    std::shared_ptr<const ActionMap> map;
    std::vector<int> context{};  ///< the features that the context head sees,
    int head_outputs = 0;        ///< which adds to the last outputs; 0: there is none
    int decision = 0;            ///< the first of the features that were decided for the run, one an output,
    std::vector<float> spans{};  ///< and what each adds [outputs]; empty: there are none
  };

  Actor() = default;
  /// A plain network: `inputs` features to `actions` actions.
  Actor(int inputs, std::vector<int> hidden, int actions);
  explicit Actor(Parts parts);

  const Mlp& network() const { return network_; }
  int features() const { return features_; }
  int actions() const { return actions_; }
  std::size_t parameter_count() const { return network_.parameter_count() + head_.size(); }
  /// Its parameters are the last `head().size()`; `out` is 0 where there is none.
  const Linear& head() const { return head_; }
  /// The features that the head sees.
  const std::vector<int>& context() const { return context_; }
  /// What each decision adds [outputs]; empty where there are none.
  const std::vector<float>& spans() const { return spans_; }
  /// Small random weights; with a head, random hidden layers, and outputs and head of zero.
  std::vector<float> initial_parameters(Random& random) const;

  struct Trace {
    Mlp::Trace network;
    std::vector<float> context;  // [rows, inputs of the head]
    std::vector<float> head;     // [rows, outputs of the head], its outputs, or ∂L/∂ them
    std::vector<float> outputs;  // u [rows, outputs], where it is more than the network's
    std::vector<float> d_outputs;
    int rows = 0;
  };
  /// features [rows, features] -> actions [rows, actions].
  void forward(const float* parameters, const float* features, int rows, Trace& trace, float* actions) const;
  /// Adds ∂L/∂parameters to `gradient`, given ∂L/∂actions [rows, actions] for the batch of the last `forward` with `trace`.
  /// `output_penalty` adds that multiple of the network's outputs to the gradient at them.
  void backward(const float* parameters, const float* features, const float* d_actions, Trace& trace, float* gradient,
                float output_penalty = 0.0F) const;

 private:
  void add_head(const float* parameters, const float* features, Trace& trace) const;
  bool has_network() const { return !network_.layers().empty(); }
  /// Whether u is the network's output and nothing more.
  bool is_network() const { return head_.out == 0 && spans_.empty(); }
  const std::vector<float>& outputs(const Trace& trace) const {
    return is_network() ? trace.network.activations.back() : trace.outputs;
  }

  Mlp network_;
  int features_ = 0;
  int outputs_ = 0;
  int actions_ = 1;
  std::shared_ptr<const ActionMap> map_;
  std::vector<int> context_;  // feature indices
  Linear head_;
  int decision_ = 0;
  std::vector<float> spans_;
};

/// The sizes of an Mlp with these inputs, hidden layers and outputs.
std::vector<int> layer_sizes(int inputs, std::vector<int> hidden, int outputs);

}  // namespace scout
