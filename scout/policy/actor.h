// The deterministic actor: features of a row to actions in [-1, 1].
#pragma once

#include <span>
#include <vector>

#include "scout/policy/network.h"
#include "scout/policy/observer.h"

namespace scout {

/// An Mlp whose last layer weighs *proposals*: steps that the features already contain (a Newton step of a regression window, the
/// way back to the best point, the last action, ...), all in the code of actions. With outputs u the action of a coordinate is
///
///     a = clip(u_0 + Σ_k u_k · proposal_k, -1, 1).
///
/// The network thus chooses between and blends moves rather than having to learn the identity. Without proposals (the joint
/// form) a = clip(u, -1, 1), one output an action.
class Actor {
 public:
  Actor() = default;
  /// `hidden`: widths of the hidden layers. `proposals`: whether to use them (coordinatewise only).
  Actor(const ObserverOptions& observer, std::vector<int> hidden, bool proposals);
  /// A plain network: `inputs` features to `actions` actions, for tasks that are not optimization.
  Actor(int inputs, std::vector<int> hidden, int actions);

  const Mlp& network() const { return network_; }
  int features() const { return network_.inputs(); }
  int actions() const { return actions_; }
  std::size_t parameter_count() const { return network_.parameter_count(); }
  /// Small random weights around a policy that descends: with proposals, annealed gradient descent.
  std::vector<float> initial_parameters(Random& random) const;

  using Trace = Mlp::Trace;
  /// features [rows, features] -> actions [rows, actions].
  void forward(const float* parameters, const float* features, int rows, Trace& trace, float* actions) const;
  /// Adds ∂L/∂parameters to `gradient`, given ∂L/∂actions [rows, actions] for the batch of the last `forward` with `trace`. At a
  /// clipped action only gradients that lead back inside pass (Hausknecht & Stone 2016, "zeroing").
  void backward(const float* parameters, const float* features, const float* d_actions, Trace& trace, float* gradient) const;

 private:
  Mlp network_;
  int actions_ = 1;
  std::vector<int> proposals_;  // feature indices
};

}  // namespace scout
