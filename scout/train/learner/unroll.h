// Backpropagation through an unrolled optimizer, with the gradients of the optimizee held constant.
#pragma once

#include <vector>

#include "scout/policy/lstm/lstm_rule.h"
#include "scout/train/mover/mover.h"

namespace scout {

/// The points that a run has seen, one after the other.
struct RunPoints {
  std::vector<double> values;    ///< f [N]
  std::vector<float> gradients;  ///< ∇f as the rule takes it [N, M]

  void add(double value, std::span<const double> gradient);
};

/// Notes the points of an episode, each before the step from it.
class PointRecorder : public Mover {
 public:
  void move(Episode& episode) override { points_.add(episode.value(), episode.gradient()); }
  /// All points, with the one that the episode stands on, unless f or ∇f was not finite there. May be called once.
  RunPoints finish(const Episode& episode);

 private:
  RunPoints points_;
};

/// Adds to `gradient` [parameters of the rule] the derivative of the meta-loss L = Σ f(θ_t) over the points from number
/// `first` on (Andrychowicz et al. 2016, eq. 3, w_t = 1). As there, ∇f counts as a constant: with the step from point t
/// called Δ_t, ∂L/∂Δ_t = Σ_{s>t} ∇f(θ_s), and ∂L/∂ parameters follows by backpropagation through the network from the last
/// step to step `first`. `state` [M, state of a row] is what the network remembers at point 0; it moves on to the last
/// point. T is float, or double for tests of gradients.
template <class T>
void backpropagate(const LstmRule& rule, const T* parameters, const RunPoints& points, std::size_t first,
                   std::vector<T>& state, std::vector<T>& gradient);

}  // namespace scout
