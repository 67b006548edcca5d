#include "scout/train/guided/linear_fit.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace scout {
namespace {

constexpr int kIterations = 20;
constexpr Eigen::Index kMostPoints = 4000;
// What is added to variances: a share of themselves and, for those that are 0, a little of all points', and next to nothing.
// Shares, since points of a run that has converged are close to each other.
constexpr double kRidge = 1e-3;  // of a part of the mixture
constexpr double kOverall = 1e-8;
constexpr double kLeast = 1e-14;
// Of the inputs of a fit. With a prior, samples are few and their inputs almost dependent, such as θ and ∇f: with much less
// the gains are large, of opposite signs, and explode over the steps of a run.
constexpr double kFitRidge = 1e-2;
constexpr double kLeastSquaresRidge = 1e-6;

Gaussian law_of(const MatrixXd& points) {
  Gaussian out;
  out.mean = points.colwise().mean();
  const MatrixXd centred = points.rowwise() - out.mean.transpose();
  out.covariance = centred.transpose() * centred / static_cast<double>(points.rows());
  return out;
}

void add_ridge(MatrixXd& covariance, double share) { covariance.diagonal() = covariance.diagonal() * (1 + share); }

/// log Σ exp of each row.
VectorXd log_sums(const MatrixXd& logs) {
  const VectorXd most = logs.rowwise().maxCoeff();
  return ((logs.colwise() - most).array().exp().rowwise().sum()).log().matrix() + most;
}

MatrixXd beside(const MatrixXd& left, const MatrixXd& right) {
  MatrixXd out(left.rows(), left.cols() + right.cols());
  out << left, right;
  return out;
}

/// y given z, of a Gaussian of [z; y].
LinearGaussian conditional(const Gaussian& joint, Eigen::Index n, double ridge) {
  const Eigen::Index m = joint.mean.size() - n;
  MatrixXd zz = joint.covariance.topLeftCorner(n, n);
  add_ridge(zz, ridge);
  zz.diagonal().array() += kLeast;
  const MatrixXd zy = joint.covariance.topRightCorner(n, m);
  LinearGaussian out;
  out.gain = zz.ldlt().solve(zy).transpose();
  out.offset = joint.mean.tail(m) - out.gain * joint.mean.head(n);
  const MatrixXd rest = joint.covariance.bottomRightCorner(m, m) - out.gain * zy;
  out.covariance = 0.5 * (rest + rest.transpose());
  out.covariance.diagonal() = out.covariance.diagonal().cwiseMax(0);
  return out;
}

}  // namespace

GaussianMixture::GaussianMixture(const MatrixXd& all, int clusters, Random& random) {
  const Eigen::Index count = std::min(all.rows(), kMostPoints);
  MatrixXd points(count, all.cols());
  for (Eigen::Index i = 0; i < count; ++i) points.row(i) = all.row(i * all.rows() / count);
  const Gaussian overall = law_of(points);
  const VectorXd least = kOverall * overall.covariance.diagonal() + VectorXd::Constant(points.cols(), kLeast);
  const auto widen = [&](MatrixXd& covariance) {
    add_ridge(covariance, kRidge);
    covariance.diagonal() += least;
  };
  // Begins with parts about points that are drawn.
  std::vector<Eigen::Index> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), Eigen::Index{0});
  shuffle(std::span(order), random);
  const Eigen::Index parts = std::clamp<Eigen::Index>(clusters, 1, count);
  for (Eigen::Index k = 0; k < parts; ++k) {
    const VectorXd mean = parts == 1 ? overall.mean : VectorXd(points.row(order[static_cast<std::size_t>(k)]).transpose());
    parts_.push_back({1.0 / static_cast<double>(parts), {mean, overall.covariance}});
    widen(parts_.back().law.covariance);
  }
  for (int iteration = 0; iteration < (parts > 1 ? kIterations : 0); ++iteration) {
    MatrixXd share = log_densities(points);
    share = (share.colwise() - log_sums(share)).array().exp();
    for (std::size_t k = 0; k < parts_.size(); ++k) {
      const VectorXd own = share.col(static_cast<Eigen::Index>(k));
      const double weight = own.sum();
      parts_[k].weight = std::max(weight / static_cast<double>(count), 1e-12);
      if (weight < 1e-6) continue;  // it has no points, and stays where it is
      Gaussian& law = parts_[k].law;
      law.mean = points.transpose() * own / weight;
      const MatrixXd centred = points.rowwise() - law.mean.transpose();
      law.covariance = centred.transpose() * own.asDiagonal() * centred / weight;
      widen(law.covariance);
    }
  }
}

MatrixXd GaussianMixture::log_densities(const MatrixXd& points) const {
  MatrixXd out(points.rows(), static_cast<Eigen::Index>(parts_.size()));
  for (std::size_t k = 0; k < parts_.size(); ++k) {
    const Gaussian& law = parts_[k].law;
    // Scaled, so that the factor does not depend on the units of the coordinates.
    const VectorXd unit = law.covariance.diagonal().cwiseSqrt().cwiseInverse();
    const Eigen::LLT<MatrixXd> factor(MatrixXd(unit.asDiagonal() * law.covariance * unit.asDiagonal()));
    MatrixXd apart = unit.asDiagonal() * (points.rowwise() - law.mean.transpose()).transpose();
    factor.matrixL().solveInPlace(apart);
    const double scale = factor.matrixLLT().diagonal().array().log().sum() - unit.array().log().sum() +
                         0.5 * std::log(2 * std::numbers::pi) * static_cast<double>(points.cols());
    out.col(static_cast<Eigen::Index>(k)) =
        (-0.5 * apart.colwise().squaredNorm().transpose()).array() + (std::log(parts_[k].weight) - scale);
  }
  return out;
}

double GaussianMixture::log_likelihood(const MatrixXd& points) const { return log_sums(log_densities(points)).mean(); }

Gaussian GaussianMixture::near(const MatrixXd& points) const {
  MatrixXd share = log_densities(points);
  share = (share.colwise() - log_sums(share)).array().exp();
  const VectorXd weights = share.colwise().mean();
  Gaussian out{VectorXd::Zero(points.cols()), MatrixXd::Zero(points.cols(), points.cols())};
  for (std::size_t k = 0; k < parts_.size(); ++k) out.mean += weights[static_cast<Eigen::Index>(k)] * parts_[k].law.mean;
  for (std::size_t k = 0; k < parts_.size(); ++k) {
    const VectorXd apart = parts_[k].law.mean - out.mean;
    out.covariance += weights[static_cast<Eigen::Index>(k)] * (parts_[k].law.covariance + apart * apart.transpose());
  }
  return out;
}

LinearGaussian fit_linear(const MatrixXd& z, const MatrixXd& y, const GaussianMixture& mixture, double strength) {
  const MatrixXd points = beside(z, y);
  const auto count = static_cast<double>(points.rows());
  const Gaussian prior = mixture.near(points);
  Gaussian law = law_of(points);
  const VectorXd apart = law.mean - prior.mean;
  law.covariance = (count * law.covariance + strength * prior.covariance +
                    count * strength / (count + strength) * apart * apart.transpose()) /
                   (count + strength);
  law.mean = (count * law.mean + strength * prior.mean) / (count + strength);
  return conditional(law, z.cols(), kFitRidge);
}

LinearGaussian fit_least_squares(const MatrixXd& z, const MatrixXd& y) {
  return conditional(law_of(beside(z, y)), z.cols(), kLeastSquaresRidge);
}

MatrixXd mean_curvature(const MatrixXd& x, const MatrixXd& g) {
  const MatrixXd slope = fit_least_squares(x, g).gain;
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(0.5 * (slope + slope.transpose()));
  return solver.eigenvectors() * solver.eigenvalues().cwiseMax(0).asDiagonal() * solver.eigenvectors().transpose();
}

}  // namespace scout
