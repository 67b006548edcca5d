// The noisy twin of any family: what an optimizer sees when f and ∇f are estimates.
#pragma once

#include "scout/problem/instance.h"

namespace scout {

/// The instances of `base`, each seen through additive Gaussian noise of a level σ that is log-uniform in [0.01, 0.3]:
///
///   f~(θ) = f(θ) + σ S_f ε_0,    ∇f~(θ)_i = ∇f(θ)_i + σ S_g ε_i,    ε ~ N(0, I)
///
/// S_f is the standard deviation of f, S_g the root mean square of one component of ∇f, over 64 points of the start
/// distribution. So the noise of an instance is the same everywhere, as that of a mini-batch roughly is, and drowns the
/// gradient near the optimum. ε is a function of the instance's noise seed and of the bits of θ: an optimizer that asks
/// twice gets the same answer. `true_value`, `optimum` and `optimum_value` are those of the noiseless instance.
std::shared_ptr<const Family> noisy_family(std::shared_ptr<const Family> base);

}  // namespace scout
