#include "scout/train/guided/linear_gaussian.h"

#include <algorithm>
#include <cmath>

namespace scout {
namespace {

constexpr double kLeastEta = 1e-8;
constexpr double kMostEta = 1e16;
constexpr int kTrials = 60;
constexpr double kLargestFactor = 10;
constexpr double kEnough = 0.9;  // of the bound

MatrixXd symmetric(const MatrixXd& matrix) { return 0.5 * (matrix + matrix.transpose()); }

double log_determinant(const Eigen::LLT<MatrixXd>& factor) { return 2 * factor.matrixLLT().diagonal().array().log().sum(); }

}  // namespace

LinearGaussians best_controller(const LinearQuadratic& problem, const LinearGaussians& reference, double eta) {
  const auto steps = problem.dynamics.size();
  const Eigen::Index n = problem.start.mean.size();
  const Eigen::Index m = reference[0].offset.size();
  LinearGaussians out(steps);
  MatrixXd value = problem.costs[steps].curvature;  // of the cost-to-go, ½ xᵀ value x + slope·x
  VectorXd slope = problem.costs[steps].slope;
  for (std::size_t t = steps; t-- > 0;) {
    // In terms of v = u - (K x + k), what is done beyond the reference: where η is large it is small, and nothing cancels.
    const LinearGaussian& near = reference[t];
    const auto by_u = problem.dynamics[t].gain.rightCols(m);
    const MatrixXd by_x = problem.dynamics[t].gain.leftCols(n) + by_u * near.gain;
    const VectorXd ahead = value * (problem.dynamics[t].offset + by_u * near.offset) + slope;
    const MatrixXd q_vx = by_u.transpose() * value * by_x;
    MatrixXd q_vv = by_u.transpose() * value * by_u;
    if (eta > 0) q_vv += eta * near.covariance.llt().solve(MatrixXd::Identity(m, m));
    const Eigen::LLT<MatrixXd> factor(symmetric(q_vv));
    const MatrixXd gain = -factor.solve(q_vx);
    const VectorXd offset = -factor.solve(by_u.transpose() * ahead);
    out[t].gain = near.gain + gain;
    out[t].offset = near.offset + offset;
    out[t].covariance = eta * symmetric(factor.solve(MatrixXd::Identity(m, m)));
    slope = by_x.transpose() * ahead + q_vx.transpose() * offset + problem.costs[t].slope;
    value = symmetric(by_x.transpose() * value * by_x + q_vx.transpose() * gain) + problem.costs[t].curvature;
  }
  return out;
}

std::vector<Gaussian> states_of(const LinearQuadratic& problem, const LinearGaussians& controller) {
  const Eigen::Index n = problem.start.mean.size();
  std::vector<Gaussian> out{problem.start};
  for (std::size_t t = 0; t < controller.size(); ++t) {
    const LinearGaussian& act = controller[t];
    const LinearGaussian& dynamics = problem.dynamics[t];
    const Eigen::Index m = act.offset.size();
    // x' = F_x x + F_u (K x + k + noise) + f + noise
    const auto f_u = dynamics.gain.rightCols(m);
    const MatrixXd closed = dynamics.gain.leftCols(n) + f_u * act.gain;
    out.push_back({closed * out[t].mean + f_u * act.offset + dynamics.offset,
                   symmetric(closed * out[t].covariance * closed.transpose() + f_u * act.covariance * f_u.transpose()) +
                       dynamics.covariance});
  }
  return out;
}

double expected_cost(const LinearQuadratic& problem, const std::vector<Gaussian>& states) {
  double sum = 0;
  for (std::size_t t = 0; t < states.size(); ++t) {
    const QuadraticCost& cost = problem.costs[t];
    const VectorXd& mean = states[t].mean;
    sum += 0.5 * (mean.dot(cost.curvature * mean) + cost.curvature.cwiseProduct(states[t].covariance).sum()) +
           cost.slope.dot(mean) + cost.constant;
  }
  return sum;
}

double divergence(const LinearGaussians& controller, const LinearGaussians& reference, const std::vector<Gaussian>& states) {
  double sum = 0;
  for (std::size_t t = 0; t < controller.size(); ++t) {
    const LinearGaussian& p = controller[t];
    const LinearGaussian& r = reference[t];
    const Eigen::LLT<MatrixXd> factor(r.covariance);
    const MatrixXd gain = p.gain - r.gain;
    const VectorXd shift = gain * states[t].mean + p.offset - r.offset;
    const MatrixXd spread = p.covariance + gain * states[t].covariance * gain.transpose();
    sum += 0.5 * (factor.solve(spread).trace() + shift.dot(factor.solve(shift)) - static_cast<double>(shift.size()) +
                  log_determinant(factor) - log_determinant(p.covariance.llt()));
  }
  return sum;
}

BoundedController best_within(const LinearQuadratic& problem, const LinearGaussians& reference, double bound) {
  const auto solve = [&](double eta) {
    BoundedController out{best_controller(problem, reference, eta), eta, 0, 0};
    const std::vector<Gaussian> states = states_of(problem, out.controller);
    out.divergence = divergence(out.controller, reference, states);
    out.cost = expected_cost(problem, states);
    return out;
  };
  double low = kLeastEta, high = kMostEta;  // the greatest that is known to be too low, the least that is not
  double eta = 1;
  BoundedController best = solve(high);
  for (int trial = 0; trial < kTrials; ++trial) {
    BoundedController now = solve(eta);
    if (now.divergence <= bound) {
      high = eta;
      best = std::move(now);
      if (best.divergence >= kEnough * bound || eta <= kLeastEta) break;
      eta = std::max({std::sqrt(low * high), eta / kLargestFactor, kLeastEta});
      if (low == kLeastEta && eta < 2 * kLeastEta) eta = kLeastEta;
    } else {  // or not a number
      low = eta;
      eta = std::min(std::sqrt(low * high), eta * kLargestFactor);
    }
  }
  return best;
}

}  // namespace scout
