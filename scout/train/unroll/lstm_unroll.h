// Backpropagation through unrolled steps of the rule "lstm", with the gradients of the optimizee held constant.
#pragma once

#include "scout/policy/lstm/lstm_rule.h"
#include "scout/train/unroll/unroll.h"

namespace scout {

/// UnrolledRule::backpropagate of the rule "lstm". ∇f counts as a constant (Andrychowicz et al. 2016): with the step from
/// point t called Δ_t, ∂L/∂Δ_t = Σ_{s>t} w_s ∇f(θ_s), and ∂L/∂ parameters follows by backpropagation through the network.
/// `state` [M, state of a row]. T is float, or double for tests of gradients.
template <class T>
void backpropagate(const LstmRule& rule, const T* parameters, const RunPoints& points, std::size_t first,
                   std::vector<T>& state, std::vector<T>& gradient);

}  // namespace scout
