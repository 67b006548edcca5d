#include "scout/problem/problem.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "scout/base/options.h"

namespace scout {
namespace {

class ProblemInstance : public Instance {
 public:
  explicit ProblemInstance(Problem problem) : problem_(std::move(problem)) {}

  int dimension() const override { return static_cast<int>(problem_.lower.size()); }

  void evaluate(std::span<const double> theta, std::span<double> f, std::span<double> gradient) const override {
    const std::size_t m = problem_.lower.size();
    for (std::size_t b = 0; b * m < theta.size(); ++b) {
      const double value =
          problem_.evaluate(theta.subspan(b * m, m), gradient.empty() ? gradient : gradient.subspan(b * m, m));
      if (!f.empty()) f[b] = value;
    }
  }

  double true_value(std::span<const double> theta) const override { return problem_.evaluate(theta, {}); }

  void sample_start(Random& random, std::span<double> theta) const override {
    if (problem_.sample_start) return problem_.sample_start(random, theta);
    for (std::size_t i = 0; i < theta.size(); ++i) theta[i] = random.uniform(problem_.lower[i], problem_.upper[i]);
  }

  std::span<const double> given_start() const override { return problem_.given_start; }
  std::span<const double> lower() const override { return problem_.lower; }
  std::span<const double> upper() const override { return problem_.upper; }
  double value_scale() const override { return problem_.unit; }
  std::optional<double> optimum_value() const override { return problem_.optimum_value; }
  std::span<const double> optimum() const override { return problem_.optimum; }

 private:
  Problem problem_;
};

std::string place(const char* name, std::size_t i) { return std::string(name) + '[' + std::to_string(i) + ']'; }

/// Throws std::invalid_argument naming the field, if one is missing or does not fit the others.
void check(const Problem& problem) {
  const std::size_t m = problem.lower.size();
  if (!problem.evaluate) throw_bad_option("evaluate", "empty", "a function that can be called");
  if (m == 0) throw_bad_option("lower", "empty", "of one number or more");
  const auto fits = [&](const char* name, const std::vector<double>& numbers, bool may_be_empty) {
    if (may_be_empty && numbers.empty()) return;
    if (numbers.size() != m) {
      throw_bad_option(name, "of " + std::to_string(numbers.size()) + " numbers", "of " + std::to_string(m) + ", as lower");
    }
    for (std::size_t i = 0; i < m; ++i) {
      if (!std::isfinite(numbers[i])) throw_bad_option(place(name, i), std::to_string(numbers[i]), "finite");
    }
  };
  fits("lower", problem.lower, false);
  fits("upper", problem.upper, false);
  fits("given_start", problem.given_start, true);
  fits("optimum", problem.optimum, true);
  for (std::size_t i = 0; i < m; ++i) {
    if (problem.lower[i] < problem.upper[i]) continue;
    throw_bad_option(place("upper", i), std::to_string(problem.upper[i]),
                     "above " + place("lower", i) + " = " + std::to_string(problem.lower[i]));
  }
  for (std::size_t i = 0; i < problem.optimum.size(); ++i) {
    if (problem.lower[i] <= problem.optimum[i] && problem.optimum[i] <= problem.upper[i]) continue;
    throw_bad_option(place("optimum", i), std::to_string(problem.optimum[i]),
                     "within the box, from " + std::to_string(problem.lower[i]) + " to " + std::to_string(problem.upper[i]));
  }
  if (problem.optimum_value && !std::isfinite(*problem.optimum_value)) {
    throw_bad_option("optimum_value", std::to_string(*problem.optimum_value), "finite, or not given");
  }
  if (!(problem.unit > 0) || !std::isfinite(problem.unit)) {
    throw_bad_option("unit", std::to_string(problem.unit), "greater than 0, and finite");
  }
}

/// Begins where f is finite.
class DrawnInstance final : public ProblemInstance {
 public:
  DrawnInstance(Problem problem, std::string family) : ProblemInstance(std::move(problem)), family_(std::move(family)) {}

  void sample_start(Random& random, std::span<double> theta) const override {
    constexpr int kDraws = 1000;
    for (int n = 0; n < kDraws; ++n) {
      ProblemInstance::sample_start(random, theta);
      if (std::isfinite(true_value(theta))) return;
    }
    throw std::runtime_error("problem '" + family_ + "': f is not finite at any of " + std::to_string(kDraws) +
                             " random starts: let sample_start draw points where it is");
  }

 private:
  std::string family_;
};

class DrawnFamily final : public Family {
 public:
  DrawnFamily(std::string name, std::string summary, int dimension, DrawProblem draw)
      : Family(std::move(name), std::move(summary)), dimension_(dimension), draw_(std::move(draw)) {}

  bool has_own_dimensions() const override { return dimension_ > 0; }

  std::unique_ptr<Instance> sample(Split split, std::uint64_t index, int dimension) const override {
    const int m = dimension_ > 0 ? dimension_ : dimension;
    if (m < 1) throw std::invalid_argument("problem '" + name() + "': dimension is " + std::to_string(m) + ": must be >= 1");
    Random random(instance_seed(name(), split, index, m));
    Problem problem = draw_(random, m);
    try {
      if (problem.lower.size() != static_cast<std::size_t>(m)) {
        throw_bad_option("lower", "of " + std::to_string(problem.lower.size()) + " numbers", "of " + std::to_string(m));
      }
      check(problem);
      return std::make_unique<DrawnInstance>(std::move(problem), name());
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument("problem '" + name() + "': " + error.what());
    }
  }

 private:
  int dimension_;
  DrawProblem draw_;
};

}  // namespace

std::unique_ptr<Instance> problem_instance(Problem problem) {
  check(problem);
  return std::make_unique<ProblemInstance>(std::move(problem));
}

std::shared_ptr<const Family> drawn_family(std::string name, std::string summary, int dimension, DrawProblem draw) {
  const auto plain = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; };
  if (name.empty() || !std::ranges::all_of(name, plain))
    throw_bad_option("name", '"' + name + '"', "letters, digits and dashes");
  if (dimension < 0) throw_bad_option("dimension", std::to_string(dimension), "at least 0");
  if (!draw) throw_bad_option("draw", "empty", "a function that can be called");
  return std::make_shared<DrawnFamily>(std::move(name), std::move(summary), dimension, std::move(draw));
}

}  // namespace scout
