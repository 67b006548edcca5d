// Differential equations calibrated to their own noise-free solutions. A fixed grid of Runge-Kutta steps makes f a smooth
// function with an exact gradient: forward sensitivities, by dual numbers through every step.
#include <cmath>

#include "scout/problem/real/families.h"

namespace scout::real {
namespace {

constexpr int kProblems = 12;
constexpr int kSteps = 300, kStepsAnObservation = 15;

/// Two species, hunters and hunted (Lotka 1925, Volterra 1926).
struct LotkaVolterra {
  static constexpr int parameters = 4;
  static constexpr double end = 15;
  static constexpr double textbook[] = {1, 0.1, 1.5, 0.075};
  template <class T>
  static void start(const T*, T& u, T& v) {
    u = 10, v = 5;
  }
  template <class T>
  static void slope(const T* p, const T& u, const T& v, T& du, T& dv) {
    du = p[0] * u - p[1] * u * v;
    dv = p[3] * u * v - p[2] * v;
  }
};

/// The same where the first numbers of both are unknown too.
struct LotkaVolterraFromUnknown : LotkaVolterra {
  static constexpr int parameters = 6;
  static constexpr double textbook[] = {1, 0.1, 1.5, 0.075, 10, 5};
  template <class T>
  static void start(const T* p, T& u, T& v) {
    u = p[4], v = p[5];
  }
};

/// A neuron that fires (FitzHugh 1961, Nagumo et al. 1962); numbers: Ramsay et al. 2007.
struct FitzHughNagumo {
  static constexpr int parameters = 3;
  static constexpr double end = 20;
  static constexpr double textbook[] = {0.2, 0.2, 3};
  template <class T>
  static void start(const T*, T& u, T& v) {
    u = -1, v = 1;
  }
  template <class T>
  static void slope(const T* p, const T& u, const T& v, T& du, T& dv) {
    du = p[2] * (u - u * u * u / 3.0 + v);
    dv = -(u - p[0] + p[1] * v) / p[2];
  }
};

/// Hands both species at each time of observation to `observe`.
template <class Model, class T, class Observe>
void solve(const T* p, const Observe& observe) {
  constexpr double h = Model::end / kSteps;
  T u, v, du[4], dv[4];
  Model::start(p, u, v);
  for (int step = 1; step <= kSteps; ++step) {
    Model::slope(p, u, v, du[0], dv[0]);
    for (int k = 1; k < 4; ++k) {
      const double reach = k == 3 ? h : h / 2;
      Model::slope(p, T(u + reach * du[k - 1]), T(v + reach * dv[k - 1]), du[k], dv[k]);
    }
    u += h / 6 * (du[0] + 2.0 * du[1] + 2.0 * du[2] + du[3]);
    v += h / 6 * (dv[0] + 2.0 * dv[1] + 2.0 * dv[2] + dv[3]);
    if (step % kStepsAnObservation == 0) observe(u), observe(v);
  }
}

/// The truth is near the textbook's numbers; the box reaches from a quarter of them to four times.
template <class Model>
FixedProblem calibration(int index) {
  Random random(fixed_problem_seed("ode-fit", index));
  FixedProblem out;
  for (const double x : Model::textbook) {
    out.optimum.push_back(x * random.log_uniform(0.7, 1.4));
    out.lower.push_back(x / 4);
    out.upper.push_back(x * 4);
  }
  std::vector<double> data;
  out.unit = 0;
  solve<Model>(out.optimum.data(), [&](double x) {
    data.push_back(x);
    out.unit += x * x;
  });
  out.optimum_value = 0;
  out.evaluate = [data](std::span<const double> theta, std::span<double> gradient) {
    return sum_of_squares<Model::parameters>(theta, gradient, [&](const auto* x, const auto& add) {
      std::size_t at = 0;
      solve<Model>(x, [&](const auto& y) { add(y - data[at++]); });
    });
  };
  return out;
}

FixedProblem make(int index) {
  if (index % 3 == 0) return calibration<LotkaVolterra>(index);
  return index % 3 == 1 ? calibration<LotkaVolterraFromUnknown>(index) : calibration<FitzHughNagumo>(index);
}

}  // namespace

std::shared_ptr<const Family> ode_fit() {
  return fixed_family("ode-fit", "calibrations of Lotka-Volterra and FitzHugh-Nagumo equations to noise-free data",
                      kProblems, make);
}

}  // namespace scout::real
