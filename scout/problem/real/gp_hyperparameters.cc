// The hyperparameters of a Gaussian process (Rasmussen & Williams 2006, section 5.4): length scales, amplitude and noise.
#include <cmath>
#include <limits>
#include <numbers>

#include "scout/problem/real/families.h"

namespace scout::real {
namespace {

constexpr std::size_t kPoints = 40;

/// Points and standardised values to explain.
struct Data {
  std::size_t inputs;
  std::vector<double> squares;  ///< [inputs, N, N], (x_i - x_j)² along each input
  std::vector<double> y;        ///< [N]
};

/// A sum of waves along the inputs and a product of them, with noise.
Data make_data(int index) {
  Random random(fixed_problem_seed("gp-hyperparameters", index));
  Data out{.inputs = static_cast<std::size_t>(1 + index % 3), .squares = {}, .y = std::vector<double>(kPoints)};
  std::vector<double> x(out.inputs * kPoints);
  for (double& coordinate : x) coordinate = random.uniform();
  const double noise = random.log_uniform(0.03, 0.3);
  double mean = 0, variance = 0;
  for (std::size_t d = 0; d < out.inputs; ++d) {
    const double height = random.uniform(0.5, 1.5), waves = random.uniform(0.5, 2), phase = random.uniform(0, 6.28);
    for (std::size_t i = 0; i < kPoints; ++i) {
      out.y[i] += height * std::sin(2 * std::numbers::pi * waves * x[d * kPoints + i] + phase) * (1 + 0.5 * out.y[i]);
    }
    for (std::size_t i = 0; i < kPoints; ++i) {
      for (std::size_t j = 0; j < kPoints; ++j) out.squares.push_back(std::pow(x[d * kPoints + i] - x[d * kPoints + j], 2));
    }
  }
  for (double& y : out.y) y += noise * random.normal();
  for (const double y : out.y) mean += y / kPoints;
  for (const double y : out.y) variance += (y - mean) * (y - mean) / kPoints;
  for (double& y : out.y) y = (y - mean) / std::sqrt(variance);
  return out;
}

/// The lower triangle of `matrix` [N, N] becomes that of its inverse; returns the half of the logarithm of its determinant,
/// or NaN if it is not positive definite.
double invert(std::vector<double>& matrix) {
  constexpr std::size_t n = kPoints;
  double half_log = 0;
  const auto at = [&](std::size_t i, std::size_t j) -> double& { return matrix[i * n + j]; };
  for (std::size_t j = 0; j < n; ++j) {  // L Lᵀ
    for (std::size_t i = j; i < n; ++i) {
      double sum = at(i, j);
      for (std::size_t k = 0; k < j; ++k) sum -= at(i, k) * at(j, k);
      if (i > j) {
        at(i, j) = sum / at(j, j);
        continue;
      }
      if (!(sum > 0)) return std::numeric_limits<double>::quiet_NaN();
      at(j, j) = std::sqrt(sum);
      half_log += std::log(at(j, j));
    }
  }
  for (std::size_t j = 0; j < n; ++j) {  // L^-1
    at(j, j) = 1 / at(j, j);
    for (std::size_t i = j + 1; i < n; ++i) {
      double sum = 0;
      for (std::size_t k = j; k < i; ++k) sum -= at(i, k) * at(k, j);
      at(i, j) = sum / at(i, i);
    }
  }
  for (std::size_t j = 0; j < n; ++j) {  // L^-T L^-1
    for (std::size_t i = j; i < n; ++i) {
      double sum = 0;
      for (std::size_t k = i; k < n; ++k) sum += at(k, i) * at(k, j);
      at(i, j) = sum;
    }
  }
  return half_log;
}

/// -log p(y) of y ~ N(0, K), K_ij = s² exp(-½ Σ_d (x_id - x_jd)² / l_d²) + n² δ_ij, at θ = (log l, log s, log n).
double negative_log_likelihood(const Data& data, std::span<const double> theta, std::span<double> gradient) {
  constexpr std::size_t n = kPoints;
  thread_local std::vector<double> kernel, inverse;
  kernel.resize(n * n);
  std::vector<double> weights(data.inputs), alpha(n);
  for (std::size_t d = 0; d < data.inputs; ++d) weights[d] = std::exp(-2 * theta[d]);
  const double amplitude = std::exp(2 * theta[data.inputs]), noise = std::exp(2 * theta[data.inputs + 1]);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double distance = 0;
      for (std::size_t d = 0; d < data.inputs; ++d) distance += weights[d] * data.squares[(d * n + i) * n + j];
      kernel[i * n + j] = amplitude * std::exp(-0.5 * distance);
    }
  }
  inverse = kernel;
  for (std::size_t i = 0; i < n; ++i) inverse[i * n + i] += noise;
  double f = invert(inverse) + 0.5 * n * std::log(2 * std::numbers::pi);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) alpha[i] += (j <= i ? inverse[i * n + j] : inverse[j * n + i]) * data.y[j];
    f += 0.5 * alpha[i] * data.y[i];
  }
  if (gradient.empty()) return f;
  std::fill(gradient.begin(), gradient.end(), 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {  // ½ tr((K^-1 - α αᵀ) ∂K)
      const double slope = (i == j ? 0.5 : 1) * (inverse[i * n + j] - alpha[i] * alpha[j]);
      for (std::size_t d = 0; d < data.inputs; ++d)
        gradient[d] += slope * kernel[i * n + j] * weights[d] * data.squares[(d * n + i) * n + j];
      gradient[data.inputs] += 2 * slope * kernel[i * n + j];
      if (i == j) gradient[data.inputs + 1] += 2 * slope * noise;
    }
  }
  return f;
}

/// The best points of long searches: of 400 descents each, from starts all over the box.
const std::vector<std::vector<double>> kBest{
    {-1.25535181, 0.618486935, -3.67687185},
    {-1.91109047, -1.83330415, 0.0457858201, -1.66098723},
    {0.823010604, -1.45910756, -1.1795219, 0.209392181, -1.39590947},
    {-1.56058184, 0.267623362, -1.27561774},
    {-0.992589792, -1.06934595, 0.38590568, -2.22171645},
    {5.29577801, -2.11229292, -2.27506249, -0.116652592, -0.916989899},
    {-1.83638743, 0.433567618, -1.1619133},
    {-1.26017542, -0.761039782, 0.633755609, -1.85538795},
    {-1.20455554, -1.19015291, -1.13879721, 0.078876127, -9.20760978},
    {-1.83934807, 0.180192493, -1.28334972},
    {-0.816371218, -0.720732034, 0.617844219, -2.99575783},
    {-1.42876091, -0.912713138, -0.281020899, 0.333805117, -3.18340547},
};

FixedProblem make(int index) {
  FixedProblem out;
  const Data data = make_data(index);
  for (std::size_t d = 0; d < data.inputs; ++d) {
    out.lower.push_back(std::log(0.02));
    out.upper.push_back(std::log(200.0));
  }
  out.lower.insert(out.lower.end(), {std::log(0.05), std::log(1e-4)});
  out.upper.insert(out.upper.end(), {std::log(20.0), std::log(2.0)});
  if (static_cast<std::size_t>(index) < kBest.size()) {
    out.optimum = kBest[static_cast<std::size_t>(index)];
    out.optimum_value = negative_log_likelihood(data, out.optimum, {});
  }
  out.evaluate = [data](std::span<const double> theta, std::span<double> gradient) {
    return negative_log_likelihood(data, theta, gradient);
  };
  return out;
}

}  // namespace

std::shared_ptr<const Family> gp_hyperparameters() {
  return fixed_family("gp-hyperparameters", "the likelihood of Gaussian processes with 1 to 3 inputs; best known minima", 12,
                      make);
}

}  // namespace scout::real
