// Backpropagation through an unrolled optimizer.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "scout/train/mover/mover.h"

namespace scout {

/// The points that a run has seen, one after the other.
struct RunPoints {
  std::vector<double> values;    ///< f [N]
  std::vector<double> thetas;    ///< [N, M], or empty
  std::vector<float> gradients;  ///< ∇f as the rule takes it [N, M]
  /// ∂L/∂f at each point [N], of the meta-loss L; empty: 1.
  std::vector<double> weights{};
  int step = 0;  ///< of the run, at the first of them

  void add(double value, std::span<const double> gradient);
  double weight(std::size_t point) const { return weights.empty() ? 1.0 : weights[point]; }
};

/// Notes the points of an episode, each before the step from it.
class PointRecorder : public Mover {
 public:
  /// Whether θ is noted, too.
  explicit PointRecorder(bool with_theta = false) : with_theta_(with_theta) {}
  void move(Episode& episode) override { add(episode); }
  /// All points, with the one that the episode stands on, unless f or ∇f was not finite there. May be called once.
  RunPoints finish(const Episode& episode);

 private:
  void add(const Episode& episode);

  bool with_theta_;
  RunPoints points_;
};

/// The meta-loss Σ f over the points from number `first` on (Andrychowicz et al. 2016, eq. 3, w_t = 1).
double sum_loss(const RunPoints& points, std::size_t first);
/// The mean over those points of log(f/(f⁰ + 1e-6) + 1e-6), with f⁰ that of the run's start, and sets the weights so
/// (Wichrowska et al. 2017, section 3.2, as in their code). f below 0 counts as 0, and its weight is 0.
double log_loss(RunPoints& points, std::size_t first, double start_value);

/// H v, with H the second derivatives of f at a point by its number, and v [M].
using Curvature = std::function<void(std::size_t point, std::span<const double> v, std::span<double> product)>;
/// That of the minibatches that an episode's points were seen through, by central differences of ∇f: two evaluations, which
/// it counts. `points` must have thetas; everything must outlive it.
Curvature difference_curvature(const Instance& instance, const RunPoints& points, std::int64_t& evaluations);

/// What a rule's steps are propagated back through with.
class UnrolledRule {
 public:
  virtual ~UnrolledRule() = default;
  /// Whether it can propagate back through ∇f.
  virtual bool takes_curvature() const = 0;
  /// Numbers that it remembers of a run: all 0 at its beginning.
  virtual std::size_t memory_size(std::span<const TensorShape> tensors) const = 0;
  /// Adds to `gradient` [parameters of the rule] the derivative of the meta-loss over the points from number `first` on, by
  /// backpropagation from the last step to step `first`. `memory`: what is remembered at point 0; it moves on to the last
  /// point. Nothing is propagated back into what lies before. An empty `curvature`: ∇f counts as constant.
  virtual void backpropagate(const float* parameters, const RunPoints& points, std::size_t first,
                             std::span<const TensorShape> tensors, const Curvature& curvature, std::vector<float>& memory,
                             std::vector<float>& gradient) const = 0;
};
/// Null if the steps of this rule cannot be propagated back through. Refers to it.
std::unique_ptr<UnrolledRule> unrolled(const UpdateRule& rule);

}  // namespace scout
