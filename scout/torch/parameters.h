// The parameters of an optimizer as objects: what is kept of each, which of them are stepped, and which are refused.
#pragma once

#include <torch/optim/optimizer.h>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "scout/torch/tensor_update.h"

namespace scout {

using ParameterGroups = std::vector<torch::optim::OptimizerParamGroup>;

/// The states of parameters. A state belongs to the tensor object that it was made for, wherever that stands in the groups,
/// and to no other.
class ParameterStates {
 public:
  /// Null if there is none.
  ParameterState* find(const at::Tensor& parameter);
  const ParameterState* find(const at::Tensor& parameter) const;
  /// A new one if there is none.
  ParameterState& of(const at::Tensor& parameter) { return try_emplace(parameter); }
  /// Frees the states of what is in none of the groups.
  void keep_only(const ParameterGroups& groups);

  auto begin() const { return states_.begin(); }
  auto end() const { return states_.end(); }

 private:
  ParameterState& try_emplace(const at::Tensor& parameter);
  std::unordered_map<const c10::TensorImpl*, ParameterState> states_;
};

/// Whether the parameter is trained: it is there, and requires a gradient.
inline bool trained(const at::Tensor& parameter) { return parameter.defined() && parameter.requires_grad(); }

/// The updates of a step, without state and settings: of every parameter that is trained and has a gradient. One that a
/// group lists more than once, or that shares all its weights with another of the group, is stepped once, with the sum of
/// the gradients. Throws std::invalid_argument if one is in two groups, of another shape or type than its state, not dense,
/// of a type other than float32, float64 or bfloat16, or shares some of its weights.
std::vector<TensorUpdate> gather(const ParameterGroups& groups, const ParameterStates& states);
/// Throws std::invalid_argument if a parameter is in two groups.
void check_groups(const ParameterGroups& groups);

/// "parameter 3 of group 0".
std::string place_of(std::size_t parameter, std::size_t group);
/// "of shape [3, 4] and type Float".
std::string kind_of(at::IntArrayRef shape, at::ScalarType type);
/// Of a tensor on any device (scout/torch/tensor_update.h). Of what is not defined: 0.
std::uint64_t fingerprint(const at::Tensor& weights);

}  // namespace scout
