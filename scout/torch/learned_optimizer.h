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

/// `lr` and `weight_decay` may differ between parameter groups. The others are the optimizer's, read from its `defaults()`
/// at every step; `policy` and `guard` stay what they were when it was made.
struct LearnedOptimizerOptions : public torch::optim::OptimizerCloneableOptions<LearnedOptimizerOptions> {
  LearnedOptimizerOptions(double lr = 1.0);  // NOLINT(google-explicit-constructor): as torch's options
  /// Multiplies the policy's own steps; what a torch::optim::LRScheduler changes. No learning rate: 1 is usual, and an
  /// optimizer all of whose groups begin at a hundredth or less warns. At least 0.
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
/// Weights are float32, float64 or bfloat16, of any shape and layout. Parameters without a gradient, and those that do not
/// require one, are left alone; a gradient that is not finite counts as 0 at that weight. State: for the rule "weight" 8
/// bytes for each weight, as much as Adam's in float32, and with the guard another copy of the weights. Tensors on the CPU
/// are updated on `threads` threads, whose number does not change the result. Elsewhere the rule "weight" is carried out by
/// LibTorch operations on the device; other rules step copies on the CPU, where their state stays.
///
/// State belongs to the parameter as an object. A tensor that takes another's place in a group begins anew, and the next
/// step frees the state of what is in no group. A parameter that a group lists more than once, as that of a module
/// registered under two names, is stepped once. So are parameters of a group that share all their weights, with the sum of
/// their gradients.
///
/// The guard is as good as what it sees: `step(closure)` shows it the loss, `step()` no more than weights and gradients. It
/// calls no closure twice. Weights that were written by something else between two steps are not undone. What is not a
/// parameter, such as the running statistics of batch norm, it brings back if `watch_buffers` named it.
///
/// torch::save and torch::load keep and restore what the training is: state, `lr`, `weight_decay`, `horizon` and
/// `clip_norm`, which are the file's from then on. Policy, `threads`, `fused` and `guard` are those that the optimizer was
/// made with. A resumed training equals an uninterrupted one, bit by bit.
///
/// It can be moved; one that was moved from can only be destroyed. After fork() parent and child both go on, each for
/// itself.
class LearnedOptimizer : public torch::optim::Optimizer {
 public:
  /// Throws std::invalid_argument if an option is out of range, the policy of a rule for functions, or a parameter in two
  /// groups.
  explicit LearnedOptimizer(std::vector<torch::optim::OptimizerParamGroup> groups, LearnedOptimizerOptions defaults = {});
  explicit LearnedOptimizer(std::vector<at::Tensor> parameters, LearnedOptimizerOptions defaults = {});
  LearnedOptimizer(LearnedOptimizer&&) noexcept;
  ~LearnedOptimizer() override;

  /// Throws std::invalid_argument, and changes nothing, if a parameter is in another group or the options are of another
  /// optimizer or out of range.
  void add_param_group(const torch::optim::OptimizerParamGroup& group);

  /// With a closure, which computes loss and gradients and returns the loss, one number on any device: the policy sees the
  /// loss. Without, or if the closure returns no tensor, it does without. Returns what the closure returned. Throws
  /// std::invalid_argument, before weights or state are changed, if the closure returned something else, a gradient is
  /// sparse or of another shape than its parameter, a parameter of no type that can be trained, of another shape or type
  /// than before, in two groups, or shares a part of its weights with another.
  at::Tensor step(LossClosure closure = nullptr) override;

  /// Steps taken.
  std::int64_t steps() const;
  /// Gradients of single weights that were not finite and so counted as 0, over all steps.
  std::int64_t non_finite_gradients() const;
  /// Tensors that belong to the weights and are no parameters, such as `model->buffers()`, in the place of those named
  /// before. The guard keeps a copy of them with that of the weights. One that is not finite after a step whose loss or
  /// gradients were not finite gets the copy's values; the report counts those, and those that it has no copy of. A copy of
  /// what something else has overwritten since, such as a loaded model, is void: where a closure makes the forward passes
  /// that is always noticed, else where weights were overwritten too.
  void watch_buffers(std::vector<at::Tensor> buffers);

  /// Bytes of the state's tensors, the guard's copies of weights and buffers included.
  std::int64_t state_bytes() const;
  /// What the guard did.
  const GuardReport& guard_report() const;

  void save(torch::serialize::OutputArchive& archive) const override;
  /// Throws std::runtime_error if the state is of another format or policy, or of other parameters: their number, shapes,
  /// types and which of them are the same are compared, group by group, and their order where the weights are those that
  /// were saved. Nothing is changed then.
  void load(torch::serialize::InputArchive& archive) override;

 private:
  struct State;
  std::unique_ptr<State> state_of_run_;
};

}  // namespace scout
