// Persistent evolution strategies (Vicol, Metz & Sohl-Dickstein 2021, "Unbiased gradient estimation in unrolled computation
// graphs with persistent evolution strategies", ICML): the gradient of a long unroll from short pieces of it.
#pragma once

#include <span>
#include <vector>

#include "scout/base/random.h"

namespace scout {

/// The estimate of one antithetic pair of particles. An unroll is cut into truncations. In each, one particle acts with the
/// parameters θ + ε and the other with θ - ε, and both go on from the states that they are in. These depend on the
/// perturbations of all truncations since the unroll began, ξ = Σ ε. So the loss of a truncation is credited to ξ:
///
///     g = (L⁺ - L⁻) ξ / 2σ²
///
/// Its mean is the gradient of the loss of a whole unroll, smoothed by the noise. Credited to the latest ε alone it is
/// truncated ES, which is blind to what parameters do beyond a truncation, and can have the wrong sign.
class PersistentEs {
 public:
  PersistentEs() = default;
  /// For n parameters and perturbations of deviation σ > 0. `persistent`: false is truncated ES.
  PersistentEs(std::size_t parameters, double deviation, bool persistent = true);

  /// Draws the perturbation ε ~ N(0, σ²I) [n] of the next truncation.
  const std::vector<double>& perturb(Random& random);
  /// Adds g [n] to `gradient` [n]. `difference`: L⁺ - L⁻, of the present truncation or of a part of it.
  void add(double difference, std::span<double> gradient) const;
  /// Within a truncation both particles have begun anew. What comes of that depends on the present perturbation alone.
  void restart() { sum_ = perturbation_; }
  /// Both particles begin anew with the next truncation.
  void clear();

  /// ξ, the perturbations that the particles' states depend on [n].
  const std::vector<double>& sum() const { return sum_; }

  /// Between two truncations.
  void visit(auto& archive) { archive.fixed(sum_); }

 private:
  double deviation_ = 1;
  bool persistent_ = true;
  std::vector<double> perturbation_, sum_;
};

}  // namespace scout
