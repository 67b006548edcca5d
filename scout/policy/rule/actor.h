// The deterministic actor: features of a row to actions in [-1, 1].
#pragma once

#include <span>
#include <vector>

#include "scout/nn/mlp.h"
#include "scout/policy/coordinate/mixture.h"
#include "scout/policy/rule/observer.h"
#include "scout/policy/weight/weight_rule.h"

namespace scout {

/// An Mlp that mixes the step of a coordinate from *proposals*, steps that the features contain: with outputs u
///
///     Δ = e^{u_0} Σ_k w_k proposal_k,   w = sparsemax(3 u_2, 3 u_3, ...),   a = encode(Δ), bounded to [-1, 1].
///
/// The first proposal, the base, is an annealed gradient step times e^{u_1}. The others lead to the next probe of the
/// region, to the minima of its models, to the best point so far, to the mean of good points, to the zero of a secant or of
/// a regression of the gradient, and on along the last step. Sparse weights let a policy do one thing at a time.
///
/// u is the sum of the network and of the *schedule*, an affine map of a few features that describe the run rather than the
/// coordinate (its progress, its landscape) to all outputs but the first: what evolution shapes. Learning starts from a
/// network of zeros and a schedule that probes, then goes where a model explains much of what was seen, and descends.
///
/// Without proposals (joint form, control tasks) a = clip(u, -1, 1).
///
/// Of a network rule (form "network"), with the features of WeightRun::row: the step of a weight as the fused kernel takes
/// it, size times direction in units of its largest, a = encode(step / 32). The schedule is added to all outputs.
class Actor {
 public:
  Actor() = default;
  /// `hidden`: widths of the hidden layers. `proposals`: whether to use them (coordinatewise only).
  Actor(const ObserverOptions& observer, std::vector<int> hidden, bool proposals);
  /// The actor that WeightStepper puts into effect, with the same parameters.
  explicit Actor(const WeightRule& rule);
  /// A plain network: `inputs` features to `actions` actions, for tasks that are not optimization.
  Actor(int inputs, std::vector<int> hidden, int actions);

  const Mlp& network() const { return network_; }
  int features() const { return network_.inputs(); }
  int actions() const { return actions_; }
  std::size_t parameter_count() const { return network_.parameter_count() + schedule_.size(); }
  /// The schedule's parameters are the last `schedule_size()`; 0 without proposals.
  std::size_t schedule_size() const { return schedule_.size(); }
  int schedule_outputs() const { return schedule_.out; }
  /// The positions of the parameters of some outputs of the schedule; of all, if there are none. Throws
  /// std::invalid_argument.
  std::vector<std::size_t> schedule_parameters(const std::vector<int>& outputs) const;
  /// Small random weights around a policy worth improving: with proposals, the initial schedule's.
  std::vector<float> initial_parameters(Random& random) const;

  struct Trace {
    Mlp::Trace network;
    std::vector<float> context;   // [rows, schedule inputs]
    std::vector<float> schedule;  // [rows, schedule outputs], its outputs, or ∂L/∂ them
    std::vector<float> outputs;   // u [rows, outputs]
    std::vector<float> d_outputs;
  };
  /// features [rows, features] -> actions [rows, actions].
  void forward(const float* parameters, const float* features, int rows, Trace& trace, float* actions) const;
  /// Adds ∂L/∂parameters to `gradient`, given ∂L/∂actions [rows, actions] for the batch of the last `forward` with `trace`.
  /// At a clipped action only gradients that lead back inside pass (Hausknecht & Stone 2016, "zeroing"). `output_penalty`
  /// adds that multiple of the network's outputs to the gradient at them.
  void backward(const float* parameters, const float* features, const float* d_actions, Trace& trace, float* gradient,
                float output_penalty = 0.0F) const;

 private:
  kernel::Mixture mixture() const { return {proposals_.data(), static_cast<int>(proposals_.size()) - 1, network_.inputs()}; }
  bool scheduled() const { return schedule_.out > 0; }

  Mlp network_;
  int actions_ = 1;
  std::vector<int> proposals_;  // feature indices
  std::vector<int> context_;    // feature indices
  Linear schedule_;
  bool rule_ = false;
};

}  // namespace scout
