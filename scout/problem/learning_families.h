// The three families of small learning problems that Li & Malik 2016 ("Learning to optimize", section 5) train and judge
// optimizers on. Each instance is one data set of 100 examples.
#pragma once

#include <string_view>
#include <vector>

#include "scout/problem/instance.h"

namespace scout {

/// "logistic-regression": θ = (w, b), M = 4,
///
///   f = -1/n Σ [y log σ(wᵀx + b) + (1 - y) log(1 - σ(wᵀx + b))] + λ/2 ‖w‖²,   λ = 5e-4,
///
/// 50 examples of each of two Gaussians in three dimensions, of random mean and covariance. f is convex; f* is found by
/// Newton's method when an instance is made, to rounding.
///
/// "robust-regression": θ = (w, b), M = 4, the loss of Geman & McClure,
///
///   f = 1/n Σ r²/(c² + r²),   r = y - wᵀx - b,   c = 1,
///
/// 25 examples of each of four Gaussians in three dimensions, of random mean and unit covariance; labels are a random
/// affine map, another one for each Gaussian, plus noise. Not convex; f* is not known.
///
/// "two-layer-network": θ = (W, b, U, c), M = 12: a classifier of two inputs, two hidden ReLUs and two classes,
///
///   f = -1/n Σ log softmax(U max(W x + b, 0) + c)_y + λ/2 (‖W‖² + ‖U‖²),   λ = 5e-4,
///
/// 25 examples of each of four Gaussians in the plane, of random mean and unit covariance, each of a random class, not all
/// of the same. Not convex; f* is not known.
///
/// The paper does not give the laws of means, covariances, maps, noise and starts: see docs/deviations.md.
const std::vector<std::shared_ptr<const Family>>& learning_families();

}  // namespace scout
