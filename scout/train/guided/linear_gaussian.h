// Time-varying linear-Gaussian controllers and dynamics, and the best controller within a bound of another: what guided
// policy search is made of (Levine & Abbeel 2014; Montgomery & Levine 2016).
#pragma once

#include <Eigen/Dense>
#include <vector>

namespace scout {

using Eigen::MatrixXd;
using Eigen::VectorXd;

/// y ~ N(gain z + offset, covariance). A controller: z is the state x [n], y the control u [m]. Dynamics: z is [x; u], y the
/// next state.
struct LinearGaussian {
  MatrixXd gain;
  VectorXd offset;
  MatrixXd covariance;
};
/// One for each of T steps.
using LinearGaussians = std::vector<LinearGaussian>;

struct Gaussian {
  VectorXd mean;
  MatrixXd covariance;
};

/// ½ xᵀ curvature x + slope·x + constant, with a curvature that is positive semidefinite.
struct QuadraticCost {
  MatrixXd curvature;
  VectorXd slope;
  double constant = 0;
};

/// A controller problem: T steps from a distribution of first states, and a cost of each of the T + 1 states.
struct LinearQuadratic {
  Gaussian start;
  LinearGaussians dynamics;          ///< [T]
  std::vector<QuadraticCost> costs;  ///< [T + 1]
};

/// The controller p that minimises E Σ cost + η Σ KL(p(u|x) ‖ reference(u|x)), exactly: the Riccati recursion, backwards.
/// The best mean of u minimises Q = E[cost-to-go] + η (-log reference), and its covariance is η Q_uu⁻¹. η = 0: the linear
/// quadratic regulator, without noise, which does not look at the reference.
LinearGaussians best_controller(const LinearQuadratic& problem, const LinearGaussians& reference, double eta);

/// The distributions of the T + 1 states.
std::vector<Gaussian> states_of(const LinearQuadratic& problem, const LinearGaussians& controller);

/// E Σ cost over these states.
double expected_cost(const LinearQuadratic& problem, const std::vector<Gaussian>& states);

/// Σ over steps of E KL(controller(u|x) ‖ reference(u|x)), over these states.
double divergence(const LinearGaussians& controller, const LinearGaussians& reference, const std::vector<Gaussian>& states);

struct BoundedController {
  LinearGaussians controller;
  double eta = 0;
  double divergence = 0;
  double cost = 0;  ///< expected
};
/// The best controller whose divergence from the reference is at most `bound` > 0. η is found by bisection of its logarithm
/// within [1e-8, 1e16]: the divergence ends in [0.9, 1] bound, or is below where even the least η keeps to it.
BoundedController best_within(const LinearQuadratic& problem, const LinearGaussians& reference, double bound);

}  // namespace scout
