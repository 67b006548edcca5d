// The mixture of proposals that the rule "coordinate" steps by (coordinate_rule.cc), for many rows side by side. SIMD with
// dispatch at run time; no product is fused with a sum, so that every target gives the same numbers, bit by bit.
#pragma once

#include <utility>
#include <vector>

#include "scout/policy/rule/actor.h"

namespace scout::kernel {

inline constexpr int kMaxProposals = 16;

/// With outputs u of a row, and proposals p_0, ..., p_{n-1} that are steps in the code of actions (policy/rule/action.h):
///
///     Δ = e^{u_0} Σ_k w_k p_k,   w = sparsemax(3 u_2, ..., 3 u_{n+1}),   p_0 = e^{u_1} · (a geometric mean of two
///     features),
///
/// u_0 bounded to [-2, 2] and u_1 to [-10, 3]; sparsemax as Martins & Astudillo 2016, algorithm 1.
///
/// At a bound, a gradient that pushes further out is dropped; a unit of output moves the action by at most a unit, however
/// steep the code is where steps are small.
struct Mixture : ActionMap {
  /// `columns` [n + 1] of the features: the two that make p_0, then those of p_1, ...; n from 1 to kMaxProposals.
  Mixture(std::vector<int> columns, int features) : proposals(std::move(columns)), width(features) {}

  /// encode(Δ), bounded to [-1, 1], of outputs u [rows, n + 2] and features [rows, F].
  void actions(const float* outputs, const float* features, int rows, float* actions) const override;
  void gradient(const float* outputs, const float* features, const float* d_actions, int rows,
                float* d_outputs) const override;

  std::vector<int> proposals;
  int count = static_cast<int>(proposals.size()) - 1;  ///< n
  int width;                                           ///< F
};

}  // namespace scout::kernel
