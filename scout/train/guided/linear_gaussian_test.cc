#include "scout/train/guided/linear_gaussian.h"

#include <gtest/gtest.h>

#include <cmath>

#include "scout/base/random.h"

namespace scout {
namespace {

constexpr int kSteps = 12, kStates = 3, kControls = 2;

MatrixXd random_matrix(int rows, int columns, double size, Random& random) {
  return MatrixXd::NullaryExpr(rows, columns, [&] { return size * random.normal(); });
}

/// A linear system with noise, and costs that are strictly convex.
LinearQuadratic some_problem(Random& random) {
  LinearQuadratic out{{random_matrix(kStates, 1, 1, random), 0.1 * MatrixXd::Identity(kStates, kStates)}, {}, {}};
  for (int t = 0; t <= kSteps; ++t) {
    const MatrixXd root = random_matrix(kStates, kStates, 1, random);
    out.costs.push_back({root * root.transpose() + MatrixXd::Identity(kStates, kStates),
                         random_matrix(kStates, 1, 1, random), random.normal()});
    if (t == kSteps) break;
    out.dynamics.push_back({random_matrix(kStates, kStates + kControls, 0.5, random), random_matrix(kStates, 1, 0.3, random),
                            0.01 * MatrixXd::Identity(kStates, kStates)});
  }
  return out;
}

LinearGaussians some_controller(Random& random) {
  LinearGaussians out;
  for (int t = 0; t < kSteps; ++t) {
    const MatrixXd root = random_matrix(kControls, kControls, 0.3, random);
    out.push_back({random_matrix(kControls, kStates, 0.3, random), random_matrix(kControls, 1, 0.3, random),
                   root * root.transpose() + 0.05 * MatrixXd::Identity(kControls, kControls)});
  }
  return out;
}

double cost_of(const LinearQuadratic& problem, const LinearGaussians& controller) {
  return expected_cost(problem, states_of(problem, controller));
}

/// The textbook's discrete-time regulator, x' = A x + B u, cost Σ xᵀ Q x with no cost of u.
TEST(LinearGaussian, WithoutAReferenceGivesTheGainsOfRiccati) {
  Random random(Seed(1));
  const MatrixXd a = random_matrix(kStates, kStates, 0.6, random), b = random_matrix(kStates, kControls, 1, random);
  const MatrixXd q = MatrixXd::Identity(kStates, kStates);
  LinearQuadratic problem{{VectorXd::Ones(kStates), MatrixXd::Zero(kStates, kStates)}, {}, {}};
  MatrixXd gain(kStates, kStates + kControls);
  gain << a, b;
  for (int t = 0; t < kSteps; ++t) {
    problem.dynamics.push_back({gain, VectorXd::Zero(kStates), MatrixXd::Zero(kStates, kStates)});
  }
  problem.costs.assign(kSteps + 1, {2 * q, VectorXd::Zero(kStates), 0});
  const LinearGaussians found = best_controller(problem, some_controller(random), 0);
  MatrixXd p = q;
  for (int t = kSteps - 1; t >= 0; --t) {
    const MatrixXd k = -(b.transpose() * p * b).inverse() * (b.transpose() * p * a);
    const auto& step = found[static_cast<std::size_t>(t)];
    EXPECT_LT((step.gain - k).norm(), 1e-9) << t;
    EXPECT_LT(step.offset.norm(), 1e-12);
    EXPECT_EQ(step.covariance.norm(), 0);
    p = q + a.transpose() * p * (a + b * k);
  }
  EXPECT_NEAR(cost_of(problem, found), VectorXd::Ones(kStates).dot(p * VectorXd::Ones(kStates)), 1e-9);
}

TEST(LinearGaussian, StatesAreThoseOfSimulatedRuns) {
  Random random(Seed(2));
  const LinearQuadratic problem = some_problem(random);
  const LinearGaussians controller = some_controller(random);
  const auto draw = [&](const VectorXd& mean, const MatrixXd& covariance) -> VectorXd {
    return mean + covariance.llt().matrixL() * random_matrix(static_cast<int>(mean.size()), 1, 1, random);
  };
  constexpr int kRuns = 20000;
  double cost = 0;
  VectorXd mean = VectorXd::Zero(kStates);
  for (int run = 0; run < kRuns; ++run) {
    VectorXd x = draw(problem.start.mean, problem.start.covariance);
    for (std::size_t t = 0; t <= kSteps; ++t) {
      const QuadraticCost& c = problem.costs[t];
      cost += (0.5 * x.dot(c.curvature * x) + c.slope.dot(x) + c.constant) / kRuns;
      if (t == kSteps) break;
      VectorXd z(kStates + kControls);
      z << x, draw(controller[t].gain * x + controller[t].offset, controller[t].covariance);
      x = draw(problem.dynamics[t].gain * z + problem.dynamics[t].offset, problem.dynamics[t].covariance);
    }
    mean += x / kRuns;
  }
  const auto states = states_of(problem, controller);
  EXPECT_LT((states.back().mean - mean).norm(), 0.05);
  EXPECT_NEAR(expected_cost(problem, states) / cost, 1, 0.02);
}

/// No controller nearby has a lower E Σ cost + η KL.
TEST(LinearGaussian, TheBestIsBest) {
  Random random(Seed(3));
  const LinearQuadratic problem = some_problem(random);
  const LinearGaussians reference = some_controller(random);
  for (const double eta : {0.1, 1.0, 30.0}) {
    const auto objective = [&](const LinearGaussians& controller) {
      const auto states = states_of(problem, controller);
      return expected_cost(problem, states) + eta * divergence(controller, reference, states);
    };
    const LinearGaussians best = best_controller(problem, reference, eta);
    const double least = objective(best);
    for (int trial = 0; trial < 50; ++trial) {
      LinearGaussians other = best;
      LinearGaussian& step = other[random.index(kSteps)];
      step.gain += random_matrix(kControls, kStates, 0.02, random);
      step.offset += random_matrix(kControls, 1, 0.02, random);
      step.covariance *= 1 + 0.2 * random.uniform(-1, 1);
      EXPECT_GT(objective(other), least);
    }
  }
}

TEST(LinearGaussian, TheBoundHoldsAndIsUsed) {
  Random random(Seed(4));
  const LinearQuadratic problem = some_problem(random);
  const LinearGaussians reference = some_controller(random);
  EXPECT_NEAR(divergence(reference, reference, states_of(problem, reference)), 0, 1e-9);
  double last = cost_of(problem, reference);
  for (const double bound : {1e-4, 0.01, 1.0, 20.0}) {
    const BoundedController found = best_within(problem, reference, bound);
    const auto states = states_of(problem, found.controller);
    EXPECT_EQ(divergence(found.controller, reference, states), found.divergence);
    EXPECT_LE(found.divergence, bound);
    EXPECT_GE(found.divergence, 0.9 * bound);
    EXPECT_EQ(found.cost, expected_cost(problem, states));
    EXPECT_LT(found.cost, last) << "a wider bound leaves more to gain";
    last = found.cost;
  }
}

TEST(LinearGaussian, TheSearchEndsWhereTheBoundIsNeverReached) {
  Random random(Seed(5));
  LinearQuadratic problem = some_problem(random);
  for (QuadraticCost& cost : problem.costs) {  // nothing to gain
    cost.curvature.setZero();
    cost.slope.setZero();
  }
  const BoundedController idle = best_within(problem, some_controller(random), 1);
  EXPECT_NEAR(idle.divergence, 0, 1e-6);
  EXPECT_EQ(idle.eta, 1e-8);
  for (QuadraticCost& cost : problem.costs) cost.slope.setConstant(1e12);  // too much
  EXPECT_LE(best_within(problem, some_controller(random), 1e-3).divergence, 1e-3);
}

}  // namespace
}  // namespace scout
