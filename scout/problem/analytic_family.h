// Instances of the analytic functions: a textbook function, moved, scaled and turned.
#pragma once

#include "scout/problem/analytic/function.h"
#include "scout/problem/instance.h"

namespace scout {

/// The distribution of f(θ) = a φ(z) + b with z = z* + Q (θ - θ*) / s, where φ is the textbook function with minimiser z*:
///
/// - parameters of φ: drawn by the function itself;
/// - scale s: log-uniform in [0.1, 10]; the box is a cube of the textbook domain's width times s, around a random point;
/// - orthogonal Q: a reflection of each axis with probability 1/2, or, in the rotated family, a random rotation (in blocks
///   of at most 256 coordinates);
/// - optimum θ*: random within the box. A function whose z* is at the centre of its domain gets θ* uniform in the inner
///   60 % of the box. One whose z* is away from the centre (Schwefel) keeps it about as far from the box's centre, in the
///   direction that Q turns it to: the optimum then moves less, and the box still shows the part of the landscape that the
///   textbook means;
/// - amplitude a: log-uniform in [0.01, 100]; offset b: a times N(0, 10^2).
///
/// Starts are uniform over the box. Each choice has its own seed axis below (family, split, dimension, index), so instances
/// stay the same for ever, splits are disjoint, and a rotated twin shares nothing with the axis-aligned instance but φ.
///
/// `function` must outlive the family and its instances.
std::shared_ptr<const Family> analytic_family(const AnalyticFunction& function, bool rotated);

}  // namespace scout
