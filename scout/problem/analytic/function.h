// What a file in this folder defines: one test function, given by a formula, in its textbook coordinates.
//
// To add a problem: copy rastrigin.cc, change it, done. CMake finds the file; the function is then listed, sampled with
// random shift, scale and difficulty, rotated, made noisy, trained on, benchmarked, and put through the conformance tests.
#pragma once

#include <string>
#include <vector>

#include "scout/base/random.h"

namespace scout {

/// Difficulty parameters of one instance, drawn by `AnalyticFunction::sample_parameters`; empty if there are none.
using Parameters = std::vector<double>;

struct AnalyticFunction {
  const char* name;
  /// One line: what makes it hard.
  const char* summary;
  /// The source: author and year, or a definition.
  const char* source;

  /// f at z [M]; writes ∇f to `gradient` [M] unless it is empty.
  double (*evaluate)(std::span<const double> z, std::span<double> gradient, const Parameters& parameters);

  /// The textbook domain of every coordinate; starts are uniform over it.
  struct Interval {
    double lower, upper;
  } domain;

  /// The global minimiser z* [M] of this dimension and these parameters; null, or empty, if it is not known.
  std::vector<double> (*optimum)(int dimension, const Parameters& parameters) = nullptr;

  /// Draws the difficulty parameters; null if there are none.
  Parameters (*sample_parameters)(int dimension, Random& random) = nullptr;

  int minimum_dimension = 1;
};

/// An `optimum` (c, ..., c).
template <auto c>
std::vector<double> all_equal(int dimension, const Parameters&) {
  return std::vector<double>(static_cast<std::size_t>(dimension), c);
}

/// An `evaluate`: the sum of term(z_i, slope, parameters) over all coordinates; `slope` is set to the term's derivative.
template <double (*term)(double z, double& slope, const Parameters& parameters)>
double sum_of(std::span<const double> z, std::span<double> gradient, const Parameters& parameters) {
  double f = 0.0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    double slope;
    f += term(z[i], slope, parameters);
    if (!gradient.empty()) gradient[i] = slope;
  }
  return f;
}

/// Every function of this folder, in alphabetical order of the file names.
const std::vector<const AnalyticFunction*>& analytic_functions();

}  // namespace scout
