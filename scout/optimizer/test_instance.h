// For tests only: an instance from a lambda.
#pragma once

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "scout/problem/instance.h"

namespace scout {

/// f over the box [-5, 5]^M; `evaluate(theta, gradient)` returns f and fills `gradient` [M].
class TestInstance : public Instance {
 public:
  using Function = std::function<double(std::span<const double> theta, std::span<double> gradient)>;

  TestInstance(int dimension, Function evaluate)
      : evaluate_(std::move(evaluate)),
        lower_(static_cast<std::size_t>(dimension), -5.0),
        upper_(static_cast<std::size_t>(dimension), 5.0) {}

  int dimension() const override { return static_cast<int>(lower_.size()); }
  void evaluate(std::span<const double> theta, std::span<double> f, std::span<double> gradient) const override {
    const std::size_t m = lower_.size();
    std::vector<double> slope(m);
    for (std::size_t b = 0; b < theta.size() / m; ++b) {
      const double value = evaluate_(theta.subspan(b * m, m), slope);
      if (!f.empty()) f[b] = value;
      if (!gradient.empty()) std::copy(slope.begin(), slope.end(), gradient.begin() + static_cast<std::ptrdiff_t>(b * m));
    }
  }
  double true_value(std::span<const double> theta) const override {
    std::vector<double> slope(lower_.size());
    return evaluate_(theta, slope);
  }
  void sample_start(Random& random, std::span<double> theta) const override {
    for (double& x : theta) x = random.uniform(-5, 5);
  }
  std::span<const double> lower() const override { return lower_; }
  std::span<const double> upper() const override { return upper_; }

 private:
  Function evaluate_;
  std::vector<double> lower_;
  std::vector<double> upper_;
};

/// scale · Σ (θ_i - 1)², minimum 0.
inline TestInstance shifted_sphere(int dimension, double scale = 1) {
  return TestInstance(dimension, [scale](std::span<const double> theta, std::span<double> gradient) {
    double f = 0;
    for (std::size_t i = 0; i < theta.size(); ++i) {
      f += scale * (theta[i] - 1) * (theta[i] - 1);
      gradient[i] = scale * 2 * (theta[i] - 1);
    }
    return f;
  });
}

}  // namespace scout
