// Random quadratics, as learned optimizers have been trained on since Andrychowicz et al. 2016.
#pragma once

#include "scout/problem/instance.h"

namespace scout {

/// The distribution of f(θ) = ‖W θ - y‖², W [M, M] and y [M] with independent entries: standard normal ("quadratic", as in
/// the paper) or uniform in [0, 1] ("quadratic-uniform", as in the code that came with it). `rotated`: W Q in the place of
/// W, with Q a random rotation, which changes nothing in the law of normal entries. Starts are normal with a deviation of
/// 0.01. f* is 0, at W⁻¹ y, which may lie far outside the box, [-3, 3]^M.
std::shared_ptr<const Family> quadratic_family(bool uniform, bool rotated = false);

}  // namespace scout
