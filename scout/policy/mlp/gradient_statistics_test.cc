#include "scout/policy/mlp/gradient_statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "scout/base/random.h"

namespace scout {
namespace {

using Doubles = std::vector<double>;

/// The formulas of the header, slowly, in double precision. A tensor is rows × columns, or a vector where columns is 0.
struct Plain {
  std::size_t rows, columns;
  std::vector<Doubles> m = std::vector<Doubles>(3, Doubles(size())), own = m;
  Doubles v = Doubles(size());
  std::vector<Doubles> of_row = std::vector<Doubles>(3, Doubles(rows)),
                       of_column = std::vector<Doubles>(3, Doubles(columns));

  std::size_t size() const { return columns > 0 ? rows * columns : rows; }

  void update(const GradientStatistics::Decays& decays, const Doubles& g) {
    for (std::size_t i = 0; i < size(); ++i) {
      const double beta = static_cast<double>(decays.square);
      v[i] = beta * v[i] + (1 - beta) * g[i] * g[i];
    }
    for (std::size_t k = 0; k < 3; ++k) {
      const double beta = static_cast<double>(decays.momentum[k]), factored = static_cast<double>(decays.factored[k]);
      for (std::size_t i = 0; i < size(); ++i) {
        m[k][i] = beta * m[k][i] + (1 - beta) * g[i];
        own[k][i] = factored * own[k][i] + (1 - factored) * (g[i] * g[i] + 1e-30);
      }
      for (std::size_t r = 0; r < rows && columns > 0; ++r) {
        double mean = 0;
        for (std::size_t c = 0; c < columns; ++c) mean += g[r * columns + c] * g[r * columns + c] + 1e-30;
        of_row[k][r] = factored * of_row[k][r] + (1 - factored) * mean / static_cast<double>(columns);
      }
      for (std::size_t c = 0; c < columns; ++c) {
        double mean = 0;
        for (std::size_t r = 0; r < rows; ++r) mean += g[r * columns + c] * g[r * columns + c] + 1e-30;
        of_column[k][c] = factored * of_column[k][c] + (1 - factored) * mean / static_cast<double>(rows);
      }
    }
  }

  Doubles features(std::size_t i, double g, double theta, double epsilon) const {
    Doubles out{g, theta, m[0][i], m[1][i], m[2][i], v[i]};
    const double root = 1 / std::sqrt(v[i] + epsilon);
    for (std::size_t k = 0; k < 3; ++k) out.push_back(m[k][i] * root);
    out.push_back(root);
    Doubles row(3), column(3), scaled(3), momentum(3);
    for (std::size_t k = 0; k < 3; ++k) {
      if (columns == 0) {
        row[k] = column[k] = own[k][i];
        scaled[k] = g / std::sqrt(std::max(own[k][i] + 1e-9, 1e-9));
        momentum[k] = m[k][i] / std::sqrt(own[k][i] + 1e-6);
        continue;
      }
      // The mean over the longer side is the row's.
      const bool wide = rows <= columns;
      const Doubles& shorter = wide ? of_row[k] : of_column[k];
      row[k] = shorter[wide ? i / columns : i % columns];
      column[k] = wide ? of_column[k][i % columns] : of_row[k][i / columns];
      double mean = 0;
      for (const double x : shorter) mean += x / static_cast<double>(shorter.size());
      const double factor = 1 / std::sqrt(std::max(row[k] / (mean + 1e-9), 1e-9)) / std::sqrt(std::max(column[k], 1e-9));
      scaled[k] = g * factor;
      momentum[k] = m[k][i] * factor;
    }
    out.insert(out.end(), scaled.begin(), scaled.end());
    out.insert(out.end(), row.begin(), row.end());
    out.insert(out.end(), column.begin(), column.end());
    for (const Doubles* side : {&row, &column}) {
      for (const double x : *side) out.push_back(1 / std::sqrt(x + 1e-8));
    }
    out.insert(out.end(), momentum.begin(), momentum.end());
    return out;
  }
};

/// A tensor with its state, which stands among others' numbers.
struct Tensor {
  explicit Tensor(std::size_t size) : n(size), theta(size), gradient(size), state(stride() * GradientStatistics::kNumbers) {}
  std::size_t stride() const { return n + 3; }
  WeightPiece piece() {
    return {.theta = theta.data(), .gradient = gradient.data(), .state = state.data(), .stride = stride()};
  }
  std::size_t n;
  std::vector<float> theta, gradient, state;
};

TEST(GradientStatistics, AreThePlainOnes) {
  struct Case {
    TensorShape shape;
    std::size_t rows, columns;
  };
  const std::vector<Case> cases{{{1, 0, 1}, 1, 0},  {{7, 1, 7}, 7, 0},   {{15, 2, 3}, 3, 5}, {{15, 2, 5}, 5, 3},
                                {{16, 2, 4}, 4, 4}, {{6, 2, 1}, 6, 0},   {{6, 2, 6}, 6, 0},  {{60, 3, 3}, 3, 20},
                                {{72, 4, 8}, 8, 9}, {{48, 5, 2}, 2, 24}, {{4, 2, 2}, 2, 2}};
  const GradientStatistics::Decays decays{{0.8F, 0.95F, 0.999F}, 0.9F, {0.7F, 0.99F, 0.5F}};
  Random random(Seed(1));
  for (const Case& each : cases) {
    for (const double size : {1e-6, 1.0, 1e4}) {
      Plain plain{each.rows, each.columns};
      Tensor tensor(plain.size());
      EXPECT_EQ(sides_of(each.shape).matrix(), each.columns > 0);
      for (int t = 0; t < 4; ++t) {
        Doubles gradient;
        for (std::size_t i = 0; i < tensor.n; ++i) {
          tensor.theta[i] = static_cast<float>(random.normal());
          // Of one sign for each weight, else little might be left of a sum, and with roundings alone in it.
          const double part = static_cast<double>(i % 3) * (i % 2 == 0 ? 1 : -1);
          tensor.gradient[i] = static_cast<float>(size * part * random.uniform(0.2, 2));
          gradient.push_back(0.5 * static_cast<double>(tensor.gradient[i]));
        }
        plain.update(decays, gradient);
        GradientStatistics statistics;
        EXPECT_EQ(statistics.update(decays, sides_of(each.shape), {.factor = 0.5F}, tensor.piece(), tensor.n), 0);
        for (std::size_t i = 0; i < tensor.n; ++i) {
          std::array<float, GradientStatistics::kFeatures> features;
          statistics.write(i, 1e-6F, features.data());
          const Doubles expected = plain.features(i, gradient[i], static_cast<double>(tensor.theta[i]), 1e-6);
          ASSERT_EQ(expected.size(), features.size());
          for (std::size_t k = 0; k < features.size(); ++k) {
            ASSERT_NEAR(static_cast<double>(features[k]), expected[k], 1e-5 * std::fabs(expected[k]))
                << "feature " << k << " of weight " << i << " of a tensor of " << each.rows << " and " << each.columns;
          }
        }
      }
    }
  }
}

TEST(GradientStatistics, WhatIsNotFiniteCountsAsZero) {
  Tensor spoilt(6), zero(6);
  for (std::size_t i = 0; i < 6; ++i) spoilt.gradient[i] = zero.gradient[i] = static_cast<float>(i);
  spoilt.gradient[2] = std::numeric_limits<float>::quiet_NaN();
  spoilt.gradient[4] = std::numeric_limits<float>::infinity();
  zero.gradient[2] = zero.gradient[4] = 0;
  const MatrixSides sides{2, 3};
  GradientStatistics statistics;
  EXPECT_EQ(statistics.update({}, sides, {}, spoilt.piece(), 6), 2);
  EXPECT_EQ(statistics.update({}, sides, {}, zero.piece(), 6), 0);
  EXPECT_EQ(spoilt.state, zero.state);
}

// Squares of the largest gradients there are.
TEST(GradientStatistics, StayFinite) {
  for (const MatrixSides& sides : {MatrixSides{}, MatrixSides{2, 3}}) {
    Tensor tensor(6);
    for (std::size_t i = 0; i < 6; ++i) tensor.gradient[i] = i % 2 == 0 ? std::numeric_limits<float>::max() : -1e-45F;
    tensor.theta[1] = std::numeric_limits<float>::infinity();
    GradientStatistics statistics;
    for (int t = 0; t < 50; ++t) statistics.update({}, sides, {}, tensor.piece(), 6);
    for (std::size_t i = 0; i < 6; ++i) {
      std::array<float, GradientStatistics::kFeatures> features;
      statistics.write(i, 1e-8F, features.data());
      for (const float x : features) EXPECT_TRUE(std::isfinite(x)) << x;
    }
  }
}

// A shape that no tensor has, as a damaged file may say, is no matrix.
TEST(GradientStatistics, SidesAreThoseOfAMatrix) {
  EXPECT_EQ(sides_of({12, 4, 3}).rows, 3U);
  EXPECT_EQ(sides_of({12, 4, 3}).columns, 4U);
  for (const TensorShape& shape : std::vector<TensorShape>{{7, 2, 3}, {0, 2, 0}, {0, 2, 4}, {-4, 2, -2}, {12, 1, 3}}) {
    EXPECT_FALSE(sides_of(shape).matrix());
  }
}

}  // namespace
}  // namespace scout
