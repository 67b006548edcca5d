// One parameter in one step of LearnedOptimizer, and the two ways in which its weights are updated.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "scout/base/parallel.h"
#include "scout/policy/weight/guard.h"
#include "scout/policy/weight/weight_rule.h"

namespace scout {

/// What is kept of a parameter from step to step.
struct ParameterState {
  TensorRecord record;
  at::Tensor numbers;  ///< of the rule, [StateLayout::per_weight, size]
  at::Tensor held;     ///< weights for the guard to go back to; undefined without one
  std::unique_ptr<TensorPlan> plan;
};

struct TensorUpdate : TensorStep {
  at::Tensor weight;    ///< the parameter
  at::Tensor gradient;  ///< of the same type and device
  ParameterState* state = nullptr;
};

/// Two passes over the updates that it was made for: `add_up` fills their sums; then, when the caller has made the plans,
/// `step` changes weights and numbers and fills the sums of the step.
class UpdatePasses {
 public:
  virtual ~UpdatePasses() = default;
  virtual void add_up() = 0;
  virtual void step(const WeightStepper& stepper) = 0;
};

/// The rule's own step, piece by piece, on the CPU, where the numbers are; weights elsewhere are copied. No thread of the
/// team changes the result.
std::unique_ptr<UpdatePasses> piece_passes(std::vector<TensorUpdate*> updates, ThreadTeam& team);
/// The formulas of FusedStepper in LibTorch operations on whole batches of tensors, all on one device, and so their numbers.
std::unique_ptr<UpdatePasses> batched_passes(std::vector<TensorUpdate*> updates);

/// Dither of weights in bfloat16 is not that of the state.
inline constexpr std::uint32_t kWeightKey = 0x5bd1e995U;

}  // namespace scout
