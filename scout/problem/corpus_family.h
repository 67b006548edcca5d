// Problems that Wichrowska et al. 2017, "Learned optimizers that scale and generalize", train on, as in the code released
// with it (problems/problem_generator.py, datasets.py, problem_sets.py).
#pragma once

#include "scout/problem/instance.h"

namespace scout {

/// Their names: functions, which have the suffix `-rotated`, too.
///
///     dependency-chain    (M - 1) z_0² + Σ_{i>0} z_i²/(z_{i-1}² + 1e-6): each z_i can come to 0 once the one before has
///     min-max-well        max z² + 1/min z² - 2 + 1e-12: only two coordinates have a gradient; f* at |z_i| = 1
///     outward-snake       Σ_n [d_n0/(|z| + 1e-6) + Σ_{i>0} d_ni (z_i - π cos z_{i-1})²], d binary: a winding path to
///     infinity projection-quadratic   Σ_n Σ_i (d_ni z_i)², d normal sum-of-quadratics      Σ_n (|z - d_n|² - |d_n|²) +
///     1e-12, d normal; with each d_n comes -d_n, so that f* is at 0
///
/// z = Q θ / s with s log-uniform in [0.1, 10]; Q is the identity or, in the rotated families, a random rotation (blocks of
/// at most 256). Starts are z ~ N(0, 1). The last three are stochastic: of 1,000 n, a minibatch sums over some that are
/// drawn anew, their number log-uniform in [10, 128], once an instance. All f ≥ 0, apart from minibatches of the last.
///
///     sparse-softmax      embeddings [2, 5], weights [5, 2] and a bias [2], 22 numbers in three tensors: five samples of
///     the
///                         noisy parity of five bits, whose embeddings are summed up; the cross-entropy of the sigmoid of
///                         the first logit, and 1e-3 times the mean over tensors of Σ θ². Starts as their code has them:
///                         deviations of 1.2/√rows.
std::vector<std::string> corpus_names();

/// The family of that name, null if there is none. `rotated`: not for sparse-softmax, which has its own dimension.
std::shared_ptr<const Family> corpus_family(std::string_view name, bool rotated = false);

}  // namespace scout
