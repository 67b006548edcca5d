// Nonlinear regressions of the NIST Statistical Reference Datasets, https://www.itl.nist.gov/div898/strd/
#include <cmath>
#include <numbers>
#include <numeric>

#include "scout/problem/real/families.h"
#include "scout/problem/real/nist_data.h"

namespace scout::real {
namespace {

using std::atan2;
using std::cos;
using std::exp;
using std::pow;
using std::sin;
constexpr double kPi = std::numbers::pi;

/// The response that a model with M parameters says; `x` are the predictors of one observation.
using Fit = double (*)(const NistData& data, std::span<const double> theta, std::span<double> gradient);

struct Model {
  const char* name;
  Fit fit;
  /// Coordinates that are amplitudes of sines and cosines, whose sign says nothing; a bit each.
  unsigned amplitudes = 0;
};

/// The residual sum of squares of `formula(b, x)`.
template <int M, class Formula>
constexpr Fit fit(Formula) {
  return [](const NistData& data, std::span<const double> theta, std::span<double> gradient) {
    return sum_of_squares<M>(theta, gradient, [&](const auto* b, const auto& add) {
      const double* x = data.predictor.data();
      for (const double y : data.response) {
        add(y - Formula{}(b, x));
        x += data.predictors;
      }
    });
  };
}

constexpr auto kMisra1a = [](const auto* b, const double* x) { return b[0] * (1.0 - exp(-b[1] * x[0])); };
constexpr auto kChwirut = [](const auto* b, const double* x) { return exp(-b[0] * x[0]) / (b[1] + b[2] * x[0]); };
constexpr auto kLanczos = [](const auto* b, const double* x) {
  return b[0] * exp(-b[1] * x[0]) + b[2] * exp(-b[3] * x[0]) + b[4] * exp(-b[5] * x[0]);
};
constexpr auto kGauss = [](const auto* b, const double* x) {
  const auto first = (x[0] - b[3]) / b[4];
  const auto second = (x[0] - b[6]) / b[7];
  return b[0] * exp(-b[1] * x[0]) + b[2] * exp(-first * first) + b[5] * exp(-second * second);
};
constexpr auto kCubics = [](const auto* b, const double* x) {
  return (b[0] + x[0] * (b[1] + x[0] * (b[2] + x[0] * b[3]))) / (1.0 + x[0] * (b[4] + x[0] * (b[5] + x[0] * b[6])));
};
constexpr auto kEnso = [](const auto* b, const double* x) {
  const double year = 2 * kPi * x[0] / 12;
  const auto first = 2 * kPi * x[0] / b[3];
  const auto second = 2 * kPi * x[0] / b[6];
  return b[0] + b[1] * cos(year) + b[2] * sin(year) + b[4] * cos(first) + b[5] * sin(first) + b[7] * cos(second) +
         b[8] * sin(second);
};

/// In alphabetical order: problem 2 k is the first start of model k, 2 k + 1 its second.
const Model kModels[] = {
    {"Bennett5", fit<3>([](const auto* b, const double* x) { return b[0] * pow(b[1] + x[0], -1.0 / b[2]); })},
    {"BoxBOD", fit<2>(kMisra1a)},
    {"Chwirut1", fit<3>(kChwirut)},
    {"Chwirut2", fit<3>(kChwirut)},
    {"DanWood", fit<2>([](const auto* b, const double* x) { return b[0] * pow(x[0], b[1]); })},
    {"ENSO", fit<9>(kEnso), 0b110110110},
    {"Eckerle4", fit<3>([](const auto* b, const double* x) {
       const auto z = (x[0] - b[2]) / b[1];
       return b[0] / b[1] * exp(-0.5 * z * z);
     })},
    {"Gauss1", fit<8>(kGauss)},
    {"Gauss2", fit<8>(kGauss)},
    {"Gauss3", fit<8>(kGauss)},
    {"Hahn1", fit<7>(kCubics)},
    {"Kirby2", fit<5>([](const auto* b, const double* x) {
       return (b[0] + x[0] * (b[1] + x[0] * b[2])) / (1.0 + x[0] * (b[3] + x[0] * b[4]));
     })},
    {"Lanczos1", fit<6>(kLanczos)},
    {"Lanczos2", fit<6>(kLanczos)},
    {"Lanczos3", fit<6>(kLanczos)},
    {"MGH09", fit<4>([](const auto* b, const double* x) {
       return b[0] * (x[0] * x[0] + x[0] * b[1]) / (x[0] * x[0] + x[0] * b[2] + b[3]);
     })},
    {"MGH10", fit<3>([](const auto* b, const double* x) { return b[0] * exp(b[1] / (x[0] + b[2])); })},
    {"MGH17",
     fit<5>([](const auto* b, const double* x) { return b[0] + b[1] * exp(-x[0] * b[3]) + b[2] * exp(-x[0] * b[4]); })},
    {"Misra1a", fit<2>(kMisra1a)},
    {"Misra1b", fit<2>([](const auto* b, const double* x) {
       const auto z = 1.0 + b[1] * x[0] / 2.0;
       return b[0] * (1.0 - 1.0 / (z * z));
     })},
    {"Misra1c", fit<2>([](const auto* b, const double* x) { return b[0] * (1.0 - pow(1.0 + 2.0 * b[1] * x[0], -0.5)); })},
    {"Misra1d", fit<2>([](const auto* b, const double* x) { return b[0] * b[1] * x[0] / (1.0 + b[1] * x[0]); })},
    {"Nelson", fit<3>([](const auto* b, const double* x) { return b[0] - b[1] * x[0] * exp(-b[2] * x[1]); })},
    {"Rat42", fit<3>([](const auto* b, const double* x) { return b[0] / (1.0 + exp(b[1] - b[2] * x[0])); })},
    {"Rat43", fit<4>([](const auto* b, const double* x) { return b[0] / pow(1.0 + exp(b[1] - b[2] * x[0]), 1.0 / b[3]); })},
    {"Roszman1", fit<4>([](const auto* b, const double* x) { return b[0] - b[1] * x[0] - atan2(b[2], x[0] - b[3]) / kPi; })},
    {"Thurber", fit<7>(kCubics)},
};

/// The box reaches ten times as far as the two starts, of which a user knows no more. Where both have one sign, all of it
/// has: a rate stays a rate, and a denominator keeps its sign. Starts are then log-uniform in it.
constexpr double kReach = 10;

FixedProblem make(int index) {
  const Model& model = kModels[index / 2];
  auto data = std::make_shared<NistData>(parse_nist(model.name, nist_text(model.name)));
  if (data->name == "Nelson") {  // whose model is of log y
    for (double& y : data->response) y = std::log(y);
  }
  FixedProblem out;
  std::vector<bool> one_sign;
  for (std::size_t i = 0; i < data->certified.size(); ++i) {
    const double a = data->starts[0][i], b = data->starts[1][i];
    const double least = std::min(std::abs(a), std::abs(b)) / kReach, most = std::max(std::abs(a), std::abs(b)) * kReach;
    one_sign.push_back(a * b > 0 && (model.amplitudes >> i & 1) == 0);
    out.lower.push_back(!one_sign[i] || a < 0 ? -most : least);
    out.upper.push_back(!one_sign[i] || a > 0 ? most : -least);
  }
  out.sample_start = [lower = out.lower, upper = out.upper, one_sign](Random& random, std::span<double> theta) {
    for (std::size_t i = 0; i < theta.size(); ++i) {
      theta[i] = !one_sign[i]   ? random.uniform(lower[i], upper[i])
                 : lower[i] > 0 ? random.log_uniform(lower[i], upper[i])
                                : -random.log_uniform(-upper[i], -lower[i]);
    }
  };
  out.given_start = data->starts[index % 2];
  out.optimum = data->certified;
  out.optimum_value = data->certified_sum;
  out.unit = std::inner_product(data->response.begin(), data->response.end(), data->response.begin(), 0.0);
  out.evaluate = [data, &model](std::span<const double> theta, std::span<double> gradient) {
    return model.fit(*data, theta, gradient);
  };
  return out;
}

}  // namespace

std::shared_ptr<const Family> nist() {
  return fixed_family("nist", "27 regressions of NIST, each from its two starts; certified minima",
                      2 * static_cast<int>(std::size(kModels)), make);
}

}  // namespace scout::real
