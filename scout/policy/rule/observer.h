// What a policy sees: the features of one run, built step by step. The only copy: training and deployment both use it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace scout {

/// Which features a policy was trained with.
struct ObserverOptions {
  /// "coordinatewise": any M, one row of features a coordinate; "joint": one row for all; "network": the weights of neural
  /// networks, whose features the kernel computes (WeightRule) and no Observer.
  std::string form = "coordinatewise";
  int dimension = 0;     ///< joint only: the fixed M
  int history = 4;       ///< joint only: how many (f, θ, Δθ) tuples
  bool gradient = true;  ///< whether ∇f is observed; off is the seed's literal state
};

/// What a run is measured in.
struct Frame {
  double scale = 1;  ///< the largest step of a coordinate, > 0
  int horizon = 1;   ///< the number of updates that the run may make, >= 1
  /// The region of interest [M]: the policy may send probes anywhere in it. Used during `start` only.
  std::span<const double> lower, upper;
};

/// A run seen by a policy. Everything is relative: θ to the start and to the best point, in units of the step scale; f to
/// the range seen so far; ∇f to its own running size. So a policy cannot memorise where optima lie, and is invariant to
/// shifts of θ and f, to a positive scaling of f, and (through the step scale) to the scaling of θ.
class Observer {
 public:
  virtual ~Observer() = default;

  virtual int dimension() const = 0;
  /// Rows that the actor is applied to: M (coordinatewise) or 1 (joint).
  virtual int rows() const = 0;
  /// Features of a row.
  virtual int features() const = 0;
  /// Actions of a row: 1 (coordinatewise) or M (joint).
  int actions() const { return dimension() / rows(); }

  /// Begins a run at θ⁰ [M] with value f and gradient [M] (ignored, and may be empty, if gradients are not observed).
  virtual void start(std::span<const double> theta, double f, std::span<const double> gradient, const Frame& frame) = 0;

  /// Takes in the result of an update: the actions [M] that were taken, the point they led to, and what was found there.
  virtual void observe(std::span<const float> actions, std::span<const double> theta, double f,
                       std::span<const double> gradient) = 0;

  /// Writes the features [rows, features], row-major.
  virtual void write(float* features) const = 0;

  /// Turns actions [M] from the actor's frame into θ's; its own inverse. The features of a coordinate are written as if its
  /// gradient pointed upwards (all signs are flipped where it does not), so that the policy is equivariant to reflections.
  virtual void orient(std::span<float> actions) const = 0;
};

/// Names the layout and the meaning of the features; a policy file records it, and loads only if it is the same.
std::string feature_signature(const ObserverOptions& options);
/// Features of a row; of the form "network", those of a weight and of the context.
int feature_count(const ObserverOptions& options);
/// An observer for runs of `dimension` coordinates. Throws std::invalid_argument if a joint form has another dimension, or
/// if the form is "network".
std::unique_ptr<Observer> make_observer(const ObserverOptions& options, int dimension);

}  // namespace scout
