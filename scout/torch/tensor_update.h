// One parameter in one step of LearnedOptimizer, and the two ways in which its weights are updated.
#pragma once

#include <ATen/core/Tensor.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "scout/base/parallel.h"
#include "scout/policy/weight/guarded_step.h"
#include "scout/policy/weight/weight_rule.h"

namespace scout {

/// What is kept of a parameter from step to step.
struct ParameterState {
  explicit ParameterState(const at::Tensor& parameter)
      : identity(parameter.getIntrusivePtr()), shape(parameter.sizes().vec()), type(parameter.scalar_type()) {}

  /// Keeps no weights alive, but the address: no other parameter can get it.
  c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl> identity;
  std::vector<std::int64_t> shape;
  at::ScalarType type;
  TensorRecord record{};
  at::Tensor numbers{};  ///< of the rule, [StateLayout::per_weight, size]
  std::unique_ptr<TensorPlan> plan{};
  // For the guard.
  at::Tensor held{};               ///< weights to go back to; undefined without one
  bool known = false;              ///< whether `left` is
  std::uint64_t left = 0;          ///< fingerprint of the weights as the optimizer left them
  std::int64_t seen = -1;          ///< the step in which it was found to be right, or made so
  std::uint64_t left_at_hold = 0;  ///< that of `held`
};

struct TensorUpdate : TensorStep {
  at::Tensor weight;    ///< the parameter
  at::Tensor gradient;  ///< of the same shape, type and device
  std::size_t group = 0;
  ParameterState* state = nullptr;
  std::uint64_t fingerprint = 0;  ///< of the weights after the last pass, if the passes were told to take it
};

/// Of `n` weights as floats, the first of which is number `first` of its tensor: Σ bits · (2 i + 1). Those of pieces add up
/// to the tensor's. A single weight that changes, or two that change places, change it.
inline std::uint64_t fingerprint(const float* weights, std::size_t n, std::size_t first) {
  std::uint64_t sum = 0;
  auto factor = static_cast<std::uint32_t>(2 * first + 1);
  for (std::size_t i = 0; i < n; ++i, factor += 2) sum += std::uint64_t{std::bit_cast<std::uint32_t>(weights[i])} * factor;
  return sum;
}

/// Two passes over the updates that it was made for: `add_up` fills their sums; then, when the caller has made the plans,
/// `step` changes weights and numbers and fills the sums of the step.
class UpdatePasses {
 public:
  virtual ~UpdatePasses() = default;
  virtual void add_up() = 0;
  virtual void step(const WeightStepper& stepper) = 0;
};

/// The rule's own step, piece by piece, on the CPU, where the numbers are; weights elsewhere are copied. No thread of the
/// team changes the result. `whole`: a tensor is one piece. `fingerprints`: whether both passes take them.
std::unique_ptr<UpdatePasses> piece_passes(std::vector<TensorUpdate*> updates, ThreadTeam& team, bool whole,
                                           bool fingerprints);
/// The formulas of FusedStepper in LibTorch operations on whole batches of tensors, all on one device, and so their numbers.
std::unique_ptr<UpdatePasses> batched_passes(std::vector<TensorUpdate*> updates, bool fingerprints);

/// Dither of weights in bfloat16 is not that of the state.
inline constexpr std::uint32_t kWeightKey = 0x5bd1e995U;

}  // namespace scout
