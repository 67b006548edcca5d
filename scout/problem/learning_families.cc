#include "scout/problem/learning_families.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "scout/problem/problem.h"

namespace scout {
namespace {

constexpr double kPenalty = 5e-4;  // λ
constexpr double kMeanDeviation = 1;
constexpr double kNoise = 0.1;
constexpr double kHalfWidth = 10;

template <std::size_t D>
struct Example {
  std::array<double, D> x;
  double y;
};
template <std::size_t D>
using Examples = std::vector<Example<D>>;

template <std::size_t D>
std::array<double, D> normals(Random& random, double deviation) {
  std::array<double, D> out;
  for (double& x : out) x = deviation * random.normal();
  return out;
}

/// θ's box, and starts from a standard normal distribution.
auto in_box(std::size_t m, double half_width, PointFunction evaluate) -> Problem {
  Problem out;
  out.evaluate = std::move(evaluate);
  out.lower.assign(m, -half_width);
  out.upper.assign(m, half_width);
  out.sample_start = [half_width](Random& random, std::span<double> theta) {
    for (double& x : theta) x = std::clamp(random.normal(), -half_width, half_width);
  };
  return out;
}

/// log(1 + e^z) without overflow.
double softplus(double z) { return std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z))); }
double sigmoid(double z) { return z >= 0 ? 1 / (1 + std::exp(-z)) : std::exp(z) / (1 + std::exp(z)); }

constexpr std::size_t kInputs = 3;
constexpr std::size_t kAffine = kInputs + 1;
using Theta = std::array<double, kAffine>;

double affine(std::span<const double> theta, const std::array<double, kInputs>& x) {
  return theta[0] * x[0] + theta[1] * x[1] + theta[2] * x[2] + theta[3];
}
/// Adds a multiple of the gradient of that by θ.
void add_affine(std::span<double> gradient, double factor, const std::array<double, kInputs>& x) {
  for (std::size_t i = 0; i < kInputs; ++i) gradient[i] += factor * x[i];
  gradient[kInputs] += factor;
}

double logistic_loss(const Examples<kInputs>& data, std::span<const double> theta, std::span<double> gradient) {
  std::ranges::fill(gradient, 0.0);
  const auto n = static_cast<double>(data.size());
  double f = 0;
  for (const auto& [x, y] : data) {
    const double z = affine(theta, x);
    f += (softplus(z) - y * z) / n;
    if (!gradient.empty()) add_affine(gradient, (sigmoid(z) - y) / n, x);
  }
  for (std::size_t i = 0; i < kInputs; ++i) {
    f += 0.5 * kPenalty * theta[i] * theta[i];
    if (!gradient.empty()) gradient[i] += kPenalty * theta[i];
  }
  return f;
}

/// H⁻¹ g, H [M, M] symmetric and positive definite: Cholesky.
Theta solve(std::array<Theta, kAffine> h, Theta g) {
  for (std::size_t i = 0; i < kAffine; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      for (std::size_t k = 0; k < j; ++k) h[i][j] -= h[i][k] * h[j][k];
      h[i][j] = i == j ? std::sqrt(h[i][i]) : h[i][j] / h[j][j];
    }
    for (std::size_t k = 0; k < i; ++k) g[i] -= h[i][k] * g[k];
    g[i] /= h[i][i];
  }
  for (std::size_t i = kAffine; i-- > 0;) {
    for (std::size_t k = i + 1; k < kAffine; ++k) g[i] -= h[k][i] * g[k];
    g[i] /= h[i][i];
  }
  return g;
}

/// Newton's method, each step halved until f falls; it ends where rounding lets no step do so.
Theta logistic_optimum(const Examples<kInputs>& data) {
  Theta theta{}, gradient{};
  double f = logistic_loss(data, theta, gradient);
  for (int iteration = 0; iteration < 200; ++iteration) {
    std::array<Theta, kAffine> hessian{};
    for (const auto& [x, y] : data) {
      const double s = sigmoid(affine(theta, x));
      Theta one{};
      add_affine(one, 1, x);
      for (std::size_t i = 0; i < kAffine; ++i) {
        for (std::size_t j = 0; j < kAffine; ++j) {
          hessian[i][j] += s * (1 - s) * one[i] * one[j] / static_cast<double>(data.size());
        }
      }
    }
    for (std::size_t i = 0; i < kInputs; ++i) hessian[i][i] += kPenalty;
    const Theta step = solve(hessian, gradient);
    Theta next{}, next_gradient{};
    double next_f = f;
    for (double length = 1; length > 1e-12; length /= 2) {
      for (std::size_t i = 0; i < kAffine; ++i) next[i] = theta[i] - length * step[i];
      next_f = logistic_loss(data, next, next_gradient);
      if (next_f < f) break;
    }
    if (!(next_f < f)) break;
    theta = next, gradient = next_gradient, f = next_f;
  }
  return theta;
}

auto draw_logistic_regression(Random& random, int) -> Problem {
  auto data = std::make_shared<Examples<kInputs>>();
  for (const double y : {0.0, 1.0}) {
    const auto mean = normals<kInputs>(random, kMeanDeviation);
    std::array<std::array<double, kInputs>, kInputs> root;  // of the covariance
    for (auto& row : root) row = normals<kInputs>(random, 1 / std::sqrt(static_cast<double>(kInputs)));
    for (int k = 0; k < 50; ++k) {
      Example<kInputs>& one = data->emplace_back(Example<kInputs>{mean, y});
      const auto z = normals<kInputs>(random, 1);
      for (std::size_t i = 0; i < kInputs; ++i) {
        for (std::size_t j = 0; j < kInputs; ++j) one.x[i] += root[i][j] * z[j];
      }
    }
  }
  const Theta optimum = logistic_optimum(*data);
  // The less two classes overlap, the further out the best separation lies.
  double half_width = kHalfWidth;
  for (const double x : optimum) half_width = std::max(half_width, 1.5 * std::abs(x));
  Problem out = in_box(kAffine, half_width, [data](std::span<const double> theta, std::span<double> gradient) {
    return logistic_loss(*data, theta, gradient);
  });
  out.optimum.assign(optimum.begin(), optimum.end());
  out.optimum_value = logistic_loss(*data, optimum, {});
  return out;
}

auto draw_robust_regression(Random& random, int) -> Problem {
  auto data = std::make_shared<Examples<kInputs>>();
  for (int gaussian = 0; gaussian < 4; ++gaussian) {
    const auto mean = normals<kInputs>(random, kMeanDeviation);
    const auto map = normals<kAffine>(random, 1);
    for (int k = 0; k < 25; ++k) {
      Example<kInputs> one{normals<kInputs>(random, 1), kNoise * random.normal()};
      for (std::size_t i = 0; i < kInputs; ++i) one.x[i] += mean[i];
      one.y += affine(map, one.x);
      data->push_back(one);
    }
  }
  return in_box(kAffine, kHalfWidth, [data](std::span<const double> theta, std::span<double> gradient) {
    std::ranges::fill(gradient, 0.0);
    const auto n = static_cast<double>(data->size());
    double f = 0;
    for (const auto& [x, y] : *data) {
      const double r = y - affine(theta, x);
      const double scale = 1 + r * r;  // c² + r²
      f += r * r / scale / n;
      if (!gradient.empty()) add_affine(gradient, -2 * (r / scale) / scale / n, x);
    }
    return f;
  });
}

constexpr std::size_t kWidth = 2;  // of inputs, hidden layer and classes
constexpr std::size_t kHidden = 0, kHiddenBias = 4, kOutput = 6, kOutputBias = 10, kWeights = 12;

double network_loss(const Examples<kWidth>& data, std::span<const double> theta, std::span<double> gradient) {
  std::ranges::fill(gradient, 0.0);
  const auto n = static_cast<double>(data.size());
  double f = 0;
  for (const auto& [x, y] : data) {
    std::array<double, kWidth> hidden, score;
    for (std::size_t i = 0; i < kWidth; ++i) {
      const double* w = &theta[kHidden + i * kWidth];
      hidden[i] = std::max(w[0] * x[0] + w[1] * x[1] + theta[kHiddenBias + i], 0.0);
    }
    for (std::size_t i = 0; i < kWidth; ++i) {
      const double* u = &theta[kOutput + i * kWidth];
      score[i] = u[0] * hidden[0] + u[1] * hidden[1] + theta[kOutputBias + i];
    }
    const double z = score[1] - score[0];  // log odds of class 1
    f += (softplus(z) - y * z) / n;
    if (gradient.empty()) continue;
    const double slope = (sigmoid(z) - y) / n;
    const std::array<double, kWidth> d_score{-slope, slope};
    for (std::size_t j = 0; j < kWidth; ++j) {
      double d_hidden = 0;
      for (std::size_t i = 0; i < kWidth; ++i) {
        gradient[kOutput + i * kWidth + j] += d_score[i] * hidden[j];
        d_hidden += d_score[i] * theta[kOutput + i * kWidth + j];
      }
      gradient[kOutputBias + j] += d_score[j];
      if (hidden[j] <= 0) continue;
      for (std::size_t i = 0; i < kWidth; ++i) gradient[kHidden + j * kWidth + i] += d_hidden * x[i];
      gradient[kHiddenBias + j] += d_hidden;
    }
  }
  for (const std::size_t layer : {kHidden, kOutput}) {
    for (std::size_t i = layer; i < layer + kWidth * kWidth; ++i) {
      f += 0.5 * kPenalty * theta[i] * theta[i];
      if (!gradient.empty()) gradient[i] += kPenalty * theta[i];
    }
  }
  return f;
}

auto draw_two_layer_network(Random& random, int) -> Problem {
  constexpr std::size_t kGaussians = 4;
  std::array<double, kGaussians> classes;
  do {
    for (double& y : classes) y = random.chance(0.5) ? 1 : 0;
  } while (std::ranges::all_of(classes, [&](double y) { return y == classes[0]; }));
  auto data = std::make_shared<Examples<kWidth>>();
  for (const double y : classes) {
    const auto mean = normals<kWidth>(random, kMeanDeviation);
    for (int k = 0; k < 25; ++k) {
      Example<kWidth>& one = data->emplace_back(Example<kWidth>{normals<kWidth>(random, 1), y});
      for (std::size_t i = 0; i < kWidth; ++i) one.x[i] += mean[i];
    }
  }
  return in_box(kWeights, kHalfWidth, [data](std::span<const double> theta, std::span<double> gradient) {
    return network_loss(*data, theta, gradient);
  });
}

}  // namespace

const std::vector<std::shared_ptr<const Family>>& learning_families() {
  static const std::vector<std::shared_ptr<const Family>> families{
      drawn_family("logistic-regression", "two classes of 50 examples in 3 dimensions, l2 (Li & Malik 2016)",
                   static_cast<int>(kAffine), draw_logistic_regression),
      drawn_family("robust-regression", "Geman-McClure loss of 100 examples in 3 dimensions (Li & Malik 2016)",
                   static_cast<int>(kAffine), draw_robust_regression),
      drawn_family("two-layer-network", "classifier of 12 weights, ReLU, l2, 100 examples (Li & Malik 2016)",
                   static_cast<int>(kWeights), draw_two_layer_network),
  };
  return families;
}

}  // namespace scout
