// The eigenbasis, by a bowl whose axes are turned.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "scout/baseline/test_optimizer.h"
#include "scout/optimizer/test_instance.h"

namespace scout {
namespace {

constexpr int steps = 24;
constexpr double curvature[2] = {1, 30};

/// ½ Σ curvature_k D_kk², D = Uᵀ W V the diagonal of the turned matrix W [2, 2]; U, V are turns by two angles. From a W
/// whose D is diagonal, gradients stay so.
class TurnedBowl : public TestInstance {
 public:
  TurnedBowl(double u, double v)
      : TestInstance(4, [u, v](std::span<const double> w, std::span<double> gradient) {
          std::fill(gradient.begin(), gradient.end(), 0.0);
          double f = 0;
          for (int k = 0; k < 2; ++k) {
            double d = 0;
            for (int i = 0; i < 4; ++i) d += side(u, i / 2, k) * w[static_cast<std::size_t>(i)] * side(v, i % 2, k);
            f += 0.5 * curvature[k] * d * d;
            for (int i = 0; i < 4; ++i) {
              gradient[static_cast<std::size_t>(i)] += curvature[k] * d * side(u, i / 2, k) * side(v, i % 2, k);
            }
          }
          return f;
        }) {}
  bool stochastic() const override { return true; }
  std::vector<TensorShape> tensors() const override { return {{4, 2, 2}}; }

  /// Entry [row, column] of the turn by `angle`.
  static double side(double angle, int row, int column) {
    if (row == column) return std::cos(angle);
    return row > column ? std::sin(angle) : -std::sin(angle);
  }
};

/// In the eigenbasis SOAP is Adam: from the second gradient on, with ε beside the root that is not corrected.
TEST(Soap, IsAdamInTheEigenbasis) {
  constexpr double kLr = 0.02, kBeta1 = 0.95, kBeta2 = 0.9, kDecay = 0.1;
  constexpr double kEpsilon = 1e-3;  // below it are rounding errors off the diagonal
  for (const auto& [u, v] : {std::pair{0.0, 0.0}, std::pair{0.4, -1.1}}) {
    for (const int frequency : {1, 10}) {
      double d[2] = {1.5, -0.7}, m[2] = {}, second[2] = {};
      std::vector<double> start(4, 0.0);
      const auto turned_back = [&, u = u, v = v](int i) {
        double sum = 0;
        for (int k = 0; k < 2; ++k) sum += TurnedBowl::side(u, i / 2, k) * d[k] * TurnedBowl::side(v, i % 2, k);
        return sum;
      };
      for (int i = 0; i < 4; ++i) start[static_cast<std::size_t>(i)] = turned_back(i);
      const TurnedBowl instance(u, v);
      Oracle oracle(instance, steps);
      oracle.keep_trajectory();
      const nlohmann::json settings{
          {"lr", kLr},           {"beta1", kBeta1},        {"beta2", kBeta2},       {"weight_decay", kDecay},
          {"epsilon", kEpsilon}, {"frequency", frequency}, {"schedule", "constant"}};
      EXPECT_THROW(make_optimizer("soap", settings)->run(oracle, start, Seed(0)), BudgetExhausted);
      for (int step = 0; step < steps; ++step) {
        for (int i = 0; i < 4; ++i) {
          EXPECT_NEAR(oracle.trajectory()[static_cast<std::size_t>(4 * step + i)], turned_back(i), 1e-10)
              << "step " << step << ", frequency " << frequency;
        }
        if (step == 0) continue;  // the first gradient makes the basis
        for (int k = 0; k < 2; ++k) {
          const double g = curvature[k] * d[k];
          m[k] = kBeta1 * m[k] + (1 - kBeta1) * g;
          second[k] = kBeta2 * second[k] + (1 - kBeta2) * g * g;
          const double rate = kLr * std::sqrt(1 - std::pow(kBeta2, step)) / (1 - std::pow(kBeta1, step));
          d[k] -= rate * m[k] / (std::sqrt(second[k]) + kEpsilon);
          d[k] *= 1 - kLr * kDecay;
        }
      }
    }
  }
}

}  // namespace
}  // namespace scout
