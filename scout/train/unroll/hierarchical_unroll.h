// Backpropagation through unrolled steps of the rule "hierarchical_rnn", with the gradients of the optimizee held constant
// or not.
#pragma once

#include "scout/policy/hierarchical/hierarchical_rule.h"
#include "scout/train/unroll/unroll.h"

namespace scout {

/// Numbers that the rule remembers of a run on these tensors: whether it has begun, the mean of the learning rates'
/// logarithms, the state of the run, those of the tensors, and of every weight HierarchicalNetwork::kMemory.
std::size_t hierarchical_memory(std::span<const TensorShape> tensors);

/// UnrolledRule::backpropagate of the rule "hierarchical_rnn". Where the unroll begins with the run, it goes on into the
/// initial states, which are parameters. T is float, or double for tests of gradients.
///
/// Of a step only what was remembered before it is kept; what it leaves for the way back is worked out again there.
template <class T>
void backpropagate(const HierarchicalRule& rule, const T* parameters, const RunPoints& points, std::size_t first,
                   std::span<const TensorShape> tensors, const Curvature& curvature, std::vector<T>& memory,
                   std::vector<T>& gradient);

}  // namespace scout
