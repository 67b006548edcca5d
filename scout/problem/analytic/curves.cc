#include <cmath>

#include "scout/problem/analytic/function.h"

namespace scout::analytic {

constexpr std::size_t kPoints = 20;

/// Curve fitting: mean over x of (y(x; z) - y(x; z*))^2, where y is a sum of neurons, z_3j tanh(z_3j+1 x + z_3j+2), and what
/// is left over of M adds a polynomial. The parameters are [scales (M), z* (M)]: y sees s_i z_i.
static double evaluate(std::span<const double> z, std::span<double> gradient, const Parameters& parameters) {
  const std::size_t m = z.size();
  const std::size_t neurons = m / 3;
  const double* scale = parameters.data();
  const double* optimum = scale + m;
  for (double& g : gradient) g = 0.0;
  double f = 0.0;
  for (std::size_t n = 0; n < kPoints; ++n) {
    const double x = -2.0 + 4.0 * static_cast<double>(n) / (kPoints - 1);
    double residual = 0.0;
    for (std::size_t j = 0; j < neurons; ++j) {
      const std::size_t i = 3 * j;
      residual += scale[i] * z[i] * std::tanh(scale[i + 1] * z[i + 1] * x + scale[i + 2] * z[i + 2]);
      residual -= scale[i] * optimum[i] * std::tanh(scale[i + 1] * optimum[i + 1] * x + scale[i + 2] * optimum[i + 2]);
    }
    double power = 1.0;
    for (std::size_t i = 3 * neurons; i < m; ++i, power *= 0.5 * x) residual += scale[i] * (z[i] - optimum[i]) * power;
    f += residual * residual / kPoints;
    if (gradient.empty()) continue;
    const double factor = 2.0 * residual / kPoints;
    for (std::size_t j = 0; j < neurons; ++j) {
      const std::size_t i = 3 * j;
      const double t = std::tanh(scale[i + 1] * z[i + 1] * x + scale[i + 2] * z[i + 2]);
      const double inner = factor * scale[i] * z[i] * (1.0 - t * t);
      gradient[i] += factor * scale[i] * t;
      gradient[i + 1] += inner * scale[i + 1] * x;
      gradient[i + 2] += inner * scale[i + 2];
    }
    power = 1.0;
    for (std::size_t i = 3 * neurons; i < m; ++i, power *= 0.5 * x) gradient[i] += factor * scale[i] * power;
  }
  return f;
}

static std::vector<double> optimum(int dimension, const Parameters& parameters) {
  return {parameters.begin() + dimension, parameters.begin() + 2 * dimension};
}

static Parameters sample_parameters(int dimension, Random& random) {
  Parameters parameters;
  const double spread = random.log_uniform(1.0, 30.0);
  for (int i = 0; i < dimension; ++i) parameters.push_back(random.log_uniform(1.0 / spread, spread));
  for (int i = 0; i < dimension; ++i) parameters.push_back(random.uniform(-2.0, 2.0));
  return parameters;
}

extern const AnalyticFunction curves{
    .name = "curves",
    .summary = "curve fitting: a sum of tanh neurons and a polynomial, badly scaled, with symmetries",
    .source = "f(z) = Σ_x (y(x; z) - y(x; z*))^2 / 20",
    .evaluate = evaluate,
    .domain = {-3.0, 3.0},
    .optimum = optimum,
    .sample_parameters = sample_parameters,
};

}  // namespace scout::analytic
