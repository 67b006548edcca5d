// Linear-Gaussian fits of few samples, helped by a prior that a mixture of Gaussians gives (Levine & Abbeel 2014, section
// 4).
#pragma once

#include "scout/base/random.h"
#include "scout/train/guided/linear_gaussian.h"

namespace scout {

/// A mixture of Gaussians over points [D], by expectation-maximisation.
class GaussianMixture {
 public:
  /// Fits to `points` [N, D], a point a row; of very many, to some thousands that lie evenly among them. At most N clusters.
  GaussianMixture(const MatrixXd& points, int clusters, Random& random);

  int clusters() const { return static_cast<int>(parts_.size()); }
  /// The mean over `points` [N, D] of log p.
  double log_likelihood(const MatrixXd& points) const;
  /// Mean and covariance of the mixture as it is about these points: each part weighs what it is responsible for on average.
  Gaussian near(const MatrixXd& points) const;

 private:
  struct Part {
    double weight;
    Gaussian law;
  };
  /// log(weight p) of each part at each point [N, parts].
  MatrixXd log_densities(const MatrixXd& points) const;

  std::vector<Part> parts_;
};

/// Fits y ~ N(gain z + offset, covariance) to samples z [N, n] and y [N, m]: the Gaussian of [z; y], conditioned on z, whose
/// variances count a hundredth more. Its
/// mean and covariance are the most probable given a normal-inverse-Wishart prior that is worth `strength` samples, which
/// `mixture`, over [z; y], gives.
LinearGaussian fit_linear(const MatrixXd& z, const MatrixXd& y, const GaussianMixture& mixture, double strength);

/// The same by least squares, without a prior: for N > n + 1.
LinearGaussian fit_least_squares(const MatrixXd& z, const MatrixXd& y);

/// E[∂g/∂x] of a normal x by Stein's lemma, Cov(g, x) Cov(x)⁻¹, of samples of x and g [N, n]: of gradients g it is the mean
/// Hessian. Symmetric, and eigenvalues below 0 are 0.
MatrixXd mean_curvature(const MatrixXd& x, const MatrixXd& g);

}  // namespace scout
