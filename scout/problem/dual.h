// Forward-mode derivatives: a number with its derivatives by N variables. What is written for any type of number gives f
// with `double`, and f with its exact gradient with `Dual<N>`. Values are the same bit by bit either way.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>

namespace scout {

template <int N>
struct Dual {
  double value = 0;
  std::array<double, N> slope{};

  Dual() = default;
  Dual(double constant) : value(constant) {}  // NOLINT: numbers mix
  Dual(double x, int variable) : value(x) { slope[static_cast<std::size_t>(variable)] = 1; }

  Dual& operator+=(const Dual& other) { return *this = *this + other; }
  Dual& operator-=(const Dual& other) { return *this = *this - other; }

  /// g(x), where the value is known and g' is `derivative`.
  friend Dual chain(double value, const Dual& x, double derivative) {
    Dual out(value);
    for (std::size_t i = 0; i < N; ++i) out.slope[i] = derivative * x.slope[i];
    return out;
  }
  /// g(x, y) with its two partial derivatives.
  friend Dual chain(double value, const Dual& x, double by_x, const Dual& y, double by_y) {
    Dual out(value);
    for (std::size_t i = 0; i < N; ++i) out.slope[i] = by_x * x.slope[i] + by_y * y.slope[i];
    return out;
  }

  friend Dual operator-(const Dual& x) { return chain(-x.value, x, -1); }
  friend Dual operator+(const Dual& x, const Dual& y) { return chain(x.value + y.value, x, 1, y, 1); }
  friend Dual operator-(const Dual& x, const Dual& y) { return chain(x.value - y.value, x, 1, y, -1); }
  friend Dual operator*(const Dual& x, const Dual& y) { return chain(x.value * y.value, x, y.value, y, x.value); }
  friend Dual operator/(const Dual& x, const Dual& y) {
    const double quotient = x.value / y.value;
    return chain(quotient, x, 1 / y.value, y, -quotient / y.value);
  }
  friend Dual operator+(const Dual& x, double c) { return chain(x.value + c, x, 1); }
  friend Dual operator+(double c, const Dual& x) { return chain(c + x.value, x, 1); }
  friend Dual operator-(const Dual& x, double c) { return chain(x.value - c, x, 1); }
  friend Dual operator-(double c, const Dual& x) { return chain(c - x.value, x, -1); }
  friend Dual operator*(const Dual& x, double c) { return chain(x.value * c, x, c); }
  friend Dual operator*(double c, const Dual& x) { return chain(c * x.value, x, c); }
  friend Dual operator/(const Dual& x, double c) { return chain(x.value / c, x, 1 / c); }
  friend Dual operator/(double c, const Dual& x) {
    const double quotient = c / x.value;
    return chain(quotient, x, -quotient / x.value);
  }

  friend Dual exp(const Dual& x) {
    const double e = std::exp(x.value);
    return chain(e, x, e);
  }
  friend Dual log(const Dual& x) { return chain(std::log(x.value), x, 1 / x.value); }
  friend Dual sin(const Dual& x) { return chain(std::sin(x.value), x, std::cos(x.value)); }
  friend Dual cos(const Dual& x) { return chain(std::cos(x.value), x, -std::sin(x.value)); }
  friend Dual atan2(const Dual& y, const Dual& x) {
    const double square = x.value * x.value + y.value * y.value;
    return chain(std::atan2(y.value, x.value), y, x.value / square, x, -y.value / square);
  }
  friend Dual sqrt(const Dual& x) {
    const double root = std::sqrt(x.value);
    return chain(root, x, 0.5 / root);
  }
  friend Dual abs(const Dual& x) { return chain(std::abs(x.value), x, x.value < 0 ? -1 : 1); }
  friend Dual pow(const Dual& x, double p) { return chain(std::pow(x.value, p), x, p * std::pow(x.value, p - 1)); }
  friend Dual pow(double c, const Dual& p) {
    const double power = std::pow(c, p.value);
    return chain(power, p, c == 0 ? 0 : power * std::log(c));
  }
  friend Dual pow(const Dual& x, const Dual& p) {
    const double power = std::pow(x.value, p.value);
    return chain(power, x, p.value * std::pow(x.value, p.value - 1), p, x.value == 0 ? 0 : power * std::log(x.value));
  }
};

/// Σ r² and, unless `gradient` is empty, its gradient, of the residuals that `residuals(x, add)` hands to `add`, one after
/// the other; x are the M coordinates as double or Dual<M>.
template <int M, class Residuals>
double sum_of_squares(std::span<const double> theta, std::span<double> gradient, const Residuals& residuals) {
  double sum = 0;
  if (gradient.empty()) {
    residuals(theta.data(), [&](double r) { sum += r * r; });
    return sum;
  }
  std::array<Dual<M>, M> x;
  for (int i = 0; i < M; ++i) x[static_cast<std::size_t>(i)] = Dual<M>(theta[static_cast<std::size_t>(i)], i);
  std::array<double, M> slope{};
  residuals(x.data(), [&](const Dual<M>& r) {
    sum += r.value * r.value;
    for (std::size_t i = 0; i < M; ++i) slope[i] += 2 * r.value * r.slope[i];
  });
  std::copy(slope.begin(), slope.end(), gradient.begin());
  return sum;
}

}  // namespace scout
