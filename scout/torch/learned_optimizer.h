// A learned optimizer in the place of torch::optim::Adam.
#pragma once

#include <torch/arg.h>
#include <torch/optim/optimizer.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "scout/policy/policy.h"
#include "scout/policy/weight/guard.h"

namespace scout {

/// `lr` and `weight_decay` may differ between parameter groups; the others are taken from the options given to the
/// optimizer.
struct LearnedOptimizerOptions : public torch::optim::OptimizerCloneableOptions<LearnedOptimizerOptions> {
  LearnedOptimizerOptions(double lr = 1.0);  // NOLINT(google-explicit-constructor): as torch's options
  /// Multiplies the policy's own steps; what a torch::optim::LRScheduler changes. At least 0.
  TORCH_ARG(double, lr) = 1.0;
  /// Decoupled: the share of every weight that is taken away a step, times `lr` and the annealing. AdamW with learning rate
  /// 1e-3 and weight decay 1e-2 takes 1e-5. In [0, 1], and at most 1 / lr.
  TORCH_ARG(double, weight_decay) = 0.0;
  /// Steps that the training is going to make: the step size is annealed over them, to a hundredth at the end and beyond. 0:
  /// not known, no annealing.
  TORCH_ARG(std::int64_t, horizon) = 0;
  /// If positive, gradients are scaled down so that the norm of all together is at most this, as by clip_grad_norm_.
  TORCH_ARG(double, clip_norm) = 0.0;
  /// Threads for tensors on the CPU; 0: as many as torch uses (at::get_num_threads).
  TORCH_ARG(int, threads) = 0;
  /// Rule "weight": whether tensors on the CPU are updated by the fused kernel; otherwise by LibTorch operations, as on a
  /// GPU.
  TORCH_ARG(bool, fused) = true;
  /// Whether a plain gradient method acts where the policy's steps diverge or stall (scout/policy/weight/guard.h).
  TORCH_ARG(bool, guard) = true;
  /// Of a rule for the weights of networks. Not set: policy("network").
  TORCH_ARG(std::shared_ptr<const Policy>, policy);

 public:
  void serialize(torch::serialize::InputArchive& archive) override;
  void serialize(torch::serialize::OutputArchive& archive) const override;
  double get_lr() const override { return lr(); }
  void set_lr(double value) override { lr(value); }
};

/// Trains the weights of neural networks with a policy of a rule for weights (scout/policy/weight/weight_stepper.h).
///
///     scout::LearnedOptimizer optimizer(model->parameters(), scout::LearnedOptimizerOptions().horizon(10000));
///     ...
///     optimizer.zero_grad();
///     loss.backward();
///     optimizer.step();
///
/// Weights are float32, float64 or bfloat16, of any shape and layout. Parameters without a gradient are left alone; a
/// gradient that is not finite counts as 0 at that weight. State: for the rule "weight" 8 bytes for each weight, as much as
/// Adam's in float32, and with the guard another copy of the weights. Tensors on the CPU are updated on `threads` threads,
/// whose number does not change the result. Elsewhere the rule "weight" is carried out by LibTorch operations on the device;
/// other rules step copies on the CPU, where their state stays.
///
/// The guard is as good as what it sees: `step(closure)` shows it the loss, `step()` no more than weights and gradients. It
/// calls no closure twice. What is not a parameter, such as the running statistics of batch norm, it cannot bring back.
///
/// torch::save and torch::load keep and restore everything but policy and options that are not per group: a resumed training
/// equals an uninterrupted one, bit by bit.
class LearnedOptimizer : public torch::optim::Optimizer {
 public:
  /// Throws std::invalid_argument if an option is out of range or the policy of a rule for functions.
  explicit LearnedOptimizer(std::vector<torch::optim::OptimizerParamGroup> groups, LearnedOptimizerOptions defaults = {});
  explicit LearnedOptimizer(std::vector<at::Tensor> parameters, LearnedOptimizerOptions defaults = {});
  ~LearnedOptimizer() override;

  /// With a closure, which computes loss and gradients and returns the loss: the policy sees the loss. Without, it does
  /// without. Returns what the closure returned. Throws std::invalid_argument, before any weight is changed, if a gradient
  /// is sparse, a parameter of another type, or of another size than before.
  at::Tensor step(LossClosure closure = nullptr) override;

  /// Steps taken.
  std::int64_t steps() const;
  /// Gradients of single weights that were not finite and so counted as 0, over all steps.
  std::int64_t non_finite_gradients() const;
  /// Bytes of the state's tensors, the guard's copy of the weights included.
  std::int64_t state_bytes() const;
  /// What the guard did.
  const GuardReport& guard_report() const;

  void save(torch::serialize::OutputArchive& archive) const override;
  /// Throws std::runtime_error if the state is of another format, policy or set of parameters; nothing is changed then.
  void load(torch::serialize::InputArchive& archive) override;

 private:
  struct State;
  std::unique_ptr<State> state_of_run_;
};

}  // namespace scout
