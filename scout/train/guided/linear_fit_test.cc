#include "scout/train/guided/linear_fit.h"

#include <gtest/gtest.h>

#include <cmath>

namespace scout {
namespace {

MatrixXd random_matrix(Eigen::Index rows, Eigen::Index columns, Random& random) {
  return MatrixXd::NullaryExpr(rows, columns, [&] { return random.normal(); });
}

MatrixXd beside(const MatrixXd& left, const MatrixXd& right) {
  MatrixXd out(left.rows(), left.cols() + right.cols());
  out << left, right;
  return out;
}

/// y = A z + b + noise.
struct System {
  System(Eigen::Index inputs, Eigen::Index outputs, double noise_, Random& random)
      : gain(random_matrix(outputs, inputs, random)), offset(random_matrix(outputs, 1, random)), noise(noise_) {}
  MatrixXd answer(const MatrixXd& z, Random& random) const {
    return ((z * gain.transpose()).rowwise() + offset.transpose()) + noise * random_matrix(z.rows(), gain.rows(), random);
  }
  MatrixXd gain;
  VectorXd offset;
  double noise;
};

double error(const LinearGaussian& fit, const System& system) {
  return (fit.gain - system.gain).norm() / system.gain.norm();
}

TEST(LinearFit, RecoversAKnownLinearSystem) {
  Random random(Seed(1));
  const System system(4, 3, 0, random);
  const MatrixXd z = random_matrix(200, 4, random);
  const MatrixXd y = system.answer(z, random);
  const GaussianMixture mixture(beside(z, y), 3, random);
  for (const LinearGaussian& fit : {fit_linear(z, y, mixture, 1), fit_least_squares(z, y)}) {
    EXPECT_LT(error(fit, system), 0.03);
    EXPECT_LT((fit.offset - system.offset).norm(), 0.03);
    EXPECT_LT(fit.covariance.norm(), 0.3);
  }
  EXPECT_LT(error(fit_least_squares(z, y), system), 1e-5);
}

TEST(LinearFit, FindsTheNoise) {
  Random random(Seed(2));
  const System system(2, 2, 0.5, random);
  const MatrixXd z = random_matrix(20000, 2, random);
  const LinearGaussian fit = fit_least_squares(z, system.answer(z, random));
  EXPECT_LT((fit.covariance - 0.25 * MatrixXd::Identity(2, 2)).norm(), 0.02);
}

/// Six samples of eight inputs. Many others are of the same system elsewhere.
TEST(LinearFit, TheMixtureHelpsWhereSamplesAreFew) {
  Random random(Seed(3));
  const System system(8, 3, 0.05, random);
  const MatrixXd others = random_matrix(600, 8, random);
  const GaussianMixture mixture(beside(others, system.answer(others, random)), 4, random);
  double with = 0, without = 0;
  for (int trial = 0; trial < 20; ++trial) {
    const MatrixXd z = random_matrix(6, 8, random).array() + 0.5;
    const MatrixXd y = system.answer(z, random);
    with += error(fit_linear(z, y, mixture, 1), system) / 20;
    without += error(fit_least_squares(z, y), system) / 20;
  }
  EXPECT_LT(with, 0.2);
  EXPECT_GT(without, 2 * with);
}

/// Two systems, apart: the prior is that of the near one.
TEST(LinearFit, ThePriorIsLocal) {
  Random random(Seed(4));
  const System here(3, 2, 0.01, random), there(3, 2, 0.01, random);
  const MatrixXd z_here = random_matrix(300, 3, random), z_there = random_matrix(300, 3, random).array() + 20;
  MatrixXd all(600, 5);
  all << beside(z_here, here.answer(z_here, random)), beside(z_there, there.answer(z_there, random));
  const GaussianMixture mixture(all, 2, random), one(all, 1, random);
  EXPECT_GT(mixture.log_likelihood(all), one.log_likelihood(all) + 1);
  const MatrixXd z = random_matrix(2, 3, random);
  const MatrixXd y = here.answer(z, random);
  EXPECT_LT(error(fit_linear(z, y, mixture, 1), here), 0.1);
  EXPECT_GT(error(fit_linear(z, y, one, 1), here), 0.3);
}

TEST(LinearFit, PointsThatAreAllTheSameAreNoTrouble) {
  Random random(Seed(5));
  const MatrixXd z = MatrixXd::Constant(5, 3, 2.0), y = MatrixXd::Constant(5, 2, -1.0);
  const LinearGaussian fit = fit_linear(z, y, GaussianMixture(beside(z, y), 20, random), 1);
  EXPECT_LT((fit.gain * z.row(0).transpose() + fit.offset - y.row(0).transpose()).norm(), 1e-9);
  EXPECT_TRUE(fit.covariance.allFinite());
}

TEST(LinearFit, TheMeanCurvatureIsTheHessian) {
  Random random(Seed(6));
  const MatrixXd root = random_matrix(4, 4, random);
  const MatrixXd hessian = root * root.transpose();
  const MatrixXd x = 1e-3 * random_matrix(30, 4, random);
  const MatrixXd found = mean_curvature(x, (x * hessian).rowwise() + Eigen::RowVectorXd::Ones(4));
  EXPECT_LT((found - hessian).norm() / hessian.norm(), 1e-4);
  EXPECT_LT(mean_curvature(x, -x * hessian).norm(), 1e-9) << "a function that is concave";
}

}  // namespace
}  // namespace scout
