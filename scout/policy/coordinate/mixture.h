// The mixture of proposals that the rule "coordinate" steps by (coordinate_rule.cc), for many rows side by side. SIMD with
// dispatch at run time; no product is fused with a sum, so that every target gives the same numbers, bit by bit.
#pragma once

namespace scout::kernel {

inline constexpr int kMaxProposals = 16;

/// With outputs u of a row, and proposals p_0, ..., p_{n-1} that are steps in the code of actions (policy/rule/action.h):
///
///     Δ = e^{u_0} Σ_k w_k p_k,   w = sparsemax(3 u_2, ..., 3 u_{n+1}),   p_0 = e^{u_1} · (a geometric mean of two
///     features),
///
/// u_0 bounded to [-2, 2] and u_1 to [-10, 3]; sparsemax as Martins & Astudillo 2016, algorithm 1.
struct Mixture {
  const int* proposals;  ///< [count + 1] columns of the features: the two that make p_0, then those of p_1, ...
  int count;             ///< n, from 1 to kMaxProposals
  int features;          ///< F
};

/// actions [rows] = encode(Δ), bounded to [-1, 1], of outputs u [rows, n + 2] and features [rows, F].
void mixture_actions(const Mixture& mixture, const float* outputs, const float* features, int rows, float* actions);

/// ∂L/∂u [rows, n + 2], given ∂L/∂actions [rows]. At a bound, a gradient that pushes further out is dropped; a unit of
/// output moves the action by at most a unit, however steep the code is where steps are small.
void mixture_gradient(const Mixture& mixture, const float* outputs, const float* features, const float* d_actions, int rows,
                      float* d_outputs);

}  // namespace scout::kernel
