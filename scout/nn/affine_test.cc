#include "scout/nn/layers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "scout/base/random.h"
#include "scout/nn/test_affine_reference.h"
#include "scout/nn/test_targets.h"

namespace scout::kernel {
namespace {

struct Size {
  int rows, in, out;
};

/// Every path: tiles and what is left over, one vector and two, sums longer than a block, few inputs, few outputs, none.
const std::vector<Size>& sizes() {
  static const std::vector<Size> all = [] {
    std::vector<Size> list{{100, 64, 64}, {37, 300, 70}, {530, 5, 33}, {1, 64, 64}, {12, 16, 32}, {13, 17, 3},
                           {40, 3, 130},  {3, 2, 1},     {25, 64, 1},  {25, 64, 2}, {0, 4, 5},    {7, 0, 5}};
    for (int n = 1; n <= 50; ++n) list.push_back({1 + n % 27, 1 + (7 * n) % 41, n});
    for (int n = 1; n <= 20; ++n) list.push_back({n, n, 21 - n});
    return list;
  }();
  return all;
}

std::vector<float> normal(std::size_t n, std::uint64_t seed) {
  Random random{Seed(seed)};
  std::vector<float> out(n);
  for (float& x : out) x = static_cast<float>(random.normal());
  return out;
}

std::vector<float> absolute(std::vector<float> numbers) {
  for (float& x : numbers) x = std::fabs(x);
  return numbers;
}

std::size_t product(int a, int b) { return static_cast<std::size_t>(a) * static_cast<std::size_t>(b); }

/// |actual - expected| <= (terms + 2) 2^-23 · size, element by element.
void expect_close(const std::vector<float>& actual, const std::vector<float>& expected, const std::vector<float>& size,
                  int terms, const Size& s) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const float bound = static_cast<float>(terms + 2) * 0x1p-23F * size[i];
    ASSERT_LE(std::fabs(actual[i] - expected[i]), bound)
        << "element " << i << " of " << s.rows << " rows, " << s.in << " in, " << s.out << " out";
  }
}

TEST(Affine, AgreesWithTheReferenceForEverySizeAndTarget) {
  on_every_target([] {
    for (const Size& s : sizes()) {
      const auto x = normal(product(s.rows, s.in), 1);
      const auto w = normal(product(s.in, s.out), 2);
      const auto b = normal(product(s.out, 1), 3);
      std::vector<float> y(product(s.rows, s.out), 7.0F), expected(y.size()), size(y.size());
      reference::affine(absolute(x).data(), absolute(w).data(), absolute(b).data(), s.rows, s.in, s.out, false, size.data());
      for (const bool relu : {false, true}) {
        reference::affine(x.data(), w.data(), b.data(), s.rows, s.in, s.out, relu, expected.data());
        affine(x.data(), w.data(), b.data(), s.rows, s.in, s.out, relu, y.data());
        expect_close(y, expected, size, s.in, s);
      }
    }
  });
}

TEST(Affine, ParameterGradientAgreesWithTheReferenceForEverySizeAndTarget) {
  on_every_target([] {
    for (const Size& s : sizes()) {
      const auto x = normal(product(s.rows, s.in), 1);
      const auto dy = normal(product(s.rows, s.out), 2);
      auto dw = normal(product(s.in, s.out), 3);
      auto db = normal(product(s.out, 1), 4);
      auto expected_dw = dw, expected_db = db, size_dw = absolute(dw), size_db = absolute(db);
      reference::affine_parameter_gradient(x.data(), dy.data(), s.rows, s.in, s.out, expected_dw.data(), expected_db.data());
      reference::affine_parameter_gradient(absolute(x).data(), absolute(dy).data(), s.rows, s.in, s.out, size_dw.data(),
                                           size_db.data());
      affine_parameter_gradient(x.data(), dy.data(), s.rows, s.in, s.out, dw.data(), db.data());
      expect_close(dw, expected_dw, size_dw, s.rows, s);
      expect_close(db, expected_db, size_db, s.rows, s);
    }
  });
}

TEST(Affine, InputGradientAgreesWithTheReferenceForEverySizeAndTarget) {
  on_every_target([] {
    for (const Size& s : sizes()) {
      const auto dy = normal(product(s.rows, s.out), 1);
      const auto w = normal(product(s.in, s.out), 2);
      const auto activation = normal(product(s.rows, s.in), 3);
      std::vector<float> dx(product(s.rows, s.in), 7.0F), expected(dx.size()), size(dx.size());
      reference::affine_input_gradient(absolute(dy).data(), absolute(w).data(), s.rows, s.in, s.out, nullptr, size.data());
      for (const float* mask : {static_cast<const float*>(nullptr), activation.data()}) {
        reference::affine_input_gradient(dy.data(), w.data(), s.rows, s.in, s.out, mask, expected.data());
        affine_input_gradient(dy.data(), w.data(), s.rows, s.in, s.out, mask, dx.data());
        expect_close(dx, expected, size, s.out, s);
      }
    }
  });
}

TEST(Affine, DoesNotDependOnTheNumberOfRows) {
  on_every_target([] {
    constexpr int kRows = 29;
    for (const Size& s : {Size{kRows, 59, 32}, Size{kRows, 32, 11}, Size{kRows, 64, 1}}) {
      const auto x = normal(product(s.rows, s.in), 1);
      const auto w = normal(product(s.in, s.out), 2);
      const auto b = normal(product(s.out, 1), 3);
      std::vector<float> together(product(s.rows, s.out)), alone(together.size());
      affine(x.data(), w.data(), b.data(), s.rows, s.in, s.out, true, together.data());
      for (int r = 0; r < s.rows; ++r) {
        affine(x.data() + product(r, s.in), w.data(), b.data(), 1, s.in, s.out, true, alone.data() + product(r, s.out));
      }
      EXPECT_EQ(together, alone);
    }
  });
}

TEST(Affine, KeepsNonFiniteNumbersInTheirRow) {
  on_every_target([] {
    constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    constexpr int kIn = 5, kOut = 20;
    std::vector<float> x(3 * kIn, 1.0F);
    x[kIn] = kNan;
    x[2 * kIn] = kInfinity;
    const std::vector<float> w(kIn * kOut, 0.5F), b(kOut, 0.0F);
    std::vector<float> y(3 * kOut);
    affine(x.data(), w.data(), b.data(), 3, kIn, kOut, false, y.data());
    EXPECT_EQ(y[0], 2.5F);
    EXPECT_TRUE(std::isnan(y[kOut]));
    EXPECT_EQ(y[2 * kOut], kInfinity);
    affine(x.data(), w.data(), b.data(), 3, kIn, kOut, true, y.data());
    EXPECT_EQ(y[kOut], 0.0F);
  });
}

}  // namespace
}  // namespace scout::kernel
