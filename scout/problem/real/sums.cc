// Fits of sums of exponentials and of sines to their own noise-free data.
#include <cmath>
#include <numbers>

#include "scout/problem/real/families.h"

namespace scout::real {
namespace {

using std::cos;
using std::exp;

constexpr int kProblems = 10;
constexpr int kPoints = 60;

/// Σ a exp(-λ t) over terms (a, λ).
constexpr auto kExponentials = [](const auto* x, int terms, double t) {
  auto sum = x[0] * exp(-x[1] * t);
  for (int k = 1; k < terms; ++k) sum += x[2 * k] * exp(-x[2 * k + 1] * t);
  return sum;
};

/// Σ a cos(ω t + φ) over terms (a, ω, φ).
constexpr auto kSines = [](const auto* x, int terms, double t) {
  auto sum = x[0] * cos(x[1] * t + x[2]);
  for (int k = 1; k < terms; ++k) sum += x[3 * k] * cos(x[3 * k + 1] * t + x[3 * k + 2]);
  return sum;
};

/// The least squares fit of `signal` with TERMS terms of WIDTH numbers to what it is at `truth`, at times up to `end`.
template <int terms, int width, class Signal>
FixedProblem fit(Signal signal, std::vector<double> truth, double end, std::vector<double> lower,
                 std::vector<double> upper) {
  std::vector<double> times, data;
  FixedProblem out;
  out.unit = 0;
  for (int i = 0; i < kPoints; ++i) {
    times.push_back(end * i / (kPoints - 1));
    data.push_back(signal(truth.data(), terms, times.back()));
    out.unit += data.back() * data.back();
  }
  for (int k = 0; k < terms; ++k) {
    out.lower.insert(out.lower.end(), lower.begin(), lower.end());
    out.upper.insert(out.upper.end(), upper.begin(), upper.end());
  }
  out.evaluate = [signal, times, data](std::span<const double> theta, std::span<double> gradient) {
    return sum_of_squares<terms * width>(theta, gradient, [&](const auto* x, const auto& add) {
      for (std::size_t i = 0; i < times.size(); ++i) add(signal(x, terms, times[i]) - data[i]);
    });
  };
  out.optimum = std::move(truth);
  out.optimum_value = 0;
  return out;
}

/// 2, 3 or 4 terms with rates in [0.1, 10], each at least twice the one before.
FixedProblem exponentials(int index) {
  Random random(fixed_problem_seed("exponential-sum", index));
  const int terms = 2 + index % 3;
  std::vector<double> truth;
  double rate = 0.1;
  for (int k = 0; k < terms; ++k) {
    rate = k == 0 ? random.log_uniform(0.1, 0.5) : rate * random.uniform(2, 4);
    truth.push_back(random.uniform(0.5, 3));
    truth.push_back(std::min(rate, 10.0));
  }
  const std::vector<double> lower{-5, 0.01}, upper{5, 20};
  if (terms == 2) return fit<2, 2>(kExponentials, truth, 10, lower, upper);
  if (terms == 3) return fit<3, 2>(kExponentials, truth, 10, lower, upper);
  return fit<4, 2>(kExponentials, truth, 10, lower, upper);
}

/// 1, 2 or 3 terms; frequencies in [0.5, 6], at least 0.5 apart.
FixedProblem sines(int index) {
  Random random(fixed_problem_seed("sine-sum", index));
  const int terms = 1 + index % 3;
  std::vector<double> truth;
  const double step = 5.5 / terms;
  for (int k = 0; k < terms; ++k) {
    truth.push_back(random.uniform(0.5, 1.5));
    truth.push_back(0.5 + step * k + random.uniform(0, step - 0.5));
    truth.push_back(random.uniform(-std::numbers::pi, std::numbers::pi));
  }
  const std::vector<double> lower{-2, 0.1, -std::numbers::pi}, upper{2, 7, std::numbers::pi};
  if (terms == 1) return fit<1, 3>(kSines, truth, 15, lower, upper);
  if (terms == 2) return fit<2, 3>(kSines, truth, 15, lower, upper);
  return fit<3, 3>(kSines, truth, 15, lower, upper);
}

}  // namespace

std::shared_ptr<const Family> exponential_sum() {
  return fixed_family("exponential-sum", "fits of 2 to 4 decaying exponentials to noise-free data: ill-conditioned",
                      kProblems, exponentials);
}

std::shared_ptr<const Family> sine_sum() {
  return fixed_family("sine-sum", "fits of 1 to 3 sines to noise-free data: many minima along the frequencies", kProblems,
                      sines);
}

}  // namespace scout::real
