// One parameter in one step of LearnedOptimizer, and the two ways in which its weights are updated.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "scout/base/parallel.h"
#include "scout/policy/weight/weight_step.h"
#include "scout/policy/weight/weight_stepper.h"

namespace scout {

/// What is kept of a parameter from step to step.
struct ParameterState {
  TensorRecord record;
  at::Tensor averages;  ///< bfloat16 [4, size], on the parameter's device: the momenta, then the second moment
  at::Tensor held;      ///< weights for the guard to go back to; undefined without one
};

struct TensorUpdate {
  at::Tensor weight;    ///< the parameter
  at::Tensor gradient;  ///< of the same type and device
  ParameterState* state = nullptr;
  TensorShape shape;
  StepSettings settings;
  kernel::TensorSums sums;     ///< from `sums`
  TensorPlan plan;             ///< for `step`
  kernel::StepSums step_sums;  ///< from `step`
};

/// Two passes over the updates that it was made for: `sums` fills TensorUpdate::sums; then, when the caller has set the
/// plans by `stepper`, `step` changes weights and averages and fills `step_sums`.
class UpdatePasses {
 public:
  virtual ~UpdatePasses() = default;
  virtual void sums() = 0;
  virtual void step(const WeightStepper& stepper) = 0;
};

/// The fused kernel, for tensors on the CPU; no thread of the team changes the result.
std::unique_ptr<UpdatePasses> fused_passes(std::vector<TensorUpdate*> updates, ThreadTeam& team);
/// The same formulas in LibTorch operations on whole batches of tensors, all on one device.
std::unique_ptr<UpdatePasses> batched_passes(std::vector<TensorUpdate*> updates);

}  // namespace scout
