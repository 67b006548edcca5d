// What a rule for functions sees: the features of one run, built step by step.
#pragma once

#include <span>

#include "scout/policy/rule/update_rule.h"

namespace scout {

/// A run as an actor sees it. Everything is relative: θ to the start and to the best point, in units of the step scale; f to
/// the range seen so far; ∇f to its own running size. So a rule cannot memorise where optima lie, and is invariant to
/// shifts of θ and f, to a positive scaling of f, and (through the step scale) to the scaling of θ.
class Observer {
 public:
  virtual ~Observer() = default;

  virtual int dimension() const = 0;
  /// Rows that the actor is applied to: M, one a coordinate, or 1.
  virtual int rows() const = 0;
  /// Features of a row.
  virtual int features() const = 0;

  /// Begins a run at θ⁰ [M] with value f and gradient [M] (ignored, and may be empty, if gradients are not observed). The
  /// frame's horizon has to be known.
  virtual void start(std::span<const double> theta, double f, std::span<const double> gradient, const RunFrame& frame) = 0;

  /// Takes in the result of an update: the actions [M] that were taken, the point they led to, and what was found there.
  virtual void observe(std::span<const float> actions, std::span<const double> theta, double f,
                       std::span<const double> gradient) = 0;

  /// Writes the features [rows, features], row-major.
  virtual void write(float* features) const = 0;

  /// Turns actions [M] from the actor's frame into θ's; its own inverse. The features of a coordinate may be written as if
  /// its gradient pointed upwards (all signs flipped where it does not), so that the rule is equivariant to reflections.
  virtual void orient(std::span<float> actions) const = 0;

  virtual void save(ArchiveWriter& archive) const = 0;
  virtual void restore(ArchiveReader& archive) = 0;
};

}  // namespace scout
